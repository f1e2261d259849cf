"""A store in memory whose commits are steps, and take their time."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from tests.fakes.steps import Steps

from netwright.errors import SystemFailure
from netwright.store.api import Change
from netwright.store.memory import MemoryStore

T = TypeVar("T")


class SteppingStore:
    """A door to rows in memory, which outlive the engine that came through it.

    Like the store on disk it carries commits out in their order, also those whose caller is cancelled.
    """

    def __init__(self, rows: MemoryStore, steps: Steps) -> None:
        self._rows = rows
        self._steps = steps

    def load(self, kind: type[T]) -> dict[str, T]:
        return self._rows.load(kind)

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        return asyncio.shield(asyncio.ensure_future(self._write(tuple(changes))))

    async def _write(self, changes: tuple[Change, ...]) -> None:
        await asyncio.sleep(0)
        self._steps.take(changes, lambda reason: SystemFailure(f"the store could not be written: {reason}"))
        await self._rows.commit(changes)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Nothing waits to be written."""
