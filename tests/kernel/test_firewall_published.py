"""Packets to published ports, in both backends and both families."""

import socket
from collections.abc import Iterator

import pytest
from tests.kernel.firewall_lab import ANY, BRIDGES, LOOPBACK, OUTSIDE, SECOND, WAN, Lab

from netwright.firewall.api import Backend, FirewallSettings
from netwright.firewall.iptables import IptablesBackend
from netwright.firewall.nftables import NftablesBackend
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

BACKENDS = {"nftables": NftablesBackend, "iptables": IptablesBackend}


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    made: Backend = BACKENDS[request.param](FirewallSettings(instance="lab"))
    return made


@pytest.fixture(scope="module", params=[4, 6], ids=["ipv4", "ipv6"])
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def lab(backend: Backend, version: int) -> Iterator[Lab]:
    """A host where web, peer and apart have published ports, and routed has an open one."""
    made = Lab()
    web, anywhere = made.web, ANY[version]
    published = [
        web.publish(version, anywhere, 8080, 80),
        web.publish(version, SECOND[version], 8081, 80),
        web.publish(version, LOOPBACK[version], 8082, 80),
        web.publish(version, anywhere, 5353, 53, protocol=Protocol.UDP),
        web.publish(version, anywhere, 9000, 9000, count=10),
        web.publish(version, anywhere, 9100, 9200, count=10),
        web.publish(version, SECOND[version], 9300, 9300, count=10),
        made.peer.publish(version, anywhere, 8090, 80),
        made.apart.publish(version, anywhere, 8095, 80),
        made.routed.publish(version, anywhere, 0, 80),
    ]
    made.install(backend, [*made.intents(version), *published])
    yield made
    made.close()


@pytest.fixture(params=["0", "1"], ids=["routed-frames", "bridge-nf"])
def bridge_nf(request: pytest.FixtureRequest, lab: Lab, backend: Backend, version: int) -> None:
    """Let iptables see what stays inside a bridge, or not: the sysctl belongs to the admin."""
    if backend.name == "iptables" and request.param == "0":
        pytest.skip("Docker's rules without its proxy rely on bridge-nf-call-iptables")
    lab.sysctl(lab.host, f"bridge/bridge-nf-call-ip{'6' * (version == 6)}tables", request.param)


def test_it_is_reached_from_outside_and_sees_the_client(lab: Lab, version: int) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, WAN[version], 8080) == OUTSIDE[version]


def test_it_is_reached_at_every_address_of_the_host(lab: Lab, version: int) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, SECOND[version], 8080) == OUTSIDE[version]


def test_one_on_one_address_is_not_reached_at_another(lab: Lab, version: int) -> None:
    assert lab.seen_by(lab.web, 80, lab.outside, SECOND[version], 8081) == OUTSIDE[version]
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.outside, WAN[version], 8081)


def test_it_is_reached_by_the_host_at_its_own_address(lab: Lab, version: int) -> None:
    lab.seen_by(lab.web, 80, lab.host, WAN[version], 8080)


@pytest.mark.parametrize("port", [8080, 8082])
def test_the_host_reaches_it_at_its_ipv4_loopback_address(lab: Lab, version: int, port: int) -> None:
    if version == 6:
        pytest.skip("::1 is served by the relay")
    # The loopback address means nothing in a container: it sees the bridge's address instead.
    assert lab.seen_by(lab.web, 80, lab.host, "127.0.0.1", port) == BRIDGES["open"].address(4, 1)


def test_the_kernel_leaves_ipv6_loopback_to_the_relay(lab: Lab, version: int) -> None:
    if version == 4:
        pytest.skip("127.0.0.1 is translated")
    for port in (8080, 8082):
        relay = lab.listen(lab.host, "::1", port)
        client = lab.connect(lab.host, "::1", port)
        assert client is not None
        client.close()
        relay.accept()[0].close()


def test_a_container_on_another_bridge_reaches_it_by_the_host(lab: Lab, version: int, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.peer, WAN[version], 8080)


def test_a_neighbour_reaches_it_by_the_host(lab: Lab, version: int, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.db, WAN[version], 8080)


def test_the_container_itself_reaches_it_by_the_host(lab: Lab, version: int, bridge_nf: None) -> None:
    lab.seen_by(lab.web, 80, lab.web, WAN[version], 8080)


def test_a_neighbour_that_keeps_apart_reaches_it_by_the_host(
    lab: Lab, version: int, backend: Backend, bridge_nf: None
) -> None:
    if backend.name == "iptables":
        pytest.skip("Docker's icc=false drops it, or its proxy serves it")
    lab.seen_by(lab.apart, 80, lab.alone, WAN[version], 8095)


def test_datagrams_reach_it_and_are_answered(lab: Lab, version: int) -> None:
    listener = lab.listen(lab.web, ANY[version], 53, socket.SOCK_DGRAM)
    assert lab.ask(lab.outside, WAN[version], 5353, listener) == OUTSIDE[version]


@pytest.mark.parametrize(
    ("address", "port", "inner"),
    [(WAN, 9000, 9000), (WAN, 9009, 9009), (WAN, 9100, 9200), (WAN, 9109, 9209), (SECOND, 9305, 9305)],
)
def test_each_port_of_a_range_leads_to_its_own(
    lab: Lab, version: int, address: dict[int, str], port: int, inner: int
) -> None:
    assert lab.seen_by(lab.web, inner, lab.outside, address[version], port) == OUTSIDE[version]


def test_a_port_beside_a_range_leads_nowhere(lab: Lab, version: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.outside, WAN[version], 9010)


def test_an_open_port_of_a_routed_network_is_reached_directly(lab: Lab, version: int) -> None:
    address = lab.routed.addresses[version]
    assert lab.seen_by(lab.routed, 80, lab.outside, address, 80) == OUTSIDE[version]
    lab.seen_by(lab.routed, 80, lab.web, address, 80)
