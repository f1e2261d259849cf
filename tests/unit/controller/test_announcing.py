"""Which endpoints' neighbours are told of them, and of which addresses."""

from ipaddress import ip_address, ip_network

import pytest
from tests.unit.controller.world import World, network, sandbox

from netwright.controller import announcing
from netwright.host.notices import Notice, NoticesMissed, PortAppeared
from netwright.model.names import Id
from netwright.model.network import EndpointSpec, Pool

N = "com.docker.network."
POOLS = (Pool(subnet=ip_network("10.9.0.0/24")), Pool(subnet=ip_network("fd09::/64")))
ADDRESS4, ADDRESS6 = ip_address("10.9.0.77"), ip_address("fd09::77")


async def opened(world: World, *, net: str = "net", spec: EndpointSpec | None = None) -> Id:
    """Open a sandbox on a network."""
    endpoints = {net: spec or EndpointSpec()}
    made = await world.engine.sandboxes.create(sandbox("box", endpoints=endpoints))
    await world.engine.sandboxes.open(made.id)
    return made.id


def told(world: World) -> list[str]:
    """Return the addresses that were announced since this was asked last."""
    found = [str(address) for op in world.host.announced for address in op.addresses]
    world.host.announced.clear()
    return found


async def living(**options: str) -> World:
    """Return a world with a network."""
    world = World()
    await world.live()
    given = {f"{N}{key}": value for key, value in options.items()}
    await world.engine.networks.create(network("net", pools=POOLS, options=given))
    return world


async def test_nobody_is_told_of_an_address_that_nobody_can_have_heard_of() -> None:
    world = await living()

    await opened(world)
    await opened(world)

    assert told(world) == []


async def test_everybody_is_told_where_an_address_comes_back() -> None:
    world = await living()
    box = await opened(world, spec=EndpointSpec(ipv4=ADDRESS4, ipv6=ADDRESS6))
    await world.engine.sandboxes.delete(box)

    await opened(world, spec=EndpointSpec(ipv4=ADDRESS4, ipv6=ADDRESS6))
    assert told(world) == ["10.9.0.77", "fd09::77"]

    # Of the one family it is a new one.
    await opened(world)
    assert told(world) == []


async def test_those_who_wait_for_a_container_that_was_stopped_are_told() -> None:
    world = await living()
    box = await opened(world)
    await world.engine.sandboxes.close(box)

    await world.engine.sandboxes.open(box)

    assert told(world) == ["10.9.0.2", "fd09::2"]


async def test_only_the_address_of_which_somebody_has_heard_is_told() -> None:
    world = await living()
    await world.engine.sandboxes.delete(await opened(world, spec=EndpointSpec(ipv4=ADDRESS4)))

    await opened(world, spec=EndpointSpec(ipv4=ADDRESS4, ipv6=ADDRESS6))

    assert told(world) == ["10.9.0.77"]


async def test_a_live_connect_is_told_as_a_start_is() -> None:
    world = await living()
    await world.engine.networks.create(network("other"))
    box, spec = await opened(world, net="other"), EndpointSpec(ipv4=ADDRESS4)
    await world.engine.sandboxes.connect(box, "net", spec)
    assert told(world) == []
    await world.engine.sandboxes.disconnect(box, "net", force=False)

    await world.engine.sandboxes.connect(box, "net", spec)

    assert told(world) == ["10.9.0.77"]


@pytest.mark.parametrize("said", [{"advertise_addr_nmsgs": "3"}, {"advertise_addr_ms": "1000"}])
async def test_where_options_say_how_it_is_done_for_every_address(said: dict[str, str]) -> None:
    world = await living(**said)

    await opened(world)

    assert told(world) == ["10.9.0.2", "fd09::2"]


async def test_where_options_switch_it_off_it_is_never_done() -> None:
    world = await living(advertise_addr_nmsgs="0")
    box = await opened(world)
    await world.engine.sandboxes.close(box)

    await world.engine.sandboxes.open(box)

    assert told(world) == []


async def test_of_a_network_that_an_earlier_engine_made_anything_may_have_been_heard() -> None:
    world = await living()
    await world.live()

    await opened(world)

    assert told(world) == ["10.9.0.2", "fd09::2"]


async def test_on_a_bridge_that_stood_there_before_anything_may_have_been_heard() -> None:
    world = await living(**{"bridge.name": "br-mine"})
    adopted = {f"{N}bridge.name": "stranger"}
    await world.engine.networks.create(network("lan", options=adopted, pools=(Pool(subnet=ip_network("10.8.0.0/24")),)))

    await opened(world, net="lan")

    assert "10.8.0.2" in told(world)


@pytest.mark.parametrize("notice", [PortAppeared("br-mine"), NoticesMissed()])
async def test_on_a_bridge_that_others_may_have_joined_anything_may_have_been_heard(notice: Notice) -> None:
    world = await living(**{"bridge.name": "br-mine"})
    world.engine.hear(PortAppeared("br-other"))
    await opened(world)
    assert told(world) == []

    world.engine.hear(notice)
    await opened(world)

    assert told(world) == ["10.9.0.3", "fd09::3"]
    world.engine.close()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "REMEMBERED", 3)
    world = await living()
    for _ in range(2):
        await opened(world)
    assert told(world) == []

    await opened(world)

    assert told(world) == ["10.9.0.4", "fd09::4"]
