"""Hears what a feed of the kernel's news tells."""

import asyncio
from collections.abc import Callable

from netwright.host.notices import Notice

PATIENCE = 20.0


class Ear:
    """Hears what a feed tells."""

    def __init__(self) -> None:
        self.heard: list[Notice] = []
        self._more = asyncio.Event()

    def hear(self, notice: Notice) -> None:
        self.heard.append(notice)
        self._more.set()

    async def until(self, wanted: Callable[[Notice], bool]) -> None:
        """Wait for a notice."""
        async with asyncio.timeout(PATIENCE):
            while not any(map(wanted, self.heard)):
                self._more.clear()
                await self._more.wait()
