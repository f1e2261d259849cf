"""What fails is taken back: at whatever step it fails, machine, rows and memory are as before."""

from dataclasses import replace

import pytest
from tests.unit.controller.changes import BUILT, PORTS, REMOVED, Change
from tests.unit.controller.world import SETTINGS, World, differences, named

from netwright.errors import NetwrightError, TeardownFailed
from netwright.host.ops import IptablesTransaction, Op, ReleasePort
from netwright.host.queries import Query


async def steps_of(change: Change, before: World) -> list[object]:
    """Return the steps of a change in which nothing goes wrong."""
    world = before.copy()
    await world.live()
    start = world.steps.count
    await change.act(world.engine)
    return world.steps.taken[start:]


async def fails_at(change: Change, origin: World, number: int) -> tuple[World, World, NetwrightError]:
    """Let a step of a change fail once; return the world before, the world after, and what was raised."""
    before, world = origin.copy(), origin.copy()
    await before.live()
    await world.live()
    world.steps.fail_at = world.steps.count + number
    with pytest.raises(NetwrightError) as caught:
        await change.act(world.engine)
    return before, world, caught.value


@pytest.mark.parametrize("change", BUILT)
async def test_a_change_that_fails_at_any_step_leaves_everything_as_before(change: Change) -> None:
    origin = await change.world()
    for number, step in enumerate(await steps_of(change, origin), 1):
        before, world, failure = await fails_at(change, origin, number)
        if isinstance(failure, TeardownFailed):
            await assert_over(change, origin, world)
            continue
        assert differences(before.seen(), world.seen()) == [], f"after the failure of {step}"
        assert world.events == before.events


@pytest.mark.parametrize("change", REMOVED)
async def test_a_removal_that_fails_at_a_step_is_over_all_the_same_and_what_is_left_goes_at_once(
    change: Change,
) -> None:
    origin = await change.world()
    for number, step in enumerate(await steps_of(change, origin), 1):
        before, world, failure = await fails_at(change, origin, number)
        if isinstance(step, tuple):  # where the disk refuses, there is no removal
            assert world.stored() == before.stored()
        else:
            assert isinstance(failure, TeardownFailed)
            assert len(failure.failures) == 1
            world.machine.settle()
            assert list(await world.engine.diagnosis.check()) == []
            await assert_over(change, origin, world)


@pytest.mark.parametrize("change", REMOVED)
async def test_a_removal_that_the_disk_refuses_leaves_no_difference_and_is_done_when_tried_again(
    change: Change,
) -> None:
    origin = await change.world()
    for number, step in enumerate(await steps_of(change, origin), 1):
        if isinstance(step, tuple):
            _, world, _ = await fails_at(change, origin, number)
            world.machine.settle()
            assert list(await world.engine.diagnosis.check()) == []
            await change.act(world.engine)
            await assert_over(change, origin, world)


@pytest.mark.parametrize("change", REMOVED)
async def test_a_removal_that_iptables_refuses_at_a_table_leaves_no_rule_behind(change: Change) -> None:
    origin = await change.world(replace(SETTINGS, backend_name="iptables"))
    after = origin.copy()
    await after.live()
    await change.act(after.engine)
    for number, step in enumerate(await steps_of(change, origin), 1):
        if isinstance(step, IptablesTransaction):
            _, world, failure = await fails_at(change, origin, number)
            assert isinstance(failure, TeardownFailed)
            assert rules(world) == rules(after), f"after the failure of {step}"


def rules(world: World) -> list[str]:
    """Return all rules of iptables, whatever their order."""
    tables = [
        (version, name, found) for version, one in world.machine.iptables.items() for name, found in one.tables.items()
    ]
    return sorted(
        f"{version} {table} {chain} {rule}"
        for version, table, chains in tables
        for chain in chains
        for rule in chains[chain]
    )


@pytest.mark.parametrize("change", REMOVED)
async def test_a_removal_of_which_everything_fails_names_every_failure(change: Change) -> None:
    origin = await change.world()
    ops = [step for step in await steps_of(change, origin) if isinstance(step, Op)]
    world = origin.copy()
    await world.live()
    world.steps.fail_at, world.steps.lasting, world.steps.spared = world.steps.count + 1, True, (tuple, Query)
    if not ops:
        await change.act(world.engine)
        return
    with pytest.raises(TeardownFailed) as caught:
        await change.act(world.engine)
    assert all(any(str(op) in str(failure) for failure in caught.value.failures) for op in ops)
    await assert_over(change, origin, world)


async def test_a_port_that_could_not_be_released_at_once_is_free_all_the_same() -> None:
    published = PORTS[0]
    unpublish = Change(lambda engine: engine.sandboxes.unpublish(named(engine, "web").id, [published]), is_open=True)
    origin = await unpublish.world()
    for number, step in enumerate(await steps_of(unpublish, origin), 1):
        if isinstance(step, ReleasePort):
            world = origin.copy()
            await world.live()
            world.steps.fail_at = world.steps.count + number
            await unpublish.act(world.engine)
            assert list(await world.engine.diagnosis.check()) == []
            await world.engine.sandboxes.publish(named(world.engine, "web").id, [published])


async def assert_over(change: Change, origin: World, world: World) -> None:
    """Assert that rows, memory and news are as after a change, and that the next start makes the machine so."""
    after = origin.copy()
    await after.live()
    await change.act(after.engine)
    assert differences(after.stored(), world.stored()) == []
    assert after.remembered() == world.remembered()
    assert [event.action for event in world.events] == [event.action for event in after.events]
    await world.live()
    assert differences((await world.rebuilt()).seen(), world.seen()) == []


@pytest.mark.parametrize("change", BUILT)
async def test_a_disk_that_is_full_from_any_commit_on_leaves_everything_as_before(change: Change) -> None:
    origin = await change.world()
    for number, step in enumerate(await steps_of(change, origin), 1):
        if not isinstance(step, tuple):
            continue
        world = origin.copy()
        await world.live()
        before = world.seen()
        world.steps.fail_at, world.steps.lasting, world.steps.spared = world.steps.count + number, True, (Op, Query)
        with pytest.raises(NetwrightError):
            await change.act(world.engine)
        assert differences(before, world.seen()) == []
