"""A systemd-resolved in memory: what it is told of a link is known by its number, and forgotten when it stops."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from netwright.host.resolved import ResolvedFailed
from netwright.model.listener import Listener


class FakeResolved:
    """A systemd-resolved that can be stopped, and that may refuse to hear of some links."""

    def __init__(self) -> None:
        self.runs = True
        self.refuses: set[int] = set()
        self.led: dict[int, tuple[tuple[Listener, ...], tuple[str, ...]]] = {}
        self.calls = 0
        self._tell: Callable[[bool], None] = lambda _: None

    def come(self) -> None:
        """Start anew."""
        self.runs = True
        self.led.clear()
        self._tell(True)

    def go(self) -> None:
        """Stop."""
        self.runs = False
        self._tell(False)

    # The door.

    async def follow(self, runs: Callable[[bool], None]) -> None:
        self._tell = runs
        runs(self.runs)
        await asyncio.Event().wait()

    async def is_running(self) -> bool:
        self.calls += 1
        return self.runs

    async def lead(self, link: int, servers: Sequence[Listener], domains: Sequence[str]) -> None:
        await self._called(link)
        self.led[link] = (tuple(servers), tuple(domains))

    async def domains(self, link: int) -> Collection[str]:
        await self._called(link)
        return self.led[link][1] if link in self.led else ()

    async def revert(self, link: int) -> None:
        await self._called(link)
        self.led.pop(link, None)

    async def _called(self, link: int) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if not self.runs or link in self.refuses:
            raise ResolvedFailed(f"link {link} is not heard of")
