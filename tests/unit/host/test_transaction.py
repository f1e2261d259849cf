"""Sequences that are carried out as a whole or not at all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest
from tests.fakes.host import FakeHost
from tests.fakes.machine import Machine
from tests.fakes.steps import Steps

from netwright.errors import OperationFailed
from netwright.host import protocol
from netwright.host.ops import AddBridge, CreateNamespace, DeleteLink, DeleteNamespace, Op, SetLinkUp
from netwright.host.protocol import Transaction, transaction
from netwright.host.queries import Query
from netwright.model.addressing import Mac

T = TypeVar("T")


def bridge(number: int) -> AddBridge:
    return AddBridge(name=f"br{number}", mac=Mac(bytes((2, 0, 0, 0, 0, number))), mtu=1500, group=1)


NAMESPACE = CreateNamespace(path="/netns/one")
DISTURBANCES = [1, 2, 3, 4, 5, 6, 7, 8]


class Recorder:
    """A host on a machine in memory that writes down what it is told; `stalled` makes it wait before each batch."""

    def __init__(self, steps: Steps | None = None) -> None:
        self.machine = Machine()
        self.log: list[Op] = []
        self.stalled: asyncio.Event | None = None
        self._fake = FakeHost(self.machine, group=1, steps=steps)

    async def do(self, batch: Sequence[Op]) -> None:
        if self.stalled is not None:
            await self.stalled.wait()
        self.log.extend(batch)
        await self._fake.do(batch)

    async def ask(self, query: Query[T]) -> T:
        return await self._fake.ask(query)

    def left(self) -> set[str]:
        """Return what is there besides the loopback."""
        self.machine.settle()
        return {link.name for link in self.machine.home.links.values()} - {"lo"} | set(self.machine.pins)


async def disturbed(host: Recorder, act: Callable[[Transaction], Awaitable[None]], error: BaseException) -> None:
    async with transaction(host) as attempt:
        await act(attempt)
        raise error


async def make_all(attempt: Transaction) -> None:
    await attempt.do([bridge(1), bridge(2)])
    await attempt.do([])
    await attempt.do([NAMESPACE, SetLinkUp(name="lo", netns=NAMESPACE.path)])


async def test_what_succeeds_stays() -> None:
    host = Recorder()
    async with transaction(host) as attempt:
        await make_all(attempt)
    assert host.left() == {"br1", "br2", NAMESPACE.path}


async def test_all_that_was_done_is_taken_back_newest_first() -> None:
    host = Recorder()
    with pytest.raises(ValueError, match="no more"):
        await disturbed(host, make_all, ValueError("no more"))
    assert host.left() == set()
    backwards = [DeleteNamespace(path=NAMESPACE.path), DeleteLink(name="br2"), DeleteLink(name="br1")]
    assert host.log[-3:] == backwards


async def test_of_a_batch_that_fails_only_what_was_done_is_taken_back() -> None:
    host = Recorder()
    with pytest.raises(OperationFailed) as caught:
        async with transaction(host) as attempt:
            await attempt.do([bridge(1), SetLinkUp(name="absent"), bridge(2)])
    assert caught.value.done == 1
    assert host.left() == set()
    assert host.log[3:] == [DeleteLink(name="br1")]


async def test_a_failure_that_was_dealt_with_stops_nothing() -> None:
    host = Recorder()
    async with transaction(host) as attempt:
        with pytest.raises(OperationFailed):
            await attempt.do([bridge(1), bridge(1)])
        await attempt.do([bridge(2)])
    assert host.left() == {"br1", "br2"}


async def test_some_can_be_taken_back_before_the_rest() -> None:
    host = Recorder()

    async def change_of_mind(attempt: Transaction) -> None:
        await attempt.do([bridge(1), bridge(2)])
        await attempt.take_back([bridge(2), SetLinkUp(name="br2")])
        assert host.left() == {"br1"}

    with pytest.raises(ValueError, match="no more"):
        await disturbed(host, change_of_mind, ValueError("no more"))
    assert host.left() == set()
    assert host.log.count(DeleteLink(name="br2")) == 1


async def test_what_cannot_be_taken_back_is_told_with_the_error_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = Recorder(Steps(fail_at=4))
    with pytest.raises(ValueError, match="no more") as caught:
        await disturbed(host, lambda attempt: attempt.do([bridge(1), bridge(2), bridge(3)]), ValueError("no more"))
    (note,) = caught.value.__notes__
    assert note.startswith("while taking back: DeleteLink(name='br3'")
    assert "DeleteLink(name='br3'" in caplog.text
    assert host.left() == {"br3"}


async def end_of(task: "asyncio.Future[None]") -> None:
    """Wait for a task, and for what it may have left running."""
    await asyncio.wait([task])
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", DISTURBANCES)
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_cancellation_while_something_is_done_takes_all_of_it_back(turns: int, times: int) -> None:
    host = Recorder()
    task = asyncio.ensure_future(disturbed(host, make_all, ValueError("not cancelled")))
    for _ in range(turns):
        await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    await end_of(task)
    assert task.cancelled()
    assert host.left() == set()


async def test_what_was_begun_and_not_waited_for_is_taken_back_too() -> None:
    host = Recorder()

    async def begin(attempt: Transaction) -> None:
        waiting = asyncio.ensure_future(attempt.do([bridge(1)]))
        waiting.cancel()
        await asyncio.wait([waiting])

    with pytest.raises(ValueError, match="no more"):
        await disturbed(host, begin, ValueError("no more"))
    assert DeleteLink(name="br1") in host.log
    assert host.left() == set()


@pytest.mark.parametrize("times", DISTURBANCES)
async def test_a_cancellation_while_something_is_taken_back_stops_nothing(times: int) -> None:
    host = Recorder()
    gate, reached = asyncio.Event(), asyncio.Event()

    async def stall(attempt: Transaction) -> None:
        await make_all(attempt)
        host.stalled = gate
        reached.set()

    task = asyncio.ensure_future(disturbed(host, stall, ValueError("no more")))
    await reached.wait()
    for _ in range(times):
        await asyncio.sleep(0)
        task.cancel()
    gate.set()
    await end_of(task)
    assert isinstance(task.exception(), ValueError)
    assert host.left() == set()


async def test_a_cancelled_batch_that_fails_leaves_nothing_and_stays_cancelled() -> None:
    host = Recorder()

    async def fail(attempt: Transaction) -> None:
        await attempt.do([bridge(1), bridge(1)])

    task = asyncio.ensure_future(disturbed(host, fail, ValueError("not reached")))
    await asyncio.sleep(0)
    task.cancel()
    await end_of(task)
    assert task.cancelled()
    assert host.left() == set()


async def test_taking_back_is_bounded_in_time_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "ROLLBACK_SECONDS", 0.02)
    host = Recorder()
    gate = asyncio.Event()

    async def stall(attempt: Transaction) -> None:
        await attempt.do([bridge(1)])
        host.stalled = gate

    with pytest.raises(ValueError, match="no more") as caught:
        await disturbed(host, stall, ValueError("no more"))
    assert caught.value.__notes__ == ["while taking back: not finished within 0.02 s"]
    assert host.left() == {"br1"}
    gate.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert host.left() == set()
