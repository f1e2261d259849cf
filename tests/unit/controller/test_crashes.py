"""`kill -9` at any step: the next start makes the change whole or undoes it, and nothing is left over."""

from typing import Any

import pytest
from tests.fakes.steps import Crash, Steps
from tests.unit.controller.changes import ALL, Change
from tests.unit.controller.world import World, differences


async def finished(change: Change, origin: World) -> dict[str, Any]:
    """Return the rows after a change in which nothing goes wrong."""
    world = origin.copy()
    await world.live()
    await change.act(world.engine)
    return world.stored(wishes=False)


async def crashed(change: Change, origin: World, step: int) -> tuple[World, object]:
    """Return a world whose engine died just before a step of a change, and the step; None where it has fewer."""
    world = origin.copy()
    await world.live()
    world.steps.crash_at = world.steps.count + step
    try:
        await change.act(world.engine)
    except Crash:
        return world, world.steps.taken[-1]
    return world, None


@pytest.mark.parametrize("change", ALL)
async def test_a_crash_at_any_step_ends_before_or_after_the_change(change: Change) -> None:
    origin = await change.world()
    before, after = origin.stored(wishes=False), await finished(change, origin)
    died: object = ""
    step = 0
    while died is not None:
        step += 1
        world, died = await crashed(change, origin, step)
        await world.live()
        context = f"after a crash before {died}"
        rows = world.stored(wishes=False)
        assert rows == before or differences(after, rows) == [], context
        assert differences((await world.rebuilt()).seen(), world.seen()) == [], context
    assert step > 1


@pytest.mark.parametrize("change", ALL)
async def test_a_start_finds_nothing_to_do_after_a_change(change: Change) -> None:
    world = await change.world()
    await change.act(world.engine)
    await world.engine.firewall.tidied()
    before = world.seen()
    await world.live(Steps())
    assert differences(before, world.seen()) == []
