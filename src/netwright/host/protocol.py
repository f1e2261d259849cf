"""The door to the machine, and sequences that are carried out as a whole or not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
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

    def do(self, ops: Sequence[Op]) -> Awaitable[None]:
        """Carry out operations in order, as one batch.

        Raises OperationFailed at the first that fails; its `done` counts those before it, which stay done.
        """

    async def ask(self, query: Query[T]) -> T:
        """Answer a question."""


class Transaction:
    """A host that remembers how to take back what was done through it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._done: list[Op] = []
        self._under_way: dict[asyncio.Future[None], Sequence[Op]] = {}

    def do(self, ops: Sequence[Op]) -> Awaitable[None]:
        """Carry out operations, from now on; they are remembered even where the caller is cancelled in between."""
        work = asyncio.ensure_future(self._host.do(ops))
        self._under_way[work] = ops
        return self._settled(work)

    async def _settled(self, work: "asyncio.Future[None]") -> None:
        # The batch runs on in its thread whatever comes: not waited for, its effects would be unknown and would stay.
        cancellation = await outlasted(work)
        self._remember(work)
        failure = work.exception()
        if cancellation is not None:
            raise cancellation from failure
        if failure is not None:
            raise failure

    def _remember(self, work: "asyncio.Future[None]") -> None:
        """Note what was done."""
        ops, failure = self._under_way.pop(work), work.exception()
        self._done.extend(ops[: failure.done] if isinstance(failure, OperationFailed) else ops)

    async def ask(self, query: Query[T]) -> T:
        """Answer a question."""
        return await self._host.ask(query)

    async def take_back(self, ops: Sequence[Op]) -> None:
        """Take back some operations now, although the rest goes on."""
        for op in reversed(ops):
            if (back := op.inverse()) is not None:
                await self._host.do([back])
                self._done.remove(op)

    async def roll_back(self) -> list[str]:
        """Take back everything, newest first; return what could not be taken back, in words."""
        failures = []
        for work in tuple(self._under_way):  # nobody came to wait for it
            await outlasted(work)
            self._remember(work)
        while self._done:
            back = self._done.pop().inverse()
            try:
                await self._host.do([] if back is None else [back])
            except OperationFailed as failure:
                failures.append(f"{back}: {failure}")
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
