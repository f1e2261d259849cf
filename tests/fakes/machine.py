"""A machine in memory: links, addresses, routes, namespaces, sysctls, firewalls, held ports, mounts.

It knows what the kernel refuses, and outlives the engines that work on it. What the kernel does behind one's back (it
deletes parked links and abandoned namespaces some time later) is done by `settle`, and not before: the worst that can
happen to whoever relies on it.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from tests.fakes.iptables import Iptables
from tests.fakes.nftables import Nftables

from netwright.dns.zone import Zone
from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort, Link, Route
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork, Mac

_GLOBAL = {
    "net/ipv4/ip_forward": "0",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv4/ip_unprivileged_port_start": "1024",
    "net/core/somaxconn": "4096",
}
_OF_A_LINK = {
    "ipv4/route_localnet": "0",
    "ipv4/log_martians": "0",
    "ipv6/disable_ipv6": "0",
    "ipv6/accept_ra": "1",
    "ipv6/accept_dad": "1",
    "ipv6/proxy_ndp": "0",
}
_PARKED = 0x10000000


def refusal(number: int, what: str) -> OperationFailed:
    """Return the failure that the kernel's number means."""
    return OperationFailed(f"{what}: {os.strerror(number)}", errno=number)


@dataclass(eq=False)
class FakeLink:
    """A link; `peer` is the other end of a pair."""

    index: int
    name: str
    kind: str
    mac: Mac | None
    stack: "Stack"
    mtu: int = 1500
    group: int = 0
    up: bool = False
    master: "FakeLink | None" = None
    hairpin: bool = False
    peer: "FakeLink | None" = None
    addresses: list[IPInterface] = field(default_factory=list)
    proxied: set[IPAddress] = field(default_factory=set)
    conf: dict[str, str] = field(default_factory=dict)

    def shown(self) -> Link:
        """Return what the kernel shows of it."""
        return Link(
            index=self.index,
            name=self.name,
            kind=self.kind,
            mac=self.mac,
            mtu=self.mtu,
            group=self.group,
            up=self.up,
            master=self.master.index if self.master else 0,
            peer_netns=None if self.peer is None or self.peer.stack is self.stack else 0,
            addresses=tuple(self.addresses),
        )


@dataclass(frozen=True)
class FakeRoute:
    """A route that somebody has set."""

    gateway: IPAddress | None
    link: FakeLink


class Stack:
    """A network stack."""

    def __init__(self) -> None:
        self.links: dict[int, FakeLink] = {}
        self.routes: dict[tuple[int, IPNetwork | None], FakeRoute] = {}
        self.sysctls = dict(_GLOBAL)
        self.default_conf = dict(_OF_A_LINK)
        self._last = 0
        lo = self.add("lo", "", Mac(bytes(6)))
        lo.conf.update(_OF_A_LINK)

    def add(self, name: str, kind: str, mac: Mac | None) -> FakeLink:
        """Make a link. Raises EEXIST where the name is taken."""
        if self.find(name) is not None:
            raise refusal(errno.EEXIST, f"an interface named {name} is here already")
        self._last += 1
        link = FakeLink(self._last, name, kind, mac, self, conf=dict(self.default_conf))
        self.links[link.index] = link
        return link

    def find(self, name: str) -> FakeLink | None:
        """Return a link, or None."""
        return next((link for link in self.links.values() if link.name == name), None)

    def link(self, name: str) -> FakeLink:
        """Return a link. Raises ENODEV."""
        if (found := self.find(name)) is None:
            raise refusal(errno.ENODEV, f"there is no interface {name}")
        return found

    def remove(self, link: FakeLink) -> None:
        """Take a link away with the other end of its pair, and with what depends on it."""
        self.links.pop(link.index, None)
        self.routes = {key: route for key, route in self.routes.items() if route.link is not link}
        for other in self.links.values():
            if other.master is link:
                other.master = None
        if link.peer is not None and link.peer.index in link.peer.stack.links:
            link.peer.stack.remove(link.peer)

    def connected(self) -> Iterator[Route]:
        """Yield the routes that addresses bring along."""
        for link in self.links.values():
            for address in link.addresses if link.up and link.name != "lo" else ():
                if address.network.prefixlen < address.max_prefixlen:
                    yield Route(destination=address.network, gateway=None, link=link.name, on_link=True)

    def shown_routes(self) -> list[Route]:
        """Return all routes."""
        everything = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
        given = [
            Route(
                destination=destination or everything[version],
                gateway=route.gateway,
                link=route.link.name,
                on_link=route.gateway is None and destination is not None,
            )
            for (version, destination), route in self.routes.items()
        ]
        return [*self.connected(), *given]

    def slot(self, key: str) -> tuple[dict[str, str], str] | None:
        """Return where a sysctl is kept, or None where there is no such key."""
        if key in self.sysctls:
            return self.sysctls, key
        match key.split("/"):
            case ["net", family, "conf", "default", setting]:
                conf = self.default_conf
            case ["net", family, "conf", name, setting] if (link := self.find(name)) is not None:
                conf = link.conf
            case _:
                return None
        return (conf, f"{family}/{setting}") if f"{family}/{setting}" in conf else None

    def dump(self) -> dict[str, Any]:
        """Return everything in it as plain values, without the numbers that nobody chose."""
        links = {
            link.name: {
                "kind": link.kind,
                "mac": str(link.mac),
                "mtu": link.mtu,
                "group": link.group,
                "up": link.up,
                "master": link.master.name if link.master else "",
                "peer": link.peer.name if link.peer else "",
                "hairpin": link.hairpin,
                "addresses": sorted(map(str, link.addresses)),
                "proxied": sorted(map(str, link.proxied)),
                "conf": dict(sorted(link.conf.items())),
            }
            for link in self.links.values()
        }
        return {
            "links": dict(sorted(links.items())),
            "routes": sorted(f"{r.destination} via {r.gateway} dev {r.link}" for r in self.shown_routes()),
            "sysctls": dict(sorted(self.sysctls.items())),
        }


class Machine:
    """The whole machine."""

    def __init__(self) -> None:
        self.home = Stack()
        self.home.link("lo").up = True
        self.pins: dict[str, Stack | None] = {}
        """What stands at the paths of pins; None is a bare file."""
        self.nft = Nftables()
        self.iptables: dict[int, Iptables] = {}
        """By IP version; where there is none, iptables is not installed."""
        self.held: dict[HeldPort, tuple[IPAddress, int] | None] = {}
        """The ports that the keeper holds, each with what it is relayed to."""
        self.zone = Zone()
        """The names that the resolver knows; its views are those of the namespaces in which they are answered."""
        self.foreign: set[HeldPort] = set()
        """The ports of other programs."""
        self.mounts: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.has_ipv6 = True
        self._abandoned: list[Stack] = []

    def stack(self, path: str | None) -> Stack:
        """Return the stack that is pinned at a path, or the engine's own."""
        if path is None:
            return self.home
        found = self.pins.get(path)
        if found is None:
            raise refusal(errno.ENOENT, f"no network namespace is pinned at {path}")
        return found

    def abandon(self, stack: Stack) -> None:
        """Let go of a namespace: what is in it goes some time."""
        self._abandoned.append(stack)

    def park(self, link: FakeLink, group: int) -> None:
        """Take a link out of service: it goes some time."""
        link.addresses.clear()
        link.name, link.master, link.group = f"nwx{link.index}", None, group ^ _PARKED

    def settle(self) -> None:
        """Do what the kernel and the reaper do in their own time."""
        for stack in self._abandoned:
            for link in list(stack.links.values()):
                stack.remove(link)
        self._abandoned.clear()
        for link in list(self.home.links.values()):
            if link.name.startswith("nwx"):
                self.home.remove(link)

    def busy(self, wanted: HeldPort) -> bool:
        """Tell whether somebody's socket is in the way of a bind."""
        return any(
            (taken.protocol, taken.port, taken.address.version)
            == (wanted.protocol, wanted.port, wanted.address.version)
            and (taken.address == wanted.address or taken.address.is_unspecified or wanted.address.is_unspecified)
            for taken in (*self.held, *self.foreign)
        )

    def has_address(self, address: IPAddress) -> bool:
        """Tell whether a socket can be bound to an address here."""
        own = (held.ip for link in self.home.links.values() for held in link.addresses)
        return address.is_unspecified or address.is_loopback or address in own

    def dump(self) -> dict[str, Any]:
        """Return everything as plain values, once all has settled: two machines are alike when these are."""
        self.settle()
        return {
            "home": self.home.dump(),
            "namespaces": {path: stack and stack.dump() for path, stack in sorted(self.pins.items())},
            "nftables": {
                name: {"chains": table.chains, "sets": {key: dict(sorted(s.items())) for key, s in table.sets.items()}}
                for name, table in sorted(self.nft.tables.items())
            },
            "iptables": {
                version: {
                    table: {chain: sorted(rules) for chain, rules in sorted(chains.items())}
                    for table, chains in tables.tables.items()
                }
                for version, tables in self.iptables.items()
            },
            "ports": {f"{p.protocol} {p.address} {p.port}": str(to) for p, to in sorted(self.held.items(), key=str)},
            "names": {
                "views": {path: str(view) for path, view in sorted(self.zone.views.items())},
                "members": sorted(map(str, self.zone.members())),
            },
            "mounts": dict(sorted(self.mounts.items())),
        }
