"""The host's switches: noted before they are turned, turned only behind the guard, and put back at the end."""

import pytest
from tests.unit.controller.world import World, network

from netwright.controller.firewall.forwarding import IPV4, IPV6
from netwright.errors import NetwrightError


def switches(world: World) -> dict[str, str]:
    """Return the switches of a world's host."""
    ra = {f"accept_ra of {link.name}": link.conf["ipv6/accept_ra"] for link in world.machine.home.links.values()}
    return {key: world.machine.home.sysctls[key] for key in (IPV4, IPV6)} | ra


async def test_ipv6_is_forwarded_from_the_first_network_with_it_on() -> None:
    world = World()
    await world.live()
    assert (switches(world)[IPV4], switches(world)[IPV6]) == ("1", "0")
    await world.engine.networks.create(network("blue", ipv6=False))
    assert switches(world)[IPV6] == "0"
    await world.engine.networks.create(network("red"))
    assert switches(world)[IPV6] == "1"
    assert switches(world)["accept_ra of wan"] == "2"
    assert "forward6" in world.machine.nft.tables["inet netwright"].chains


@pytest.mark.parametrize("step", range(1, 25))
@pytest.mark.parametrize("restart", [False, True])
async def test_a_failure_on_the_way_there_leaves_nothing_out_the_next_time(step: int, restart: bool) -> None:
    world = World()
    await world.live()
    world.steps.fail_at = world.steps.count + step
    with pytest.raises(NetwrightError):
        await world.engine.networks.create(network("red"))
    if restart:
        await world.live()
    await world.engine.networks.create(network("red"))
    whole = World()
    await whole.live()
    await whole.engine.networks.create(network("red"))
    assert switches(world)[IPV6] == "1"
    assert switches(world)["accept_ra of wan"] == switches(world)["accept_ra of lo"] == "2"
    assert world.machine.nft.tables["inet netwright"].chains == whole.machine.nft.tables["inet netwright"].chains


async def test_the_end_puts_all_of_it_back() -> None:
    world = World()
    before = world.machine.dump()
    await world.live()
    await world.engine.networks.create(network("red"))
    await world.engine.uninstall()
    assert world.machine.dump() == before
