"""The default bridge anew, where the options want another: closed endpoints move, and no crash loses one."""

from dataclasses import replace
from ipaddress import IPv4Interface, ip_network

from tests.fakes.steps import Crash, Steps
from tests.unit.controller.world import SETTINGS, World, differences, named, sandbox

from netwright.controller.engine import NetworkEngine
from netwright.controller.predefined import DefaultBridge
from netwright.ipam.default_bridge import DefaultBridgeAddresses

OTHER = replace(
    SETTINGS,
    default_bridge=DefaultBridge(addresses=DefaultBridgeAddresses(bip=IPv4Interface("10.66.0.1/24"))),
)


async def with_closed_sandboxes() -> World:
    """Return a world with two stacks on the default bridge that are closed, under options that want another bridge."""
    world = World()
    engine = await world.live()
    for name in ("first", "second"):
        await engine.sandboxes.create(sandbox(name, "bridge"))
    world.settings = OTHER
    return world


def addresses(engine: NetworkEngine) -> list[object]:
    return [
        item.endpoint.ipv4 and item.endpoint.ipv4.network
        for name in ("first", "second")
        for item in engine.sandboxes.attachments(named(engine, name).id)
    ]


async def test_closed_endpoints_get_addresses_of_the_new_bridge() -> None:
    world = await with_closed_sandboxes()

    engine = await world.live()

    assert addresses(engine) == [ip_network("10.66.0.0/24")] * 2
    assert "Moving" not in world.stored()


async def test_running_containers_keep_the_bridge_as_it_is() -> None:
    world = await with_closed_sandboxes()
    world.settings = SETTINGS
    engine = await world.live()
    await engine.sandboxes.open(named(engine, "first").id)
    world.settings = OTHER

    engine = await world.live()

    assert addresses(engine) == [ip_network("172.17.0.0/16")] * 2


async def test_no_crash_of_the_start_loses_an_endpoint() -> None:
    origin = await with_closed_sandboxes()
    died, step = True, 0
    while died:
        step += 1
        world = origin.copy()
        try:
            await world.live(Steps(crash_at=step))
            died = False
        except Crash:
            await world.live()
        assert addresses(world.engine) == [ip_network("10.66.0.0/24")] * 2, f"after a crash at step {step}"
        assert "Moving" not in world.stored()
        assert differences((await world.rebuilt()).seen(), world.seen()) == []
    assert step > 20
