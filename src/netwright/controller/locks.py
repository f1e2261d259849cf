"""Two small locks that asyncio lacks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial


class _Held(AbstractAsyncContextManager[None]):
    """A lock for the time of a block.

    A generator would take five times as long, and every change holds two.
    """

    __slots__ = ("_give", "_take")

    def __init__(self, take: Callable[[], Awaitable[None]], give: Callable[[], None]) -> None:
        self._take = take
        self._give = give

    async def __aenter__(self) -> None:
        await self._take()

    async def __aexit__(self, *_: object) -> None:
        self._give()


class SharedLock:
    """Many may hold it shared, or one alone; who wants it alone is not starved."""

    def __init__(self) -> None:
        self._gate = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._holders = 0

    def shared(self) -> AbstractAsyncContextManager[None]:
        """Hold it together with others."""
        return _Held(self._enter, self._leave)

    async def _enter(self) -> None:
        async with self._gate:
            self._holders += 1
            self._idle.clear()

    def _leave(self) -> None:
        self._holders -= 1
        if not self._holders:
            self._idle.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold it with nobody else."""
        async with self._gate:
            await self._idle.wait()
            yield


class KeyedLocks:
    """One lock for each key; a key that nobody holds or awaits takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def holding(self, key: Hashable) -> AbstractAsyncContextManager[None]:
        """Hold the lock of a key."""
        return _Held(partial(self._take, key), partial(self._give, key))

    async def _take(self, key: Hashable) -> None:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = (lock, users + 1)
        try:
            await lock.acquire()
        except BaseException:
            self._forget(key)
            raise

    def _give(self, key: Hashable) -> None:
        self._locks[key][0].release()
        self._forget(key)

    def _forget(self, key: Hashable) -> None:
        lock, users = self._locks.pop(key)
        if users > 1:
            self._locks[key] = (lock, users - 1)
