"""Networks while they are being made."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from tests.unit.controller.world import World, differences, give_turns, network, sandbox

from netwright.errors import Conflict, InvalidInput, NotFound, SystemFailure, TeardownFailed
from netwright.host.ops import ChangeElements, Op


async def test_nobody_finds_a_network_before_it_stands() -> None:
    engine = await World().live()
    making = asyncio.ensure_future(engine.networks.create(network("late")))
    while not engine.networks._state.name_taken("late"):
        await give_turns(1)

    with pytest.raises(NotFound):
        engine.networks.get("late")
    with pytest.raises(InvalidInput, match="network late not found"):
        await engine.sandboxes.create(sandbox("box", "late"))
    with pytest.raises(Conflict, match="already exists"):
        await engine.networks.create(network("late"))
    assert "late" not in [row.name for row in engine.networks.list()]
    assert not making.done()

    made = await making

    assert engine.networks.get("late") == made
    assert made in engine.networks.list()


async def test_a_network_that_comes_again_at_once_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    world, gate = World(), asyncio.Event()
    engine = await world.live()
    carry_out = world.host.do

    async def do(ops: Sequence[Op]) -> None:
        if any(isinstance(op, ChangeElements) and op.idle for op in ops):
            await gate.wait()
        await carry_out(ops)

    monkeypatch.setattr(world.host, "do", do)
    wish = network("again", options={"com.docker.network.bridge.name": "br-again"})
    first = await engine.networks.create(wish)
    await engine.networks.remove("again")

    making = asyncio.ensure_future(engine.networks.create(wish))
    await give_turns(100)
    gate.set()
    second = await making
    await engine.firewall.tidied()

    assert first.pools == second.pools
    assert differences((await world.rebuilt()).seen()["machine"], world.seen()["machine"]) == []


async def test_nothing_of_a_removed_network_stays_in_the_firewall() -> None:
    world = World()
    engine = await world.live()
    await engine.networks.create(network("stays"))
    before = world.seen()["machine"]

    await engine.networks.create(network("short"))
    await engine.networks.remove("short")
    await engine.firewall.tidied()

    assert differences(before, world.seen()["machine"]) == []


async def test_two_removals_of_one_network_at_once_are_one_removal_and_one_refusal() -> None:
    world = World()
    engine = await world.live()
    await engine.networks.create(network("blue"))

    async with engine.firewall.still():
        removals = [asyncio.ensure_future(engine.networks.remove("blue")) for _ in range(2)]
        await give_turns(20)
    ends = await asyncio.gather(*removals, return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == ["Network", "NotFound"]


@pytest.mark.parametrize("step", range(1, 8))
async def test_a_removal_of_which_a_step_fails_leaves_no_rules(step: int) -> None:
    world = World()
    engine = await world.live()
    await engine.networks.create(network("first"))
    before = world.machine.dump()["nftables"]
    await engine.networks.create(network("short"))
    world.steps.fail_at = world.steps.count + step

    with contextlib.suppress(TeardownFailed, SystemFailure):
        await engine.networks.remove("short")
    await engine.firewall.tidied()
    await give_turns(50)

    if all(one.name != "short" for one in engine.networks.list()):
        assert world.machine.dump()["nftables"] == before
