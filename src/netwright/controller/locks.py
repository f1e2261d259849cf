"""Two small locks that asyncio lacks."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class SharedLock:
    """Many may hold it shared, or one alone; who wants it alone is not starved."""

    def __init__(self) -> None:
        self._gate = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()
        self._holders = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Hold it together with others."""
        async with self._gate:
            self._holders += 1
            self._idle.clear()
        try:
            yield
        finally:
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

    @asynccontextmanager
    async def holding(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock of a key."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)
