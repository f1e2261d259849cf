"""A host with bridges, containers on them and neighbours outside, all in throwaway namespaces of this process.

    outside 192.0.2.7 ── wan 192.0.2.1, .2 [host] far 198.51.100.1 ── faraway 198.51.100.7
                               │
        open  172.31.1.0/24 ───┼── web .2, db .3
        other 172.31.2.0/24 ───┼── peer .2
        inner 172.31.3.0/24 ───┼── secret .2, vault .3       internal
        shy   172.31.4.0/24 ───┼── alone .2, apart .3        icc=false
        plain 172.31.5.0/24 ───┴── routed .2                 routed

and the same in IPv6. Every container listens on TCP and UDP 80 and 81. The neighbour outside has routes to all of it,
as an attacker would. Where a tunnel is dug there is one more neighbour, a branch office behind a VPN:

                             [host] vpn 10.8.0.1 ~~~~~ tun0 10.8.0.2, 203.0.113.7 branch

The host reaches its network as WireGuard's routes have it: by an interface, without router and without neighbourhood.
"""

import contextlib
import ctypes
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.kernel.tunnel import Tunnel, tunnel_end

from netwright.firewall.api import Backend, FirewallSettings, Listings
from netwright.firewall.intent import EndpointIntent, GatewayMode, Intent, NetworkIntent, PortIntent, SourcesIntent
from netwright.firewall.iptables import IptablesBackend
from netwright.firewall.nftables import NftablesBackend
from netwright.host.ops import ChangeElements, IptablesTransaction, NftTransaction, Op
from netwright.kernel import iptables, netns
from netwright.kernel.nft import Nft
from netwright.kernel.nft_elements import NftElements
from netwright.model.addressing import IPAddress, IPNetwork, Mac
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

WAN = {4: "192.0.2.1", 6: "2001:db8::1"}
SECOND = {4: "192.0.2.2", 6: "2001:db8::2"}
OUTSIDE = {4: "192.0.2.7", 6: "2001:db8::7"}
FAR = {4: "198.51.100.1", 6: "2001:db8:f::1"}
FARAWAY = {4: "198.51.100.7", 6: "2001:db8:f::7"}
VPN = {4: "10.8.0.1", 6: "fd08::1"}
VPN_PEER = {4: "10.8.0.2", 6: "fd08::2"}
BRANCH = {4: "203.0.113.7", 6: "2001:db8:e::7"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ANY = {4: "0.0.0.0", 6: "::"}
LENGTH = {4: 24, 6: 64}
ALONE = {4: 32, 6: 128}
NODAD = {4: "", 6: " nodad"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}

BACKENDS: Mapping[str, Callable[[FirewallSettings], Backend]] = {
    "nftables": NftablesBackend,
    "iptables": IptablesBackend,
}
WAYS = [(name, version) for name in BACKENDS for version in (4, 6)]
"""Both backends in both families: parameters of the labs."""


def way_name(way: tuple[str, int]) -> str:
    """Return the name of one of WAYS in a test's id."""
    return f"{way[0]}-ipv{way[1]}"


def only(*, backend: str = "", version: int = 0) -> pytest.MarkDecorator:
    """Return the mark of a test that means something to one backend, or to one family of addresses, only."""
    ways = [way for way in WAYS if backend in {"", way[0]} and version in {0, way[1]}]
    return pytest.mark.parametrize("lab", ways, ids=way_name, indirect=True)


BACKLOG = 1024
"""Connections that may wait to be accepted: the probes of a matrix are sent before the first is."""
PATIENCE = 5.0
"""Seconds that an answer may take which must come."""
SILENCE = 0.12
"""Seconds without an answer that show a packet to be dropped: what is let through takes under one millisecond."""

_libc = ctypes.CDLL(None)
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def lab_of(way: tuple[str, int], **settings: bool) -> "Lab":
    """Return a lab with a backend of these settings, for one of WAYS."""
    name, version = way
    return Lab(BACKENDS[name](FirewallSettings(instance="lab", **settings)), version)


@dataclass(frozen=True, slots=True)
class Bridge:
    name: str
    number: int
    mode: GatewayMode = GatewayMode.NAT
    internal: bool = False
    icc: bool = True

    def address(self, version: int, host: int) -> str:
        return f"172.31.{self.number}.{host}" if version == 4 else f"fd31:{self.number}::{host}"

    def subnet(self, version: int) -> str:
        return f"172.31.{self.number}.0/24" if version == 4 else f"fd31:{self.number}::/64"

    def intent(self, version: int) -> NetworkIntent:
        return NetworkIntent(
            network=self.name,
            bridge=self.name,
            subnet=ip_network(self.subnet(version)),
            mode=self.mode,
            internal=self.internal,
            icc=self.icc,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace, and its address of each family."""

    name: str
    descriptor: int
    addresses: dict[int, str]


@dataclass(frozen=True, slots=True)
class Container(Place):
    bridge: Bridge
    number: int

    @property
    def port(self) -> str:
        return f"v-{self.name}"

    @property
    def mac(self) -> Mac:
        return Mac(bytes((2, 0, 0, 0, self.bridge.number, self.number)))

    def address(self, version: int) -> IPAddress:
        return ip_address(self.addresses[version])

    def intent(self, version: int) -> EndpointIntent:
        return EndpointIntent(
            network=self.bridge.name,
            bridge=self.bridge.name,
            port=self.port,
            mac=self.mac,
            address=self.address(version),
            mode=self.bridge.mode,
            internal=self.bridge.internal,
            icc=self.bridge.icc,
        )

    def publish(
        self, host_ip: str, first: int, to_first: int, *, count: int = 1, protocol: Protocol = Protocol.TCP
    ) -> PortIntent:
        version = ip_address(host_ip).version
        return PortIntent(
            network=self.bridge.name,
            bridge=self.bridge.name,
            protocol=protocol,
            host_ip=ip_address(host_ip),
            first=first,
            last=first + count - 1,
            to_address=self.address(version),
            to_first=to_first,
            mode=self.bridge.mode,
        )

    def limit(
        self, address: str, first: int, sources: str, *, count: int = 1, protocol: Protocol = Protocol.TCP
    ) -> SourcesIntent:
        """Return who may connect to ports at an address of the host's, or at the container's own where it is routed."""
        return SourcesIntent(
            network=self.bridge.name,
            bridge=self.bridge.name,
            endpoint=self.name,
            protocol=protocol,
            host_ip=ip_address(address),
            first=first,
            last=first + count - 1,
            sources=Sources.parse([sources]),
            routed=self.bridge.mode is GatewayMode.ROUTED,
        )


BRIDGES = {
    bridge.name: bridge
    for bridge in (
        Bridge("open", 1),
        Bridge("other", 2),
        Bridge("inner", 3, internal=True),
        Bridge("shy", 4, icc=False),
        Bridge("plain", 5, mode=GatewayMode.ROUTED),
    )
}
_CONTAINERS = (
    ("web", "open", 2),
    ("db", "open", 3),
    ("peer", "other", 2),
    ("secret", "inner", 2),
    ("vault", "inner", 3),
    ("alone", "shy", 2),
    ("apart", "shy", 3),
    ("routed", "plain", 2),
)


class Lab:
    """The host, the neighbours and the containers, for one backend and one IP version."""

    def __init__(self, backend: Backend, version: int) -> None:
        self.backend = backend
        self.version = version
        self.wan, self.second, self.anywhere, self.loopback = (
            address[version] for address in (WAN, SECOND, ANY, LOOPBACK)
        )
        self._home = netns.current()
        self.host = Place("host", _namespace(self._home), WAN)
        self.outside = Place("outside", _namespace(self._home), OUTSIDE)
        self.faraway = Place("faraway", _namespace(self._home), FARAWAY)
        self._neighbours = [self.outside, self.faraway]
        self.containers = {
            name: Container(
                name,
                _namespace(self._home),
                {version: BRIDGES[bridge].address(version, number) for version in (4, 6)},
                BRIDGES[bridge],
                number,
            )
            for name, bridge, number in _CONTAINERS
        }
        self._tunnels: list[Tunnel] = []
        self._listeners: dict[tuple[int, str, int], socket.socket] = {}
        for place in self.places:
            # Else the kernel would look for a second or two whether anybody else has its link-local addresses.
            self.sysctl(place, "ipv6/conf/default/accept_dad", "0")
        self._wire()
        with self.inside(self.host):
            self._nft = Nft()
            self._elements = NftElements()

    def __getattr__(self, name: str) -> Container:
        try:
            return self.containers[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def places(self) -> Sequence[Place]:
        return (self.host, *self._neighbours, *self.containers.values())

    def close(self) -> None:
        self._elements.close()
        for listener in self._listeners.values():
            listener.close()
        for tunnel in self._tunnels:
            tunnel.close()
        for place in self.places:
            os.close(place.descriptor)
        os.close(self._home)

    @contextlib.contextmanager
    def inside(self, place: Place) -> Iterator[None]:
        with netns.visit(place.descriptor, self._home):
            yield

    def run(self, place: Place, *argv: str, text: str = "") -> str:
        with self.inside(place):
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}\n{text}"
        return done.stdout

    def sysctl(self, place: Place, key: str, value: str) -> None:
        with self.inside(place):
            Path("/proc/sys/net", key).write_text(value)

    def _ip(self, place: Place, *lines: str) -> None:
        self.run(place, "ip", "-batch", "-", text="\n".join(lines))

    def _wire(self) -> None:
        self._ip(self.host, "link set lo up", *self._uplink("wan", self.outside), *self._uplink("far", self.faraway))
        for place, gateway in ((self.outside, WAN), (self.faraway, FAR)):
            addresses = (f"addr add {place.addresses[v]}/{LENGTH[v]} dev eth0{NODAD[v]}" for v in (4, 6))
            routes = (f"route add {DEFAULT[v]} via {gateway[v]}" for v in (4, 6))
            self._ip(place, "link set lo up", *addresses, "link set eth0 up", *routes)
        for v in (4, 6):
            own = (("wan", WAN), ("wan", SECOND), ("far", FAR))
            self._ip(self.host, *(f"addr add {address[v]}/{LENGTH[v]} dev {link}{NODAD[v]}" for link, address in own))
        self.sysctl(self.host, "ipv4/ip_forward", "1")
        self.sysctl(self.host, "ipv6/conf/all/forwarding", "1")
        for bridge in BRIDGES.values():
            gateways = (f"addr add {bridge.address(v, 1)}/{LENGTH[v]} dev {bridge.name}{NODAD[v]}" for v in (4, 6))
            self._ip(self.host, f"link add {bridge.name} type bridge", *gateways, f"link set {bridge.name} up")
        for container in self.containers.values():
            self._plug(container)

    def dig(self) -> Tunnel:
        """Return a tunnel to a branch office, one more of the places from now on."""
        branch = Place("branch", _namespace(self._home), BRANCH)
        self._neighbours.append(branch)
        with self.inside(self.host):
            near = tunnel_end("vpn")
        with self.inside(branch):
            far = tunnel_end("tun0")
        self._tunnels.append(Tunnel(near, far))
        for place, link, own in ((self.host, "vpn", VPN), (branch, "tun0", VPN_PEER)):
            addresses = (f"addr add {own[v]}/{ALONE[v]} dev {link}{NODAD[v]}" for v in (4, 6))
            self._ip(place, *addresses, f"link set {link} up")
        behind = (f"addr add {BRANCH[v]}/{ALONE[v]} dev lo{NODAD[v]}" for v in (4, 6))
        routes = (f"route add {DEFAULT[v]} dev tun0 src {BRANCH[v]}" for v in (4, 6))
        self._ip(branch, "link set lo up", *behind, *routes)
        self._ip(self.host, *(f"route add {network_of(BRANCH[v])} dev vpn" for v in (4, 6)))
        return self._tunnels[-1]

    def _uplink(self, name: str, place: Place) -> Sequence[str]:
        return (f"link add {name} type veth peer name eth0 netns {_path(place)}", f"link set {name} up")

    def _plug(self, container: Container) -> None:
        bridge, port = container.bridge, container.port
        self._ip(
            self.host,
            f"link add {port} type veth peer name eth0 address {container.mac} netns {_path(container)}",
            f"link set {port} master {bridge.name} up",
            f"link set {port} type bridge_slave hairpin on",
        )
        addresses = (f"addr add {container.addresses[v]}/{LENGTH[v]} dev eth0{NODAD[v]}" for v in (4, 6))
        routes = (f"route add {DEFAULT[v]} via {bridge.address(v, 1)}" for v in (4, 6))
        self._ip(container, "link set lo up", *addresses, "link set eth0 up", *routes)

    def intents(self) -> list[Intent]:
        """Return what the bridges and the containers want, nothing published."""
        return [
            *(bridge.intent(self.version) for bridge in BRIDGES.values()),
            *(container.intent(self.version) for container in self.containers.values()),
        ]

    def install(self, intents: Sequence[Intent]) -> None:
        """Make intents true, then open the host's loopback to its bridges as the bridge driver does."""
        self.do(self.backend.install(intents, self.listings()))
        for bridge in BRIDGES.values():
            self.sysctl(self.host, f"ipv4/conf/{bridge.name}/route_localnet", "1")

    def listings(self) -> Listings:
        with self.inside(self.host):
            return {query: iptables.save(query.version, query.table) for query in self.backend.wants}

    def do(self, ops: Sequence[Op]) -> None:
        with self.inside(self.host):
            for op in ops:
                match op:
                    case NftTransaction():
                        self._nft.run(op.commands)
                    case ChangeElements():
                        self._elements.run(op.changes)
                    case IptablesTransaction():
                        iptables.restore(op.version, op.rules)
                    case _:
                        raise AssertionError(op)

    def undo(self, ops: Sequence[Op]) -> None:
        self.do([back for op in reversed(ops) if (back := op.inverse()) is not None])

    def nft(self, command: str) -> str:
        return self._nft.listing(command)

    def listen(self, place: Place, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a listener, the same one when asked again."""
        key = (place.descriptor, address, port * 10 + kind)
        if key not in self._listeners:
            with self.inside(place):
                listener = socket.socket(family_of(address), kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            if kind == socket.SOCK_STREAM:
                listener.listen(BACKLOG)
            listener.settimeout(PATIENCE)
            self._listeners[key] = listener
        return self._listeners[key]

    def connect(self, sender: Place, address: str, port: int) -> socket.socket:
        """Return a connection. Raises ConnectionRefusedError, and TimeoutError where nothing answers."""
        with self.inside(sender):
            client = socket.socket(family_of(address), socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        try:
            client.connect((address, port))
        except OSError:
            client.close()
            raise
        return client

    def seen_by(self, receiver: Place, port: int, sender: Place, address: str, to_port: int) -> str:
        """Connect, and return the address that the receiver sees the connection come from."""
        listener = self.listen(receiver, ANY[ip_address(address).version], port)
        with self.connect(sender, address, to_port), listener.accept()[0] as served:
            return str(served.getpeername()[0])

    def assert_silent(self, *attempts: tuple[Place, str, int]) -> None:
        """Attempt to connect, all at once, and assert that none is answered, not even by a refusal."""
        pending: dict[int, tuple[socket.socket, str]] = {}
        poll = select.poll()
        for sender, address, port in attempts:
            with self.inside(sender):
                client = socket.socket(family_of(address), socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex((address, port))
            pending[client.fileno()] = client, f"{sender.name} to {address} port {port}"
            poll.register(client, select.POLLOUT)
        answered = [pending[descriptor][1] for descriptor, _ in poll.poll(SILENCE * 1000)]
        for client, _ in pending.values():
            client.close()
        assert not answered

    def ask(self, sender: Place, address: str, port: int, listener: socket.socket) -> str:
        """Send a datagram and get it answered; return the address that the receiver sees it come from."""
        with self.inside(sender):
            client = socket.socket(family_of(address), socket.SOCK_DGRAM)
        with client:
            client.settimeout(PATIENCE)
            client.connect((address, port))
            client.send(b"?")
            _, peer = listener.recvfrom(16)
            listener.sendto(b"!", peer)
            assert client.recv(16) == b"!"
        return str(peer[0])


def arrives(receiver: socket.socket) -> bool:
    """Tell whether something waits to be read, without waiting."""
    return bool(select.select([receiver], [], [], 0)[0])


def network_of(address: str) -> IPNetwork:
    """Return the network around one of the addresses here."""
    return ip_network(f"{address}/{LENGTH[ip_address(address).version]}", strict=False)


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of sockets of an address."""
    return _FAMILY[ip_address(address).version]


def _path(place: Place) -> str:
    return f"/proc/{os.getpid()}/fd/{place.descriptor}"


@contextlib.contextmanager
def namespace() -> Iterator[None]:
    """Be in a new network namespace, which is gone afterwards."""
    home = netns.current()
    made = _namespace(home)
    try:
        with netns.visit(made, home):
            yield
    finally:
        os.close(made)
        os.close(home)


def _namespace(home: int) -> int:
    """Return a new network namespace that lives as long as its descriptor."""
    assert _libc.unshare(netns.CLONE_NEWNET) == 0, "no network namespace can be made: are you root?"
    made = netns.current()
    assert _libc.setns(home, netns.CLONE_NEWNET) == 0
    return made
