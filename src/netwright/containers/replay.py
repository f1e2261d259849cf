"""A session that begins with what was written before (`docker attach --logs` in the API)."""

from collections.abc import AsyncIterator

from netwright.containers.api import Frame, Session


class Replayed:
    """The past, then a live session where there is one: an `api.Session`."""

    def __init__(self, tty: bool, past: AsyncIterator[Frame] | None, live: Session | None) -> None:
        self.tty = tty
        self._past = past
        self._live = live

    async def output(self) -> AsyncIterator[Frame]:
        """Yield the past, then what comes."""
        if self._past is not None:
            async for frame in self._past:
                yield frame
        if self._live is not None:
            async for frame in self._live.output():
                yield frame

    async def write(self, data: bytes) -> None:
        """Send to stdin."""
        if self._live is not None:
            await self._live.write(data)

    async def close_input(self) -> None:
        """End stdin."""
        if self._live is not None:
            await self._live.close_input()

    async def close(self) -> None:
        """Leave."""
        if self._live is not None:
            await self._live.close()
