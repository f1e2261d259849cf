"""Packets to what is not published, in both backends and both families."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.kernel.firewall_lab import (
    BRIDGES,
    FARAWAY,
    OUTSIDE,
    PATIENCE,
    WAYS,
    Container,
    Lab,
    arrives,
    lab_of,
    only,
    way_name,
)

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module", params=WAYS, ids=way_name)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give a host on which ports 80 of web and peer are published, one on the loopback address only."""
    made = lab_of(request.param, guard_forwarding4=True, guard_forwarding6=True)
    published = [
        made.web.publish(made.anywhere, 8080, 80),
        made.web.publish(made.loopback, 8082, 80),
        made.peer.publish(made.anywhere, 8090, 80),
        made.routed.publish(made.anywhere, 0, 80),
        made.vault.publish(made.anywhere, 8070, 80),
    ]
    made.install([*made.intents(), *published])
    for container in made.containers.values():
        for port in (80, 81):
            made.listen(container, made.anywhere, port)
    yield made
    made.close()


@pytest.fixture(params=["0", "1"], ids=["routed-frames", "bridge-nf"])
def bridge_nf(request: pytest.FixtureRequest, lab: Lab) -> None:
    """Let iptables see what stays inside a bridge, or not: the sysctl belongs to the admin."""
    for name in ("iptables", "ip6tables", "arptables"):
        lab.sysctl(lab.host, f"bridge/bridge-nf-call-{name}", request.param)


def test_a_container_s_own_address_is_not_reached_from_outside(lab: Lab) -> None:
    lab.assert_silent(*((lab.outside, lab.web.addresses[lab.version], port) for port in (80, 81)))


def test_different_networks_do_not_reach_each_other(lab: Lab) -> None:
    lab.assert_silent(*((lab.peer, lab.web.addresses[lab.version], port) for port in (80, 81)))


def test_neighbours_reach_every_port_of_each_other(lab: Lab, bridge_nf: None) -> None:
    address = lab.web.addresses[lab.version]
    assert lab.seen_by(lab.web, 81, lab.db, address, 81) == lab.db.addresses[lab.version]


def test_the_host_reaches_its_containers(lab: Lab) -> None:
    for container in lab.containers.values():
        lab.seen_by(container, 81, lab.host, container.addresses[lab.version], 81)


def test_a_port_of_a_routed_network_that_is_not_open_is_closed(lab: Lab) -> None:
    address = lab.routed.addresses[lab.version]
    lab.assert_silent((lab.outside, address, 81), (lab.web, address, 81))


@only(version=4)  # no packet to ::1 comes in from a wire
def test_a_port_published_on_loopback_is_not_reached_with_a_route_to_it(lab: Lab) -> None:
    for stranger, gateway in ((lab.outside, lab.wan), (lab.peer, BRIDGES["other"].address(4, 1))):
        lab.sysctl(stranger, "ipv4/conf/eth0/route_localnet", "1")
        lab.run(stranger, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        lab.run(stranger, "ip", "route", "add", "127.0.0.1", "via", gateway)
        lab.sysctl(lab.host, "ipv4/conf/wan/route_localnet", "1")
        try:
            lab.assert_silent((stranger, "127.0.0.1", 8082))
        finally:
            lab.run(stranger, "ip", "route", "del", "127.0.0.1")
            lab.run(stranger, "ip", "addr", "add", "127.0.0.1/8", "dev", "lo")
            lab.sysctl(lab.host, "ipv4/conf/wan/route_localnet", "0")


@only(version=4)  # no packet to ::1 comes in from a wire
def test_a_container_does_not_reach_what_the_host_keeps_on_its_loopback(lab: Lab, bridge_nf: None) -> None:
    lab.listen(lab.host, "127.0.0.1", 7000)
    lab.sysctl(lab.web, "ipv4/conf/eth0/route_localnet", "1")
    lab.run(lab.web, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    lab.run(lab.web, "ip", "route", "add", "127.0.0.1", "via", BRIDGES["open"].address(4, 1))
    try:
        lab.assert_silent((lab.web, "127.0.0.1", 7000))
    finally:
        lab.run(lab.web, "ip", "route", "del", "127.0.0.1")
        lab.run(lab.web, "ip", "addr", "add", "127.0.0.1/8", "dev", "lo")


def test_an_internal_network_speaks_with_itself_only(lab: Lab, bridge_nf: None) -> None:
    vault = lab.vault.addresses[lab.version]
    assert lab.seen_by(lab.vault, 81, lab.secret, vault, 81) == lab.secret.addresses[lab.version]
    lab.listen(lab.outside, lab.anywhere, 80)
    lab.assert_silent(
        (lab.secret, OUTSIDE[lab.version], 80),
        (lab.secret, lab.wan, 8080),
        (lab.secret, lab.web.addresses[lab.version], 80),
        (lab.secret, lab.routed.addresses[lab.version], 80),
        *((stranger, vault, 81) for stranger in (lab.outside, lab.web, lab.routed)),
    )


def test_an_internal_network_does_not_reach_its_host_which_reaches_it(lab: Lab, bridge_nf: None) -> None:
    gateway = BRIDGES["inner"].address(lab.version, 1)
    for address in (gateway, lab.wan):
        lab.listen(lab.host, address, 6000)
    heard = lab.listen(lab.host, gateway, 6001, socket.SOCK_DGRAM)
    with lab.inside(lab.secret), socket.socket(_family(lab), socket.SOCK_DGRAM) as sender:
        sender.sendto(b"?", (gateway, 6001))
    lab.assert_silent((lab.secret, gateway, 6000), (lab.secret, lab.wan, 6000), (lab.secret, gateway, 6002))
    assert not arrives(heard)
    # The other way there is no wall, and others reach the host as ever.
    lab.seen_by(lab.vault, 81, lab.host, lab.vault.addresses[lab.version], 81)
    lab.connect(lab.web, lab.wan, 6000).close()


def test_an_internal_network_reaches_its_host_where_that_is_wanted(lab: Lab) -> None:
    gateway = BRIDGES["inner"].address(lab.version, 1)
    before = BRIDGES["inner"].intent(lab.version)
    lab.do(lab.backend.change(add=[replace(before, host_access=True)], remove=[before]))
    try:
        lab.listen(lab.host, gateway, 6000)
        lab.connect(lab.secret, gateway, 6000).close()
        lab.assert_silent((lab.secret, lab.wan, 8080), (lab.secret, OUTSIDE[lab.version], 80))
    finally:
        lab.do(lab.backend.change(add=[before], remove=[replace(before, host_access=True)]))


def test_a_port_published_on_an_internal_network_stays_closed(lab: Lab) -> None:
    lab.assert_silent((lab.outside, lab.wan, 8070), (lab.web, lab.wan, 8070))


def test_neighbours_that_keep_apart_do_not_reach_each_other(lab: Lab, bridge_nf: None) -> None:
    lab.assert_silent((lab.alone, lab.apart.addresses[lab.version], 80))


def test_neighbours_that_keep_apart_reach_all_else(lab: Lab, bridge_nf: None) -> None:
    assert lab.seen_by(lab.outside, 80, lab.alone, OUTSIDE[lab.version], 80) in {lab.wan, lab.second}
    lab.seen_by(lab.web, 80, lab.alone, lab.wan, 8080)


def test_outgoing_connections_carry_the_host_s_address(lab: Lab) -> None:
    assert lab.seen_by(lab.outside, 80, lab.web, OUTSIDE[lab.version], 80) in {lab.wan, lab.second}


def test_a_routed_network_goes_out_with_its_own_addresses(lab: Lab) -> None:
    assert lab.seen_by(lab.outside, 80, lab.routed, OUTSIDE[lab.version], 80) == lab.routed.addresses[lab.version]


def test_the_host_is_a_router_for_nobody_else(lab: Lab) -> None:
    lab.listen(lab.faraway, lab.anywhere, 80)
    lab.assert_silent((lab.outside, FARAWAY[lab.version], 80))


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_was_a_router_before_stays_one(way: tuple[str, int]) -> None:
    lab = lab_of(way)
    try:
        lab.install(lab.intents())
        assert lab.seen_by(lab.faraway, 80, lab.outside, FARAWAY[lab.version], 80) == OUTSIDE[lab.version]
    finally:
        lab.close()


def _datagram(lab: Lab, destination: str, source: str, text: bytes) -> bytes:
    """Return an Ethernet payload with a datagram to port 53, its checksum left out (IPv4) or computed (IPv6)."""
    to, origin = (socket.inet_pton(_family(lab), address) for address in (destination, source))
    length = (8 + len(text)).to_bytes(2, "big")
    udp = (5353).to_bytes(2, "big") + (53).to_bytes(2, "big") + length
    if lab.version == 4:
        header = b"\x45\x00" + (28 + len(text)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11"
        return header + _sum(header + b"\0\0" + origin + to) + origin + to + udp + b"\0\0" + text
    checksum = _sum(origin + to + length + b"\0\x11" + udp + b"\0\0" + text)
    return b"\x60\0\0\0" + length + b"\x11\x40" + origin + to + udp + checksum + text


def _sum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


def _family(lab: Lab) -> socket.AddressFamily:
    return socket.AF_INET if lab.version == 4 else socket.AF_INET6


TYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}


def _frame(lab: Lab, *, source: str = "", mac: bytes = b"", tag: bytes = b"") -> bytes:
    """Return a frame from web to db, honest but for what is given."""
    honest = lab.web.addresses[lab.version]
    payload = _datagram(
        lab, lab.db.addresses[lab.version], source or honest, b"lie" if source or mac or tag else b"truth"
    )
    return lab.db.mac.octets + (mac or lab.web.mac.octets) + tag + TYPE[lab.version] + payload


@pytest.mark.parametrize("lie", ["address", "mac", "tag"])
def test_a_sender_cannot_be_another(lab: Lab, bridge_nf: None, lie: str) -> None:
    lies = {
        "address": _frame(lab, source=BRIDGES["open"].address(lab.version, 9)),
        "mac": _frame(lab, mac=b"\x02\x00\x00\x00\x01\x09"),
        "tag": _frame(lab, tag=b"\x81\x00\x00\x00"),
    }
    receiver = lab.listen(lab.db, lab.anywhere, 53, socket.SOCK_DGRAM)
    with lab.inside(lab.web), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        wire.send(lies[lie])
        wire.send(_frame(lab))
    # What is let through arrives in the order in which it was sent.
    assert receiver.recv(16) == b"truth"
    assert not arrives(receiver)


def test_a_container_is_no_router_and_no_dhcp_server(lab: Lab, bridge_nf: None) -> None:
    receiver = lab.listen(lab.db, lab.anywhere, 68 if lab.version == 4 else 546, socket.SOCK_DGRAM)
    server = 67 if lab.version == 4 else 547
    for port in (server, server + 100):
        with lab.inside(lab.web):
            sender = socket.socket(_family(lab), socket.SOCK_DGRAM)
        with sender:
            sender.bind((lab.anywhere, port))
            sender.sendto(str(port).encode(), (lab.db.addresses[lab.version], 68 if lab.version == 4 else 546))
    receiver.settimeout(PATIENCE)
    assert receiver.recv(16) == str(server + 100).encode()
    assert not arrives(receiver)


@only(version=6)  # IPv4 has none
def test_a_router_advertisement_of_a_container_reaches_nobody(lab: Lab) -> None:
    advertisement, probe = bytes((134, 0)), bytes((128, 0))
    with lab.inside(lab.db), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as receiver:
        receiver.settimeout(PATIENCE)
        with lab.inside(lab.web):
            sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        with sender:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            for start in (advertisement, probe):
                sender.sendto(start + b"\0\0" + b"\0" * 12, (lab.db.addresses[6], 0))
        types = set()
        while 128 not in types:
            types.add(receiver.recv(256)[0])
    assert 134 not in types


def _arp(lab: Lab, *, mac: bytes, address: str, target: str) -> bytes:
    """Return an ARP request of web's, with what it says of its sender."""
    owner, sought = socket.inet_aton(address), socket.inet_aton(target)
    head = b"\x00\x01\x08\x00\x06\x04\x00\x01"
    return b"\xff" * 6 + lab.web.mac.octets + b"\x08\x06" + head + mac + owner + b"\0" * 6 + sought


@only(version=4)  # IPv6 has none
def test_a_sender_speaks_for_nobody_else_in_arp(lab: Lab, bridge_nf: None) -> None:
    honest, other = lab.web.addresses[4], BRIDGES["open"].address(4, 9)
    own, stranger, target = lab.web.mac.octets, b"\x02\0\0\0\x01\x09", lab.db.addresses[4]
    lies = [_arp(lab, mac=own, address=other, target=target), _arp(lab, mac=stranger, address=honest, target=target)]
    truths = [
        _arp(lab, mac=own, address="0.0.0.0", target=other),
        _arp(lab, mac=own, address=honest, target=target),
    ]
    assert _passing(lab, 0x0806, [*lies, *truths]) == truths


@only(version=6)  # IPv4 has no neighbour advertisements
def test_a_sender_advertises_no_address_of_another(lab: Lab, bridge_nf: None) -> None:
    addresses = BRIDGES["open"].address(6, 9), lab.web.addresses[6], "fe80::1234"
    frames = [_advertisement(lab, address) for address in addresses]
    assert _passing(lab, 0x86DD, frames) == frames[1:]


def _advertisement(lab: Lab, address: str) -> bytes:
    """Return an unsolicited neighbour advertisement of web's for an address."""
    origin, to = (socket.inet_pton(socket.AF_INET6, text) for text in (lab.web.addresses[6], "ff02::1"))
    body = b"\x20\0\0\0" + socket.inet_pton(socket.AF_INET6, address) + b"\x02\x01" + lab.web.mac.octets
    pseudo = origin + to + (4 + len(body)).to_bytes(4, "big") + b"\0\0\0\x3a"
    message = b"\x88\0" + _sum(pseudo + b"\x88\0\0\0" + body) + body
    header = b"\x60\0\0\0" + len(message).to_bytes(2, "big") + b"\x3a\xff" + origin + to
    return b"\x33\x33\0\0\0\x01" + lab.web.mac.octets + TYPE[6] + header + message


@only(version=4)  # DHCPv6 clients have link-local addresses
def test_a_container_may_ask_for_an_address_by_dhcp(lab: Lab, bridge_nf: None) -> None:
    udp = b"\0\x44\0\x43" + (8).to_bytes(2, "big") + b"\0\0"
    header = b"\x45\x00\0\x1c\0\0\0\0\x40\x11"
    ends = b"\0" * 4 + b"\xff" * 4
    frame = b"\xff" * 6 + lab.web.mac.octets + TYPE[4] + header + _sum(header + b"\0\0" + ends) + ends + udp
    assert _passing(lab, 0x0800, [frame]) == [frame]


@only(version=4)  # the lab's firewall knows the endpoints of one family
def test_neighbours_that_keep_apart_find_each_other_and_hear_nothing_else(lab: Lab, bridge_nf: None) -> None:
    sender, receiver = lab.alone, lab.apart
    head = b"\xff" * 6 + sender.mac.octets
    others = [head + b"\x88\xb5" + b"other protocols" * 4, head + TYPE[4] + _broadcast(sender)]
    query = head + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + sender.mac.octets
    query += socket.inet_aton(sender.addresses[4]) + b"\0" * 6 + socket.inet_aton(receiver.addresses[4])
    assert _passing(lab, _EVERY_PROTOCOL, [*others, query], ends=(sender, receiver)) == [query]


def _broadcast(sender: Container) -> bytes:
    """Return a datagram without content to everybody on the link."""
    header, ends = b"\x45\0\0\x1c\0\0\0\0\x40\x11", socket.inet_aton(sender.addresses[4]) + b"\xff" * 4
    return header + _sum(header + b"\0\0" + ends) + ends + b"\x14\xe9\x14\xe9\0\x08\0\0"


_EVERY_PROTOCOL = 3


def _passing(lab: Lab, kind: int, frames: list[bytes], ends: tuple[Container, Container] | None = None) -> list[bytes]:
    """Send frames from web to db, or between other ends; return those that arrive. The last of them must."""
    origin, target = ends or (lab.web, lab.db)
    with lab.inside(target):
        receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    with lab.inside(origin):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind(("eth0", 0))
    with receiver, sender:
        receiver.settimeout(PATIENCE)
        for frame in frames:
            sender.send(frame)
        received: list[bytes] = []
        while frames[-1] not in received:
            received.append(receiver.recv(2048))
    return [frame for frame in received if frame in frames]
