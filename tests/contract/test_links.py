"""Links, addresses and routes, on every kind of host."""

import errno
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from tests.contract.rigs import GROUP, Rig
from tests.contract.scene import (
    ADDRESS4,
    ADDRESS6,
    BRIDGE,
    GATEWAYS,
    MACS,
    addresses,
    inverse_of,
    links,
    pair,
    plugged,
    refused,
    routes,
)

from netwright.host import queries
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    CreateNamespace,
    DeleteAddress,
    DeleteLink,
    DeleteRoute,
    JoinBridge,
    Op,
    ProxyNeighbour,
    ReplaceRoute,
    RetireLink,
    SetLinkMtu,
    SetLinkUp,
    SetSysctl,
)


async def test_a_bridge_is_made_as_asked_and_is_down(rig: Rig) -> None:
    await rig.host.do([BRIDGE])
    link = (await links(rig))["br0"]
    assert (link.kind, link.mac, link.mtu, link.group, link.up) == ("bridge", MACS[0], 1400, GROUP, False)
    assert link.addresses == ()


async def test_a_bridge_does_not_take_anothers_name(rig: Rig) -> None:
    await rig.host.do([BRIDGE])
    failure = await refused(rig, AddBridge(name="br0", mac=MACS[1], mtu=1500, group=7))
    assert failure.errno == errno.EEXIST
    assert (await links(rig))["br0"].mac == MACS[0]


async def test_a_pair_stands_with_one_end_on_the_bridge_and_the_other_inside(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside)])
    home = await links(rig)
    outer, bridge = home["veth1"], home["br0"]
    inner = (await links(rig, inside))["eth0"]
    assert (outer.kind, outer.mac, outer.mtu, outer.group, outer.up) == ("veth", MACS[2], 1400, GROUP, False)
    assert outer.master == bridge.index
    assert outer.peer_netns is not None
    assert (inner.kind, inner.mac, inner.mtu, inner.up, inner.master) == ("veth", MACS[3], 1400, False, 0)
    assert outer.addresses == inner.addresses == ()


async def test_a_link_joins_its_bridge_again_and_comes_up(rig: Rig, inside: str) -> None:
    again = AddBridge(name="br1", mac=MACS[1], mtu=1500, group=GROUP)
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, again, pair(inside)])
    for _ in range(2):
        await rig.host.do([JoinBridge(name="veth1", bridge="br1")])
    home = await links(rig)
    assert (home["veth1"].master, home["veth1"].up) == (home["br1"].index, True)
    assert (await refused(rig, JoinBridge(name="veth1", bridge="lo"))).errno == errno.EOPNOTSUPP
    assert (await refused(rig, JoinBridge(name="absent", bridge="br0"))).errno == errno.ENODEV


async def test_one_link_is_looked_at_by_its_name(rig: Rig) -> None:
    await rig.host.do([BRIDGE, AddAddress(link="br0", address=ADDRESS4)])
    found = await rig.host.ask(queries.LinkNamed("br0"))
    assert found == (await links(rig))["br0"]
    assert found is not None
    assert found.addresses == (ADDRESS4,)
    assert await rig.host.ask(queries.LinkNamed("absent")) is None


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"bridge": "absent"}, errno.ENODEV),
        ({"bridge": "lo"}, errno.EOPNOTSUPP),
        ({"host_name": "br0"}, errno.EEXIST),
        ({"name": "lo"}, errno.EEXIST),
        ({"netns": "/nowhere"}, errno.ENOENT),
    ],
)
async def test_a_pair_that_cannot_be_leaves_nothing(rig: Rig, inside: str, change: dict[str, Any], number: int) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE])
    assert (await refused(rig, pair(inside, **change))).errno == number
    assert set(await links(rig)) == {"lo", "br0"}
    assert set(await links(rig, inside)) == {"lo"}
    assert (await links(rig))["br0"].group == GROUP


@pytest.mark.parametrize("made", ["br0", "veth1"])
async def test_a_link_is_taken_back_by_its_inverse(rig: Rig, inside: str, made: str) -> None:
    batch: dict[str, Op] = {"br0": BRIDGE, "veth1": pair(inside)}
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside)])
    back = inverse_of(batch[made])
    await rig.host.do([back])
    assert made not in await links(rig)
    await rig.host.do([back])


async def test_a_deleted_link_frees_its_name_and_addresses_at_once(rig: Rig) -> None:
    address = AddAddress(link="br0", address=ADDRESS4)
    await rig.host.do([BRIDGE, address, SetLinkUp(name="br0"), DeleteLink(name="br0"), BRIDGE, address])
    assert await addresses(rig, "br0") == {ADDRESS4}
    held_by_all = [own for link in await rig.host.ask(queries.Links()) for own in link.addresses]
    assert held_by_all.count(ADDRESS4) == 1


async def test_a_bridge_that_goes_lets_its_ports_stand(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside), DeleteLink(name="br0")])
    assert "veth1" in await links(rig)


async def test_a_retired_end_makes_room_for_another_of_its_name(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside), SetLinkUp(name="eth0", netns=inside)])
    given = AddAddress(link="eth0", address=ADDRESS4, netns=inside)
    gone: list[Op] = [RetireLink(name="eth0", netns=inside, addresses=(ADDRESS4,)), DeleteLink(name="veth1")]
    await rig.host.do([given, *gone, pair(inside, 2), given])
    assert (await links(rig, inside))["eth0"].mac == MACS[3]
    assert await addresses(rig, "eth0", inside) == {ADDRESS4}


async def test_to_retire_or_delete_what_is_not_there_is_content(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), RetireLink(name="eth0", netns=inside), DeleteLink(name="veth1")])
    assert set(await links(rig)) == {"lo"}


async def test_a_link_comes_up_and_gets_another_mtu(rig: Rig, inside: str) -> None:
    more: list[Op] = [SetLinkUp(name="eth0", netns=inside), SetLinkMtu(name="eth0", mtu=1300, netns=inside)]
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside), *more, SetLinkUp(name="br0")])
    await rig.host.do(more)
    link = (await links(rig, inside))["eth0"]
    assert (link.up, link.mtu) == (True, 1300)
    assert (await links(rig))["br0"].up


@pytest.mark.parametrize("op", [SetLinkUp(name="absent"), SetLinkMtu(name="absent", mtu=1300)])
async def test_a_link_that_is_not_there_cannot_be_changed(rig: Rig, op: Op) -> None:
    assert (await refused(rig, op)).errno == errno.ENODEV


@pytest.mark.parametrize("address", [ADDRESS4, ADDRESS6, ip_interface("10.9.0.9/32")], ids=str)
async def test_an_address_is_given_and_taken(rig: Rig, address: Any) -> None:
    given = AddAddress(link="br0", address=address)
    await rig.host.do([BRIDGE, given, given])
    assert await addresses(rig, "br0") == {address}
    await rig.host.do([given.inverse(), given.inverse()])
    assert await addresses(rig, "br0") == set()


async def test_an_address_needs_its_link_and_its_absence_does_not(rig: Rig) -> None:
    assert (await refused(rig, AddAddress(link="absent", address=ADDRESS4))).errno == errno.ENODEV
    await rig.host.do([DeleteAddress(link="absent", address=ADDRESS4)])


async def test_ipv6_is_refused_inside_until_it_is_switched_on_for_the_link(rig: Rig, inside: str) -> None:
    await rig.host.do([CreateNamespace(path=inside), BRIDGE, pair(inside)])
    given = AddAddress(link="eth0", address=ADDRESS6, netns=inside)
    assert (await refused(rig, given)).errno == errno.EACCES
    await rig.host.do([SetSysctl(key="net/ipv6/conf/eth0/disable_ipv6", value="0", netns=inside), given])
    assert await addresses(rig, "eth0", inside) == {ADDRESS6}


CONNECTED = {("10.9.0.0/24", "None", "eth0", True), ("fd09::/64", "None", "eth0", True)}


@pytest.mark.parametrize("version", [4, 6])
async def test_a_default_route_is_set_replaced_and_removed(rig: Rig, inside: str, version: int) -> None:
    await plugged(rig, inside)
    anywhere = {4: "0.0.0.0/0", 6: "::/0"}[version]
    first, second = (
        ReplaceRoute(version=version, destination=None, gateway=gateway, link="eth0", netns=inside)
        for gateway in (GATEWAYS[version], GATEWAYS[version] + 8)
    )
    await rig.host.do([first, first])
    assert await routes(rig, inside) == CONNECTED | {(anywhere, str(first.gateway), "eth0", False)}
    await rig.host.do([second])
    assert await routes(rig, inside) == CONNECTED | {(anywhere, str(second.gateway), "eth0", False)}
    await rig.host.do([second.inverse(), second.inverse()])
    assert await routes(rig, inside) == CONNECTED


@pytest.mark.parametrize(("version", "text"), [(4, "10.77.0.0/16"), (6, "fd77::/48")])
async def test_a_route_without_a_gateway_is_on_its_link(rig: Rig, inside: str, version: int, text: str) -> None:
    await plugged(rig, inside)
    route = ReplaceRoute(version=version, destination=ip_network(text), gateway=None, link="eth0", netns=inside)
    await rig.host.do([route])
    assert await routes(rig, inside) == CONNECTED | {(text, "None", "eth0", True)}
    await rig.host.do([route.inverse()])
    assert await routes(rig, inside) == CONNECTED


@pytest.mark.parametrize("version", [4, 6])
async def test_a_route_needs_a_link_that_is_up_and_a_gateway_in_reach(rig: Rig, version: int) -> None:
    def via(link: str) -> ReplaceRoute:
        return ReplaceRoute(version=version, destination=None, gateway=GATEWAYS[version], link=link)

    await rig.host.do([BRIDGE, AddBridge(name="br1", mac=MACS[1], mtu=1500, group=GROUP), SetLinkUp(name="br1")])
    assert (await refused(rig, via("absent"))).errno == errno.ENODEV
    await refused(rig, via("br0"))
    await refused(rig, via("br1"))
    assert await routes(rig) == set()


async def test_to_remove_a_route_that_is_not_there_is_content(rig: Rig) -> None:
    await rig.host.do([DeleteRoute(version=4, destination=None, link="absent")])
    await rig.host.do([DeleteRoute(version=4, destination=ip_network("10.77.0.0/16"), link="lo")])


async def test_routes_through_links_that_are_left_out_are_not_told(rig: Rig, inside: str) -> None:
    await plugged(rig, inside)
    await rig.host.do([AddAddress(link="br0", address=ip_interface("10.9.0.1/24"))])
    home = await rig.host.ask(queries.Routes(but_through=frozenset(("br0", "lo"))))
    inner = await rig.host.ask(queries.Routes(inside, frozenset(("br0",))))
    assert "br0" not in {route.link for route in home}
    assert "eth0" in {route.link for route in inner}


async def test_routes_go_with_their_link(rig: Rig, inside: str) -> None:
    await plugged(rig, inside)
    await rig.host.do([AddAddress(link="br0", address=ip_interface("10.9.0.1/24"))])
    assert await routes(rig) == {("10.9.0.0/24", "None", "br0", True)}
    await rig.host.do([DeleteLink(name="br0")])
    assert await routes(rig) == set()


async def test_an_address_is_answered_for_on_the_links_named_until_it_is_no_longer(rig: Rig) -> None:
    other = AddBridge(name="br1", mac=MACS[1], mtu=1500, group=GROUP)
    ups = [SetLinkUp(name=name) for name in ("br0", "br1")]
    owned = [ip_address("fd09::7"), ip_address("fd09::8")]
    answers = [ProxyNeighbour(link=link, address=own) for link in ("br0", "br1") for own in owned]
    await rig.host.do([BRIDGE, other, *ups, *answers, answers[0]])
    found = await rig.host.ask(queries.ProxiedNeighbours())
    await rig.host.do([inverse_of(answers[0])])
    left = await rig.host.ask(queries.ProxiedNeighbours())
    failure = await refused(rig, ProxyNeighbour(link="absent", address=owned[0]))
    assert sorted((one.link, str(one.address)) for one in found) == [
        ("br0", "fd09::7"),
        ("br0", "fd09::8"),
        ("br1", "fd09::7"),
        ("br1", "fd09::8"),
    ]
    assert sorted((one.link, str(one.address)) for one in left) == [("br0", "fd09::8"), ("br1", "fd09::8")]
    assert failure.errno == errno.ENODEV
