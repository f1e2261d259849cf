"""What a store is: rows of frozen dataclasses, changed in transactions that are on disk when they return."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row: `value` is a frozen dataclass of a registered kind, under `key`."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the row of a kind under a key; content where there is none."""

    kind: type
    key: str


Change = Put | Delete


class Store(Protocol):
    """The desired state on disk. One writer."""

    def load(self, kind: type[T]) -> dict[str, T]:
        """Return all rows of a kind by key, in the order of their first writing. For the start: it blocks."""

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        """Carry out all changes or none; they are on disk when what is returned has been awaited.

        Commits are carried out in the order in which they are asked for, whenever they are awaited, and also where
        who awaits is cancelled. Those that wait together share a disk flush.
        """

    def close(self) -> None:
        """Flush and close."""
