"""Something that is done in the background, soon, and never twice at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from netwright.errors import NetwrightError

log = logging.getLogger(__name__)


class Afterwards:
    """Does one thing in the background; where it is wanted again meanwhile, once more."""

    def __init__(self, act: Callable[[], Awaitable[None]], complaint: str) -> None:
        self._act = act
        self._complaint = complaint
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def soon(self) -> None:
        """See to it that the thing is done after now; nothing is awaited."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._until_quiet())

    async def _until_quiet(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._act()
            except NetwrightError as failure:
                log.error("%s: %s", self._complaint, failure)

    async def done(self) -> None:
        """Wait until what was wanted so far is done."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
