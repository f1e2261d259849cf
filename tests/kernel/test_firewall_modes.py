"""What each option of a network and of the daemon means to packets, in both backends and both families."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest
from tests.kernel.firewall_lab import OUTSIDE, PATIENCE, SILENCE, WAYS, Container, Lab, Place, lab_of, only, way_name

from netwright.firewall.intent import GatewayMode, Intent, LinkIntent, PortIntent
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host without a rule of ours."""
    made = lab_of(request.param)
    for container in made.containers.values():
        for port in (80, 81):
            made.listen(container, made.anywhere, port)
    yield made
    made.close()


def shaped(lab: Lab, *ports: PortIntent, **options: object) -> list[Intent]:
    """Return what the lab wants, with options for the network `open`, its endpoints and its ports."""
    wanted: list[Intent] = []
    for intent in (*lab.intents(), *ports):
        if intent.bridge == "open":
            own = {key: value for key, value in options.items() if hasattr(intent, key)}
            wanted.append(replace(intent, **own))  # type: ignore[arg-type]  # the options are of the intent's own fields
        else:
            wanted.append(intent)
    return wanted


def test_a_trusted_interface_reaches_published_ports_directly(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish(lab.anywhere, 8080, 80), trusted=("wan",)))
    address = lab.web.addresses[lab.version]
    assert lab.seen_by(lab.web, 80, lab.outside, address, 80) == OUTSIDE[lab.version]
    lab.assert_silent((lab.outside, address, 81), (lab.faraway, address, 80))


def test_direct_routing_reaches_published_ports_directly(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish(lab.anywhere, 8080, 80), direct=True))
    address = lab.web.addresses[lab.version]
    assert lab.seen_by(lab.web, 80, lab.outside, address, 80) == OUTSIDE[lab.version]
    lab.assert_silent((lab.outside, address, 81))


def test_an_unprotected_network_is_open_to_all(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish(lab.anywhere, 8080, 80), mode=GatewayMode.NAT_UNPROTECTED))
    address = lab.web.addresses[lab.version]
    assert lab.seen_by(lab.web, 81, lab.outside, address, 81) == OUTSIDE[lab.version]
    assert lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080) == OUTSIDE[lab.version]
    lab.seen_by(lab.web, 81, lab.peer, address, 81)


def test_a_chosen_address_is_the_source_of_what_goes_out(lab: Lab) -> None:
    lab.install(shaped(lab, snat_to=ip_address(lab.second)))
    lab.listen(lab.outside, lab.anywhere, 80)
    assert lab.seen_by(lab.outside, 80, lab.web, OUTSIDE[lab.version], 80) == lab.second
    assert lab.seen_by(lab.db, 80, lab.web, lab.db.addresses[lab.version], 80) == lab.web.addresses[lab.version]


@only(backend="nftables")  # Docker's guard in the raw table drops the answers too
def test_a_network_without_masquerade_is_answered_at_its_own_address(lab: Lab) -> None:
    lab.install(shaped(lab, masquerade=False))
    lab.listen(lab.outside, lab.anywhere, 80)
    own = lab.web.addresses[lab.version]
    assert lab.seen_by(lab.outside, 80, lab.web, OUTSIDE[lab.version], 80) == own
    lab.assert_silent((lab.outside, own, 80))


def test_a_routed_network_answers_pings_and_a_translated_one_does_not(lab: Lab) -> None:
    lab.install(lab.intents())
    assert _answers_ping(lab, lab.routed)
    assert not _answers_ping(lab, lab.web)


def _answers_ping(lab: Lab, container: Container) -> bool:
    family, protocol, request, reply = (
        (socket.AF_INET, socket.IPPROTO_ICMP, b"\x08\0\xf7\xff", 0)
        if lab.version == 4
        else (socket.AF_INET6, socket.IPPROTO_ICMPV6, b"\x80\0\0\0", 129)
    )
    with lab.inside(lab.outside):
        client = socket.socket(family, socket.SOCK_RAW, protocol)
    with client:
        client.settimeout(SILENCE)
        client.sendto(request + b"\0\0\0\0", (container.addresses[lab.version], 0))
        try:
            while (answer := client.recv(256))[20 if lab.version == 4 else 0] != reply:
                assert answer
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize("frames", ["0", "1"], ids=["routed-frames", "bridge-nf"])
def test_a_link_lets_the_parent_reach_one_port_of_the_child(lab: Lab, frames: str) -> None:
    for name in ("iptables", "ip6tables"):
        lab.sysctl(lab.host, f"bridge/bridge-nf-call-{name}", frames)
    child, parent = lab.apart, lab.alone
    link = LinkIntent(
        network="shy",
        bridge="shy",
        parent=parent.address(lab.version),
        child=child.address(lab.version),
        protocol=Protocol.TCP,
        port=80,
    )
    lab.install([*lab.intents(), link])
    address = child.addresses[lab.version]
    assert lab.seen_by(child, 80, parent, address, 80) == parent.addresses[lab.version]
    lab.assert_silent((parent, address, 81), (child, parent.addresses[lab.version], 80))


@only(version=4)  # no packet to ::1 comes in from a wire
def test_a_range_published_on_loopback_is_the_host_s_alone(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish("127.0.0.1", 9000, 9000, count=10)))
    lab.seen_by(lab.web, 9004, lab.host, "127.0.0.1", 9004)
    lab.sysctl(lab.outside, "ipv4/conf/eth0/route_localnet", "1")
    lab.sysctl(lab.host, "ipv4/conf/wan/route_localnet", "1")
    lab.run(lab.outside, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    lab.run(lab.outside, "ip", "route", "add", "127.0.0.1", "via", lab.wan)
    lab.assert_silent((lab.outside, "127.0.0.1", 9004))


@only(version=6)  # IPv4 senders have routable addresses
def test_the_address_of_a_link_is_left_to_the_relay(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish("::", 8080, 80)))
    origin, address = _link_local(lab, lab.outside, "eth0"), _link_local(lab, lab.host, "wan")
    relay = lab.listen(lab.host, "::", 8080)
    with lab.inside(lab.outside):
        client = socket.socket(socket.AF_INET6)
        scope = socket.if_nametoindex("eth0")
    with client:
        client.settimeout(PATIENCE)
        client.bind((origin, 0, 0, scope))
        client.connect((address, 8080, 0, scope))
        relay.accept()[0].close()


def _link_local(lab: Lab, place: Place, link: str) -> str:
    shown = lab.run(place, "ip", "-6", "-o", "addr", "show", "dev", link, "scope", "link")
    return shown.split()[3].partition("/")[0]


def test_what_the_relay_serves_on_loopback_is_not_translated(request: pytest.FixtureRequest, lab: Lab) -> None:
    way = (lab.backend.name, lab.version)
    relayed = lab_of(way, proxied=True)
    request.addfinalizer(relayed.close)
    relayed.install([*relayed.intents(), relayed.web.publish(relayed.anywhere, 8080, 80)])
    relay = relayed.listen(relayed.host, relayed.loopback, 8080)
    with relayed.connect(relayed.host, relayed.loopback, 8080), relay.accept()[0]:
        pass
    assert relayed.seen_by(relayed.web, 80, relayed.outside, relayed.wan, 8080) == OUTSIDE[relayed.version]
    relayed.seen_by(relayed.web, 80, relayed.host, relayed.wan, 8080)


def test_a_drop_of_the_admin_is_final(lab: Lab) -> None:
    lab.install(shaped(lab, lab.web.publish(lab.anywhere, 8080, 80)))
    program = "iptables" if lab.version == 4 else "ip6tables"
    lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080)
    lab.run(lab.host, program, "-I", "DOCKER-USER", "-i", "wan", "-j", "DROP")
    try:
        lab.assert_silent((lab.outside, lab.wan, 8080))
        lab.seen_by(lab.web, 80, lab.faraway, lab.wan, 8080)
    finally:
        lab.run(lab.host, program, "-F", "DOCKER-USER")


def test_a_change_opens_and_closes_and_its_inverse_takes_it_back(lab: Lab) -> None:
    kept, other = lab.web.publish(lab.anywhere, 8080, 80), lab.web.publish(lab.second, 8081, 80)
    lab.install(shaped(lab, kept))
    change = lab.backend.change(add=(kept, other), remove=(kept,))
    lab.do(change)
    lab.seen_by(lab.web, 80, lab.outside, lab.second, 8081)
    lab.undo(change)
    with pytest.raises(ConnectionRefusedError):
        lab.connect(lab.outside, lab.second, 8081)
    # Both lead to one port of the container: what is taken from one must not be taken from the other.
    assert lab.seen_by(lab.web, 80, lab.outside, lab.wan, 8080) == OUTSIDE[lab.version]


def test_established_connections_outlive_a_new_installation(lab: Lab) -> None:
    wanted = shaped(lab, lab.web.publish(lab.anywhere, 8080, 80))
    lab.install(wanted)
    listener = lab.listen(lab.web, lab.anywhere, 80)
    with lab.connect(lab.outside, lab.wan, 8080) as client, listener.accept()[0] as served:
        lab.install(wanted)
        client.send(b"still")
        served.settimeout(PATIENCE)
        assert served.recv(16) == b"still"
        served.send(b"here")
        assert client.recv(16) == b"here"


@pytest.mark.parametrize("way", WAYS, ids=way_name)
def test_the_metadata_of_clouds_is_refused_to_containers_alone(way: tuple[str, int]) -> None:
    lab = lab_of(way, deny_metadata=True)
    service = "169.254.169.254" if lab.version == 4 else "fd00:ec2::254"
    lab.run(lab.outside, "ip", "addr", "add", service, "dev", "lo")
    lab.run(lab.host, "ip", "route", "add", service, "via", OUTSIDE[lab.version])
    try:
        lab.install(lab.intents())
        lab.listen(lab.outside, lab.anywhere, 80)
        with pytest.raises(OSError, match=r"No route to host|Permission denied|refused"):
            lab.connect(lab.web, service, 80)
        lab.seen_by(lab.outside, 80, lab.web, OUTSIDE[lab.version], 80)
        lab.seen_by(lab.outside, 80, lab.host, service, 80)
    finally:
        lab.close()
