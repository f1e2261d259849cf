"""Whoever is cancelled, at any moment and however often, leaves everything as before or as after."""

import asyncio
from itertools import count

import pytest
from tests.unit.controller.changes import ALL, CHANGES, Change
from tests.unit.controller.world import World, differences, give_turns

SEVERAL = ["create network", "create sandbox", "open sandbox", "connect", "disconnect", "delete"]
PATIENCE = 60
"""Turns within which all that goes on behind a cancelled change has come to its end."""


async def cancelled(change: Change, world: World, turns: tuple[int, ...]) -> bool:
    """Cancel a change after some turns, and again; tell whether it was still under way."""
    task = asyncio.ensure_future(change.act(world.engine))
    for each in turns:
        await give_turns(each)
        if task.done():
            break
        task.cancel()
    under_way = not task.done()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    await give_turns(PATIENCE)
    return under_way


@pytest.mark.parametrize("change", ALL)
async def test_a_change_that_is_cancelled_is_whole_or_not_at_all(change: Change) -> None:
    await assert_whole(change)


@pytest.mark.parametrize("change", [CHANGES[name] for name in SEVERAL], ids=SEVERAL)
async def test_so_is_one_that_is_cancelled_again_and_again(change: Change) -> None:
    await assert_whole(change, 2, 2, 2)


async def assert_whole(change: Change, *again: int) -> None:
    origin = await change.world()
    after = origin.copy()
    await after.live()
    before = after.seen()
    await change.act(after.engine)
    for turns in count(1):
        world = origin.copy()
        await world.live()
        under_way = await cancelled(change, world, (turns, *again))
        if differences(before, world.seen()):
            assert differences(after.seen(), world.seen()) == [], f"cancelled after {turns} turns"
        if not under_way:
            break
