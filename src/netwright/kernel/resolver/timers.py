"""What is to be called when."""

import heapq
import time
from collections import deque
from collections.abc import Callable
from itertools import count


class Timers:
    """What is to be called when.

    Nearly all that is put here is due the same time after it comes, and is cancelled long before: it stands in a queue,
    in which no order has to be found, and only what is due before the last of it goes to a heap.
    """

    def __init__(self) -> None:
        self._queue: deque[Timer] = deque()
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = count()

    def at(self, when: float, act: Callable[[], None]) -> "Timer":
        """Call something at a time, unless it is cancelled before."""
        timer = Timer(when, act)
        queue = self._queue
        if not queue or when >= queue[-1].when:
            queue.append(timer)
        else:
            heapq.heappush(self._heap, (when, next(self._number), timer))
        return timer

    def wait(self, longest: float) -> float:
        """Return the seconds until something is due, `longest` at most."""
        queue, heap = self._queue, self._heap
        while queue and queue[0].act is None:
            queue.popleft()
        while heap and heap[0][2].act is None:
            heapq.heappop(heap)
        if not queue and not heap:
            return longest
        due = min(queue[0].when if queue else heap[0][0], heap[0][0] if heap else queue[0].when)
        return min(longest, max(0.0, due - time.monotonic()))

    def run(self) -> None:
        """Call what is due."""
        if not self._queue and not self._heap:
            return
        now = time.monotonic()
        while self._queue and self._queue[0].when <= now:
            self._queue.popleft().call()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2].call()


class Timer:
    """Something that is to be called at a time, or nothing."""

    __slots__ = ("act", "when")

    def __init__(self, when: float, act: Callable[[], None]) -> None:
        self.when = when
        self.act: Callable[[], None] | None = act

    def call(self) -> None:
        """Call it, unless it was cancelled."""
        if self.act is not None:
            self.act()

    def cancel(self) -> None:
        """Have nothing called; what would have been is let go of at once."""
        self.act = None
