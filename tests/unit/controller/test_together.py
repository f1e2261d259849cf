"""Two works side by side are waited for whatever becomes of either."""

import asyncio

import pytest

from netwright.controller.together import both
from netwright.errors import OperationFailed, SystemFailure


async def fails(error: Exception) -> None:
    raise error


async def test_what_both_return_is_returned_in_order() -> None:
    async def late() -> str:
        await asyncio.sleep(0)
        return "first"

    async def early() -> str:
        return "second"

    assert await both(late(), early()) == ("first", "second")


async def test_a_failure_of_one_waits_for_the_other() -> None:
    released, ended = asyncio.Event(), []

    async def other() -> None:
        await released.wait()
        ended.append("other")

    work = asyncio.ensure_future(both(fails(SystemFailure("full disk")), other()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not work.done()
    released.set()
    with pytest.raises(SystemFailure, match="full disk"):
        await work
    assert ended == ["other"]


async def test_of_two_failures_the_first_ones_is_raised() -> None:
    with pytest.raises(SystemFailure, match="disk"):
        await both(fails(SystemFailure("disk")), fails(OperationFailed("machine")))


@pytest.mark.parametrize("waited_for", ["first", "second"])
async def test_a_cancellation_waits_for_both(waited_for: str) -> None:
    begun, released, ended = asyncio.Event(), asyncio.Event(), []

    async def stubborn(name: str) -> None:
        try:
            if name == waited_for:
                begun.set()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            await released.wait()
            raise
        finally:
            ended.append(name)

    work = asyncio.ensure_future(both(stubborn("first"), stubborn("second")))
    await begun.wait()
    work.cancel()
    await asyncio.sleep(0)
    assert not work.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(ended) == ["first", "second"]
