"""Work that outlasts the cancellation of whoever waits for it."""

import asyncio

import pytest

from netwright.errors import TeardownFailed
from netwright.host.uncancelled import to_the_end


async def worked(gate: asyncio.Event, done: list[str]) -> str:
    await gate.wait()
    done.append("work")
    return "result"


async def test_without_a_cancellation_it_is_as_if_awaited() -> None:
    gate = asyncio.Event()
    gate.set()
    assert await to_the_end(worked(gate, [])) == "result"


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_the_work_is_done_before_the_cancellation_holds(times: int) -> None:
    gate, done = asyncio.Event(), list[str]()
    task = asyncio.ensure_future(to_the_end(worked(gate, done)))
    for _ in range(times):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert done == ["work"]


async def test_a_failure_is_raised() -> None:
    async def fail() -> None:
        raise TeardownFailed("no", [])

    with pytest.raises(TeardownFailed):
        await to_the_end(fail())


async def test_a_failure_that_a_cancelled_caller_does_not_hear_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    gate = asyncio.Event()

    async def fail() -> None:
        await gate.wait()
        raise TeardownFailed("something stands", [])

    task = asyncio.ensure_future(to_the_end(fail()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert "something stands" in caplog.text


async def test_a_time_limit_around_it_is_kept_after_the_work() -> None:
    gate, done = asyncio.Event(), list[str]()
    asyncio.get_running_loop().call_later(0.03, gate.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await to_the_end(worked(gate, done))
    assert done == ["work"]
