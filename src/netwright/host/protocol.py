"""The door to the machine, and sequences that are carried out as a whole or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from netwright.errors import OperationFailed
from netwright.host.ops import Op
from netwright.host.queries import Query
from netwright.host.uncancelled import outlasted

T = TypeVar("T")

ROLLBACK_SECONDS = 30.0
"""How long taking back may last before it is given up and left to the next reconciliation."""

log = logging.getLogger(__name__)


class Host(Protocol):
    """A machine."""

    async def do(self, ops: Sequence[Op]) -> None:
        """Carry out operations in order, as one batch.

        Raises OperationFailed at the first that fails; its `done` counts those before it, which stay done.
        """

    async def ask(self, query: Query[T]) -> T:
        """Answer a question."""


class Transaction:
    """A host that remembers how to take back what was done through it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._inverses: list[Op] = []

    async def do(self, ops: Sequence[Op]) -> None:
        """Carry out operations; they are remembered even where the caller is cancelled in between."""
        if not ops:
            return
        work = asyncio.ensure_future(self._host.do(ops))
        # The batch runs on in its thread whatever comes: not waited for, its effects would be unknown and would stay.
        cancellation = await outlasted(work)
        failure = work.exception()
        self._remember(ops, failure.done if isinstance(failure, OperationFailed) else len(ops))
        if cancellation is not None:
            raise cancellation from failure
        if failure is not None:
            raise failure

    async def ask(self, query: Query[T]) -> T:
        """Answer a question."""
        return await self._host.ask(query)

    async def take_back(self, ops: Sequence[Op]) -> None:
        """Take back some operations now, although the rest goes on."""
        for op in reversed(ops):
            if (back := op.inverse()) is not None:
                await self._host.do([back])
                self._inverses.remove(back)

    def _remember(self, ops: Sequence[Op], done: int) -> None:
        self._inverses.extend(back for op in ops[:done] if (back := op.inverse()) is not None)

    async def roll_back(self) -> list[str]:
        """Take back everything, newest first; return what could not be taken back, in words."""
        failures = []
        while self._inverses:
            op = self._inverses.pop()
            try:
                await self._host.do([op])
            except OperationFailed as failure:
                failures.append(f"{op}: {failure}")
        return failures


@asynccontextmanager
async def transaction(host: Host) -> AsyncIterator[Transaction]:
    """Yield a host whose operations are all taken back if the block raises or is cancelled.

    What cannot be taken back is added to the error as notes and logged; reconciliation finds it by its tag.
    """
    attempt = Transaction(host)
    try:
        yield attempt
    except BaseException as error:
        undoing = asyncio.ensure_future(attempt.roll_back())
        # The roll-back must not be cut short by another cancellation: it is bounded in time instead.
        await outlasted(undoing, ROLLBACK_SECONDS)
        failures = undoing.result() if undoing.done() else [f"not finished within {ROLLBACK_SECONDS:g} s"]
        for failure in failures:
            error.add_note(f"while taking back: {failure}")
            log.error("could not take back: %s", failure)
        raise
