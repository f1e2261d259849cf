"""A store that forgets: for tests, and for engines that shall leave nothing behind."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from netwright.store.api import Change, Put
from netwright.store.codec import decode, encode

T = TypeVar("T")


class MemoryStore:
    """Rows in memory, encoded as they would be on disk."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, bytes]] = {}

    def load(self, kind: type[T]) -> dict[str, T]:
        """Return all rows of a kind by key, in the order of their first writing."""
        return {key: decode(kind, body) for key, body in self._rows.get(kind.__name__, {}).items()}

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        """Carry out all changes."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for change in changes:
            if isinstance(change, Put):
                self._rows.setdefault(type(change.value).__name__, {})[change.key] = encode(change.value)
            else:
                self._rows.get(change.kind.__name__, {}).pop(change.key, None)
        done.set_result(None)
        return done

    def close(self) -> None:
        """Nothing waits to be written."""
