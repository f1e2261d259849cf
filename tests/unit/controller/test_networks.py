"""Networks while they are being made."""

import asyncio

import pytest
from tests.unit.controller.world import World, give_turns, network, sandbox

from netwright.errors import Conflict, InvalidInput, NotFound


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
