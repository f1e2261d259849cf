"""What is to be called when."""

import heapq
import time
from collections.abc import Callable
from itertools import count


class Timers:
    """What is to be called when."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Timer]] = []
        self._number = count()

    def at(self, when: float, act: Callable[[], None]) -> "Timer":
        """Call something at a time, unless it is cancelled before."""
        timer = Timer(act)
        heapq.heappush(self._due, (when, next(self._number), timer))
        return timer

    def wait(self, longest: float) -> float:
        """Return the seconds until something is due, `longest` at most."""
        return min(longest, max(0.0, self._due[0][0] - time.monotonic())) if self._due else longest

    def run(self) -> None:
        """Call what is due."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            act = heapq.heappop(self._due)[2].act
            if act is not None:
                act()


class Timer:
    """Something that is to be called, or nothing."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Have nothing called; what would have been is let go of at once."""
        self.act = None
