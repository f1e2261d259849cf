"""What the rows say beside what the machine has: what is missing of ours, and what is there and nobody's.

One comparison serves the start, the healing, `netwright check` and `netwright repair`. Nothing is done or asked here.
What lies inside sandboxes is compared where it was looked at: a start does there again whatever may be done again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netwright.controller.addresses.neighbours import Neighbours
from netwright.controller.gateways import Gateways, choose, route_ops
from netwright.controller.naming.host_names import HostNames
from netwright.controller.sandboxes import Sandboxes
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AddVeth,
    DeleteLink,
    DeleteNamespace,
    ForgetFlows,
    HoldPort,
    Op,
    ReleasePort,
    ReplaceRoute,
    SetLinkUp,
    StopNames,
    UnproxyNeighbour,
)
from netwright.host.queries import HeldPort, Link, ProxiedNeighbour, Route
from netwright.model.addressing import show
from netwright.model.difference import NOBODY, Difference
from netwright.model.listener import Listener
from netwright.model.names import Id
from netwright.model.network import Network, Sandbox, SandboxKind
from netwright.model.ports import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a sandbox has within."""

    links: Mapping[str, Link]
    routes: Sequence[Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the machine has of ours.

    `pins` are the files at which namespaces are pinned; `namespaces` those of them behind which one still is: a restart
    of the machine leaves the bare file where the exec-root is on disk. `served` are those in which names are answered.
    `inside` is by path, for the sandboxes that were looked into.
    """

    links: Mapping[str, Link]
    pins: frozenset[str]
    namespaces: frozenset[str]
    held: frozenset[HeldPort]
    proxied: tuple[ProxiedNeighbour, ...]
    served: frozenset[str]
    inside: Mapping[str, Inside] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """What carries our tag and no row owns, and the operations that take it away."""

    difference: Difference
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where a comparison finds what should be. `group` tags the links of this engine."""

    state: State
    drivers: Mapping[str, Driver]
    sandboxes: Sandboxes
    neighbours: Neighbours
    host_names: HostNames
    group: int

    def networks(self) -> list[Network]:
        """Return the networks that are to stand on the machine."""
        return [network for network in self.state.networks.values() if not network.config_only]

    def open(self) -> list[Sandbox]:
        """Return the sandboxes that are to stand on the machine."""
        return [sandbox for sandbox in self.state.sandboxes.values() if sandbox.open]

    def holds(self, sandbox: Id) -> list[HoldPort]:
        """Return what holds the ports of a sandbox."""
        return [
            HoldPort(protocol=binding.port.protocol, address=binding.host_ip, port=binding.host_port)
            for item in self.sandboxes.attachments(sandbox)
            for binding in item.endpoint.bindings
            if binding.host_port
        ]


class Comparison:
    """The rows beside one look at the machine."""

    def __init__(self, rows: Rows, found: Findings) -> None:
        self._rows = rows
        self.found = found

    def is_lost(self, sandbox: Sandbox) -> bool:
        """Tell whether an open stack is no more: its namespace is gone."""
        own = sandbox.kind is SandboxKind.OWN
        return own and self._rows.sandboxes.path(sandbox.id) not in self.found.namespaces

    def stranger(self, network: Network) -> str | None:
        """Return the interface that stands in the place of a network's own and is not ours."""
        for name in self._rows.drivers[network.driver].links(network):
            link = self.found.links.get(name)
            if link is not None and link.group != self._rows.group and not network.adopted:
                return name
        return None

    def network(self, network: Network) -> list[str]:
        """Return in words what is missing of a network."""
        if (name := self.stranger(network)) is not None:
            return [f"an interface {name} that is not ours stands in its place"]
        driver = self._rows.drivers[network.driver]
        return lacking([*driver.create_network(network), *driver.open_network(network)], self.found.links)

    def sandbox(self, sandbox: Sandbox) -> list[str]:
        """Return in words what is missing of an open sandbox."""
        if self.is_lost(sandbox):
            return ["its network namespace is gone"]
        missing = [
            f"{hold.protocol} port {show(hold.address, hold.port)} is not held"
            for hold in self._rows.holds(sandbox.id)
            if held(hold) not in self.found.held
        ]
        return [*missing, *self._wires(sandbox)]

    def _wires(self, sandbox: Sandbox) -> Iterator[str]:
        shape = self._rows.sandboxes.attachments(sandbox.id)
        netns = self._rows.sandboxes.path(sandbox.id)
        inside = self.found.inside.get(netns)
        for item in shape:
            yield from self._outer_end(item.network, item.endpoint.host_interface)
            if inside is not None:
                attach = self._rows.drivers[item.network.driver].attach(item.network, item.endpoint, netns)
                yield from lacking_inside(attach, inside.links)
        if inside is not None:
            yield from _routes_lacking(route_ops(Gateways(), choose(shape), netns), inside.routes)

    def _outer_end(self, network: Network, name: str) -> Iterator[str]:
        """Yield what is wrong with an endpoint's end on the host: it is to be up and on its bridge."""
        if not name:
            return
        link = self.found.links.get(name)
        own = [own for own in self._rows.drivers[network.driver].links(network) if own in self.found.links]
        if link is None:
            yield f"its interface {name} on network {network.name} is missing"
        elif not link.up:
            yield f"its interface {name} on network {network.name} is down"
        elif own and link.master not in {self.found.links[bridge].index for bridge in own}:
            yield f"its interface {name} is not on {own[0]}"

    def strays(self) -> list[Stray]:
        """Return everything that carries our tag and that no row owns, in the order in which it is to go."""
        return [*self._links(), *self._answers(), *self._namespaces(), *self._ports(), *self._neighbours()]

    def _links(self) -> Iterator[Stray]:
        rows = self._rows
        own = {name for network in rows.networks() for name in rows.drivers[network.driver].links(network)}
        opened = {sandbox.id for sandbox in rows.open()}
        own.update(item.host_interface for item in rows.state.endpoints.values() if item.sandbox in opened)
        for link in self.found.links.values():
            if link.group == rows.group and link.name not in own:
                yield _stray(f"interface {link.name} carries this engine's tag", DeleteLink(name=link.name))

    def _answers(self) -> Iterator[Stray]:
        rows = self._rows.sandboxes
        asking = {rows.path(one.id) for one in self._rows.open() if rows.attachments(one.id)}
        asking.update(self._rows.host_names.views())
        for path in sorted(self.found.served - asking):
            yield _stray(f"names are answered at {Listener.of_place(path) or path}", StopNames(netns=path))

    def _namespaces(self) -> Iterator[Stray]:
        own = {self._rows.sandboxes.path(sandbox.id) for sandbox in self._rows.open()}
        for path in sorted(self.found.pins - own):
            yield _stray(f"a network namespace is pinned at {path}", DeleteNamespace(path=path))

    def _ports(self) -> Iterator[Stray]:
        own = {held(hold) for sandbox in self._rows.open() for hold in self._rows.holds(sandbox.id)}
        for port in sorted(self.found.held - own, key=lambda port: (port.port, str(port.address), port.protocol)):
            ops: list[Op] = [ReleasePort(protocol=port.protocol, address=port.address, port=port.port)]
            if port.protocol is Protocol.UDP:
                # A sender that never pauses would keep its way to a container that is no more.
                address = None if port.address.is_unspecified else port.address
                ops.append(ForgetFlows(protocol=port.protocol, address=address, port=port.port))
            yield _stray(f"{port.protocol} port {show(port.address, port.port)} is held", *ops)

    def _neighbours(self) -> Iterator[Stray]:
        """Yield what has the host answer for nobody; an address outside our networks is another engine's business."""
        subnets = [pool.subnet for network in self._rows.networks() for pool in network.pools]
        shapes = [item for sandbox in self._rows.open() for item in self._rows.sandboxes.attachments(sandbox.id)]
        own = set(self._rows.neighbours.addresses(shapes))
        for proxied in self.found.proxied:
            if proxied.address not in own and any(proxied.address in subnet for subnet in subnets):
                yield _stray(
                    f"the host answers for {proxied.address} on {proxied.link}",
                    UnproxyNeighbour(address=proxied.address),
                )


def _stray(what: str, *ops: Op) -> Stray:
    difference = Difference(subject=NOBODY, what=f"{what}, and no row owns it", cure="take it away")
    return Stray(difference=difference, ops=ops)


def lacking(ops: Sequence[Op], links: Mapping[str, Link]) -> list[str]:
    """Return in words what the host's links lack of what operations would see to.

    Sysctls cannot be told from links.
    """
    found: list[str] = []
    for op in ops:
        match op:
            case AddBridge(name=name) if name not in links:
                found.append(f"bridge {name} is missing")
            case AddAddress(link=name, address=address, netns=None) if name not in links or (
                address not in links[name].addresses
            ):
                found.append(f"{name} has no address {address}")
            case SetLinkUp(name=name, netns=None) if name not in links or not links[name].up:
                found.append(f"{name} is down")
            case _:
                pass
    return found


def lacking_inside(ops: Sequence[Op], links: Mapping[str, Link]) -> list[str]:
    """Return in words what a sandbox lacks of the interfaces that operations would give it.

    What a container may have turned itself, such as whether an interface is up, is its own business.
    """
    found: list[str] = []
    for op in ops:
        match op:
            case AddVeth(name=name) if name not in links:
                found.append(f"it has no interface {name}")
            case AddVeth(name=name, mac=mac) if links[name].mac != mac:
                found.append(f"its interface {name} has the MAC address {links[name].mac} instead of {mac}")
            case AddAddress(link=name, address=address) if name in links and address not in links[name].addresses:
                found.append(f"its interface {name} has no address {address}")
            case _:
                pass
    return found


def _routes_lacking(ops: Sequence[Op], routes: Sequence[Route]) -> Iterator[str]:
    """Yield which families have no default route where they should; another than ours is the container's choice."""
    there = {route.destination.version for route in routes if not route.destination.prefixlen}
    for op in ops:
        if isinstance(op, ReplaceRoute) and op.version not in there:
            yield f"it has no default IPv{op.version} route"


def held(hold: HoldPort) -> HeldPort:
    """Return what the keeper tells of a port that is held so."""
    return HeldPort(protocol=hold.protocol, address=hold.address, port=hold.port)
