"""What counts as a network that the host is directly on."""

from ipaddress import ip_address, ip_network

from netwright.controller.firewall.lan import lan_of, strangers_of
from netwright.host.queries import Link, Route


def route(destination: str, link: str = "eth0", gateway: str = "") -> Route:
    return Route(
        destination=ip_network(destination),
        gateway=ip_address(gateway) if gateway else None,
        link=link,
        on_link=not gateway,
    )


def test_routes_without_a_router_count_but_for_those_of_our_bridges() -> None:
    routes = [
        route("192.0.2.0/24"),
        route("10.0.0.0/8", gateway="192.0.2.1"),
        route("172.17.0.0/16", link="docker0"),
        route("2001:db8::/64"),
        route("fe80::/64"),
        route("fe80::/64", link="eth1"),
    ]

    of4, of6 = lan_of(routes, ["docker0"])

    assert of4.networks == (ip_network("192.0.2.0/24"),)
    assert of6.networks == (ip_network("2001:db8::/64"), ip_network("fe80::/64"))


def test_a_network_behind_a_vpn_counts_where_no_router_leads_to_it() -> None:
    routes = [route("203.0.113.0/24", link="wg0"), route("198.51.100.0/24", link="tun0", gateway="10.8.0.2")]

    of4, _ = lan_of(routes, [])

    assert of4.networks == (ip_network("203.0.113.0/24"),)


def test_networks_within_one_another_are_one() -> None:
    of4, _ = lan_of([route("192.0.2.0/24"), route("192.0.2.128/25", link="eth1")], [])

    assert of4.networks == (ip_network("192.0.2.0/24"),)


def test_half_the_internet_is_no_neighbourhood() -> None:
    of4, of6 = lan_of([route("0.0.0.0/1", link="tun0"), route("128.0.0.0/1", link="tun0"), route("::/0")], [])

    assert (of4.networks, of6.networks) == ((), ())


def test_bridges_that_are_not_ours_are_strangers_and_nothing_else_is() -> None:
    ours, parked = 0x4E570001, 0x5E570001
    there = [("virbr0", "bridge", 0), ("docker0", "bridge", ours), ("nwx7", "bridge", parked), ("eth0", "", 0)]
    links = [
        Link(index=place, name=name, kind=kind, mac=None, mtu=1500, group=group, up=True, master=0, peer_netns=None)
        for place, (name, kind, group) in enumerate(there, 1)
    ]

    found = strangers_of(links, ours)

    assert [(one.version, one.bridges) for one in found] == [(4, ("virbr0",)), (6, ("virbr0",))]
