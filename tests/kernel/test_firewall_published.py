"""Packets to published ports, in both backends and both families."""

import socket
from collections.abc import Iterator

import pytest
from tests.kernel.firewall_lab import BRIDGES, OUTSIDE, SECOND, WAN, WAYS, Lab, lab_of, only, way_name

from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host on which web, peer and apart have published ports, and routed has an open one."""
    made = lab_of(request.param)
    published = [
        made.web.publish(made.anywhere, 8080, 80),
        made.web.publish(made.second, 8081, 80),
        made.web.publish(made.loopback, 8082, 80),
        made.web.publish(made.anywhere, 5353, 53, protocol=Protocol.UDP),
        made.web.publish(made.anywhere, 9000, 9000, count=10),
        made.web.publish(made.anywhere, 9100, 9200, count=10),
        made.web.publish(made.second, 9300, 9300, count=10),
        made.peer.publish(made.anywhere, 8090, 80),
        made.apart.publish(made.anywhere, 8095, 80),
        made.routed.publish(made.anywhere, 0, 80),
    ]
    made.install([*made.intents(), *published])
    yield made
    made.close()


@pytest.fixture(params=["0", "1"], ids=["routed-frames", "bridge-nf"])
def bridge_nf(request: pytest.FixtureRequest, lab: Lab) -> None:
    """Let iptables see what stays inside a bridge, or not: the sysctl belongs to the admin."""
    lab.sysctl(lab.host, f"bridge/bridge-nf-call-ip{'6' * (lab.version == 6)}tables", request.param)


seen_frames = pytest.mark.parametrize(
    ("lab", "bridge_nf"),
    [
        pytest.param(way, frames, id=f"{way_name(way)}-{name}")
        for way in WAYS
        for frames, name in (("0", "routed-frames"), ("1", "bridge-nf"))
        if (way[0], frames) != ("iptables", "0")
    ],
    indirect=True,
)
"""With and without br_netfilter; Docker's rules without its proxy rely on it."""


def test_it_is_reached_from_outside_and_sees_the_client(lab: Lab) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080) == OUTSIDE[lab.version]


def test_it_is_reached_at_every_address_of_the_host(lab: Lab) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, lab.second, 8080) == OUTSIDE[lab.version]


def test_one_on_one_address_is_not_reached_at_another(lab: Lab) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, lab.second, 8081) == OUTSIDE[lab.version]
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.outside, lab.wan, 8081)


def test_it_is_reached_by_the_host_at_its_own_address(lab: Lab) -> None:
    lab.seen_by(lab.web, 80, lab.host, lab.wan, 8080)


@only(version=4)  # ::1 is served by the relay
@pytest.mark.parametrize("port", [8080, 8082])
def test_the_host_reaches_it_at_its_ipv4_loopback_address(lab: Lab, port: int) -> None:
    # The loopback address means nothing in a container: it sees the bridge's address instead.
    assert lab.seen_by(lab.web, 80, lab.host, "127.0.0.1", port) == BRIDGES["open"].address(4, 1)


@only(version=6)  # 127.0.0.1 is translated
def test_the_kernel_leaves_ipv6_loopback_to_the_relay(lab: Lab) -> None:
    for port in (8080, 8082):
        relay = lab.listen(lab.host, "::1", port)
        with lab.connect(lab.host, "::1", port), relay.accept()[0]:
            pass


@seen_frames
def test_a_container_on_another_bridge_reaches_it_by_the_host(lab: Lab, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.peer, lab.wan, 8080)


@seen_frames
def test_a_neighbour_reaches_it_by_the_host(lab: Lab, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.db, lab.wan, 8080)


@seen_frames
def test_the_container_itself_reaches_it_by_the_host(lab: Lab, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.web, lab.wan, 8080)


@only(backend="nftables")  # Docker's icc=false drops it, or its proxy serves it
def test_a_neighbour_that_keeps_apart_reaches_it_by_the_host(lab: Lab, bridge_nf: None) -> None:
    lab.seen_by(lab.apart, 80, lab.alone, lab.wan, 8095)


def test_datagrams_reach_it_and_are_answered(lab: Lab) -> None:
    listener = lab.listen(lab.web, lab.anywhere, 53, socket.SOCK_DGRAM)
    assert lab.ask(lab.outside, lab.wan, 5353, listener) == OUTSIDE[lab.version]


@pytest.mark.parametrize(
    ("address", "port", "inner"),
    [(WAN, 9000, 9000), (WAN, 9009, 9009), (WAN, 9100, 9200), (WAN, 9109, 9209), (SECOND, 9305, 9305)],
)
def test_each_port_of_a_range_leads_to_its_own(lab: Lab, address: dict[int, str], port: int, inner: int) -> None:
    assert lab.seen_by(lab.web, inner, lab.outside, address[lab.version], port) == OUTSIDE[lab.version]


def test_a_port_beside_a_range_leads_nowhere(lab: Lab) -> None:
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.outside, lab.wan, 9010)


def test_an_open_port_of_a_routed_network_is_reached_directly(lab: Lab) -> None:
    address = lab.routed.addresses[lab.version]
    assert lab.seen_by(lab.routed, 80, lab.outside, address, 80) == OUTSIDE[lab.version]
    lab.seen_by(lab.routed, 80, lab.web, address, 80)
