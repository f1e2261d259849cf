"""A store that forgets: for tests, and for engines that shall leave nothing behind."""

from collections.abc import Sequence
from typing import TypeVar

from netwright.errors import SystemFailure
from netwright.store.api import Change, Put
from netwright.store.codec import decode, encode

T = TypeVar("T")


class MemoryStore:
    """Rows in memory, encoded as they would be on disk; `fail_next` makes the next commit fail."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, bytes]] = {}
        self.fail_next = False

    def load(self, kind: type[T]) -> dict[str, T]:
        """Return all rows of a kind by key, in the order of their first writing."""
        return {key: decode(kind, body) for key, body in self._rows.get(kind.__name__, {}).items()}

    async def commit(self, changes: Sequence[Change]) -> None:
        """Carry out all changes, or none where the next is to fail."""
        if self.fail_next:
            self.fail_next = False
            raise SystemFailure("the store could not be written: it was told to fail")
        for change in changes:
            if isinstance(change, Put):
                self._rows.setdefault(type(change.value).__name__, {})[change.key] = encode(change.value)
            else:
                self._rows.get(change.kind.__name__, {}).pop(change.key, None)

    def close(self) -> None:
        """Nothing waits to be written."""
