"""News of the host's stack, in a namespace: what is told, what is not, and that a gap is told."""

import subprocess
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address, ip_network

import pytest
from tests.kernel.ear import Ear
from tests.kernel.firewall_lab import namespace

from netwright.host.notices import (
    AddressVanished,
    ForwardingOff,
    LinkDown,
    Notice,
    NoticesMissed,
    PortAppeared,
    RouteAppeared,
    RouteVanished,
)
from netwright.host.ops import DeleteLink
from netwright.host.queries import Route
from netwright.kernel.links import delete_link, parked_group, reap
from netwright.kernel.stack import Stack
from netwright.kernel.stack_feed import StackFeed

pytestmark = pytest.mark.kernel

GROUP = 0x4E570001
FAR = ip_network("10.9.0.0/16")


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    """Listen in a namespace with a link that is up."""
    with namespace():
        ip("link", "add", "tun0", "type", "veth", "peer", "name", "far0")
        ip("link", "set", "far0", "up")
        ip("link", "set", "tun0", "up")
        ip("addr", "add", "192.0.2.1/24", "dev", "tun0")
        ear, feed = Ear(), StackFeed(GROUP)
        feed.start(ear.hear)
        try:
            yield ear
        finally:
            feed.close()
            feed.close()


def ip(*arguments: str, stdin: str | None = None) -> None:
    subprocess.run(["ip", *arguments], check=True, input=stdin, text=True)


def gone(link: str) -> Callable[[Notice], bool]:
    return lambda notice: notice == LinkDown(link)


def sysctl(setting: str) -> None:
    subprocess.run(["sysctl", "-q", "-w", setting], check=True)


async def test_routes_that_come_and_go_are_told_with_where_they_lead(ear: Ear) -> None:
    ip("route", "add", "10.9.0.0/16", "via", "192.0.2.7")
    ip("route", "del", "10.9.0.0/16")
    way = Route(destination=FAR, gateway=ip_address("192.0.2.7"), link="tun0", on_link=False)

    await ear.until(lambda notice: notice == RouteVanished(way))

    assert RouteAppeared(way) in ear.heard


async def test_an_address_is_told_by_the_neighbourhood_that_it_opens(ear: Ear) -> None:
    ip("addr", "add", "10.9.0.1/16", "dev", "tun0")
    ip("addr", "add", "fd00:9::1/64", "dev", "tun0", "nodad")
    near = [Route(destination=net, gateway=None, link="tun0", on_link=True) for net in (FAR, ip_network("fd00:9::/64"))]

    for route in near:
        await ear.until(lambda notice, route=route: notice == RouteAppeared(route))  # type: ignore[misc]


async def test_a_link_that_goes_down_takes_its_routes_with_it(ear: Ear) -> None:
    ip("link", "set", "tun0", "down")

    await ear.until(gone("tun0"))


async def test_a_route_whose_link_is_gone_by_now_is_told_by_the_link_alone(ear: Ear) -> None:
    ip("addr", "add", "fd00:9::1/64", "dev", "tun0", "nodad")
    await ear.until(lambda notice: isinstance(notice, RouteAppeared) and notice.route.destination.version == 6)

    # The event loop reads nothing while `ip` runs.
    ip("link", "del", "tun0")
    await ear.until(gone("tun0"))

    assert not [notice for notice in ear.heard if isinstance(notice, RouteVanished)]


async def test_only_links_that_go_are_told_and_only_of_this_namespace(ear: Ear) -> None:
    ip("link", "set", "tun0", "mtu", "1400")
    ip("route", "add", "10.9.0.0/16", "dev", "tun0", "table", "77")
    ip("route", "add", "blackhole", "10.9.0.0/16")
    ip("link", "set", "far0", "down")

    await ear.until(gone("far0"))

    assert [notice for notice in ear.heard if isinstance(notice, RouteAppeared)] == []
    assert {notice for notice in ear.heard if isinstance(notice, LinkDown)} == {LinkDown("far0")}


async def test_an_address_that_goes_is_told(ear: Ear) -> None:
    ip("addr", "add", "fd00:9::1/64", "dev", "tun0", "nodad")
    ip("addr", "del", "fd00:9::1/64", "dev", "tun0")
    await ear.until(lambda notice: notice == AddressVanished("tun0"))
    ear.heard.clear()

    ip("addr", "del", "192.0.2.1/24", "dev", "tun0")

    await ear.until(lambda notice: notice == AddressVanished("tun0"))


@pytest.mark.parametrize(("version", "key"), [(4, "net.ipv4.ip_forward"), (6, "net.ipv6.conf.all.forwarding")])
async def test_forwarding_that_is_switched_off_is_told(ear: Ear, version: int, key: str) -> None:
    for value in ("1", "0"):
        sysctl(f"{key}={value}")

    await ear.until(lambda notice: notice == ForwardingOff(version))

    assert sum(isinstance(notice, ForwardingOff) for notice in ear.heard) == 1


async def test_a_gap_is_told(ear: Ear) -> None:
    # The event loop reads nothing while `ip` runs.
    ip("-batch", "-", stdin="".join(f"route add 10.{n >> 8}.{n & 255}.0/24 dev tun0\n" for n in range(4000)))

    await ear.until(lambda notice: isinstance(notice, NoticesMissed))


async def test_nothing_is_told_of_a_link_that_was_taken_out_of_service(ear: Ear) -> None:
    home = Stack(None, 0)
    assert delete_link(home, DeleteLink(name="tun0"), group=1)
    reap(home, group=1)
    home.close()
    ip("link", "add", "last0", "type", "bridge")
    ip("link", "del", "last0")
    await ear.until(gone("last0"))
    assert not [notice for notice in ear.heard if "nwx" in str(notice)]


async def test_a_link_that_was_made_down_is_told_but_for_those_of_the_engine(ear: Ear) -> None:
    ip("link", "add", "own0", "group", str(GROUP), "type", "bridge")
    ip("link", "add", "other0", "group", str(GROUP + 1), "type", "bridge")
    ip("link", "add", "plain0", "type", "bridge")
    await ear.until(gone("plain0"))
    assert gone_links(ear) == {"other0", "plain0"}


async def test_what_happens_to_a_link_that_is_down_already_is_not_told(ear: Ear) -> None:
    ip("link", "add", "br0", "type", "bridge")
    await ear.until(gone("br0"))
    ip("link", "set", "far0", "down")
    ip("link", "set", "tun0", "down")
    await ear.until(gone("tun0"))
    ear.heard.clear()

    ip("link", "set", "tun0", "master", "br0")
    ip("link", "set", "tun0", "promisc", "on")
    ip("link", "add", "last0", "type", "bridge")

    await ear.until(gone("last0"))
    assert gone_links(ear) == {"last0"}


async def test_a_port_of_others_is_told_with_its_bridge_and_those_of_the_engine_are_not(ear: Ear) -> None:
    for name in ("br0", "br1"):
        ip("link", "add", name, "type", "bridge")
    ip("link", "add", "own0", "group", str(GROUP), "type", "veth", "peer", "name", "inner0")
    ip("link", "add", "old0", "group", str(parked_group(GROUP)), "type", "veth", "peer", "name", "inner1")
    for name in ("own0", "old0"):
        ip("link", "set", name, "master", "br0")
        ip("link", "set", name, "up")

    ip("link", "set", "tun0", "master", "br1")

    await ear.until(lambda notice: notice == PortAppeared("br1"))
    assert PortAppeared("br0") not in ear.heard


async def test_an_own_link_that_others_take_down_is_told(ear: Ear) -> None:
    ip("link", "add", "own0", "up", "group", str(GROUP), "type", "bridge")
    ip("link", "set", "own0", "down")

    await ear.until(gone("own0"))


def gone_links(ear: Ear) -> set[str]:
    return {notice.link for notice in ear.heard if isinstance(notice, LinkDown)}
