"""At the start: compare what the rows say with what the machine has, mend the differences, sweep what nobody owns.

Nothing is deleted and made again: what stands as it should is left untouched, so packets flow through a restart. What
stood half-made at a crash is either named by a row, and is finished here, or by none, and is swept by its tag.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from netwright.controller import names as naming
from netwright.controller.api import Attachment
from netwright.controller.gateways import Gateways, choose, route_ops
from netwright.controller.sandboxes import Collaborators, Sandboxes
from netwright.controller.shape import difference, sysctl_ops
from netwright.controller.teardown import carry_out_all
from netwright.dns.zone import Member, View
from netwright.errors import OperationFailed
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AddVeth,
    DeleteLink,
    DeleteNamespace,
    ForgetFlows,
    HoldPort,
    JoinBridge,
    Op,
    ReleasePort,
    ReplaceNames,
    ServeNames,
    SetLinkUp,
    StopNames,
    UnproxyNeighbour,
)
from netwright.host.queries import (
    HeldPort,
    HeldPorts,
    Link,
    Links,
    Mounts,
    Namespaces,
    NamesServed,
    ProxiedNeighbour,
    ProxiedNeighbours,
)
from netwright.model.names import Id
from netwright.model.network import Network, Sandbox, SandboxKind
from netwright.model.ports import Protocol

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the machine has of ours.

    `pins` are the files at which namespaces are pinned; `namespaces` those of them behind which one still is: a restart
    of the machine leaves the bare file where the exec-root is on disk. `served` are those in which names are answered.
    """

    links: Mapping[str, Link]
    pins: frozenset[str]
    namespaces: frozenset[str]
    held: frozenset[HeldPort]
    proxied: tuple[ProxiedNeighbour, ...]
    served: frozenset[str]


class Restoration:
    """Makes machine and rows agree."""

    def __init__(self, collaborators: Collaborators, sandboxes: Sandboxes, *, group: int) -> None:
        self._state = collaborators.state
        self._host = collaborators.host
        self._means = collaborators.means
        self._drivers = collaborators.means.drivers
        self._firewall = collaborators.firewall
        self._neighbours = collaborators.neighbours
        self._host_names = collaborators.host_names
        self._netns_directory = collaborators.netns_directory
        self._sandboxes = sandboxes
        self._group = group

    async def run(self) -> None:
        """Restore networks, firewall and open sandboxes, then sweep."""
        found = await self._look()
        await self._close_lost(found)
        for network in self._networks():
            await self._do_or_log(f"network {network.name}", self._network_ops(network, found))
        await self._firewall.install()
        for network in self._networks():
            await self._do_or_log(f"network {network.name}", self._drivers[network.driver].open_network(network))
        for sandbox in self._open():
            answers = await self._neighbours.answers(self._sandboxes.attachments(sandbox.id))
            await self._do_or_log(f"the network of {sandbox.name}", [*self._sandbox_ops(sandbox, found), *answers])
        await self._do_or_log("names", self._name_ops(found))
        await self._sweep(found)
        await self._firewall.forget_gone_bridges()

    async def mend(self, networks: Sequence[Network], sandboxes: Sequence[Sandbox]) -> list[str]:
        """Put back what is missing of living networks and open stacks; return in words of what something was.

        Whoever calls this holds off all changes of them.
        """
        found = await self._look()
        mended = []
        for network in networks:
            driver = self._drivers[network.driver]
            ops = [*self._network_ops(network, found), *driver.open_network(network)]
            if is_damaged(ops, found.links):
                await self._do_or_log(f"network {network.name}", ops)
                mended.append(f"network {network.name}")
        found = await self._look() if mended else found
        for sandbox in sandboxes:
            if not all(self._stands(item, found) for item in self._sandboxes.attachments(sandbox.id)):
                await self._do_or_log(f"the network of {sandbox.name}", self._sandbox_ops(sandbox, found))
                mended.append(f"the network of {sandbox.name}")
        return mended

    async def sweep(self) -> None:
        """Remove what carries our tag and no row owns."""
        await self._sweep(await self._look())

    async def _look(self) -> Findings:
        links = await self._host.ask(Links())
        pins = await self._host.ask(Namespaces(self._netns_directory))
        mounted = await self._host.ask(Mounts(self._netns_directory))
        held = await self._host.ask(HeldPorts())
        proxied = await self._host.ask(ProxiedNeighbours())
        served = await self._host.ask(NamesServed(self._netns_directory))
        return Findings(
            links={link.name: link for link in links},
            pins=frozenset(pins),
            namespaces=frozenset(pins).intersection(mounted),
            held=frozenset(held),
            proxied=proxied,
            served=frozenset(served),
        )

    def _networks(self) -> list[Network]:
        return [network for network in self._state.networks.values() if not network.config_only]

    def _open(self) -> list[Sandbox]:
        return [sandbox for sandbox in self._state.sandboxes.values() if sandbox.open]

    async def _close_lost(self, found: Findings) -> None:
        """Note that a stack is no more where its namespace is gone: the machine was started anew."""
        lost = [
            replace(sandbox, open=False)
            for sandbox in self._open()
            if sandbox.kind is SandboxKind.OWN and self._sandboxes.path(sandbox.id) not in found.namespaces
        ]
        if lost:
            await self._state.commit(put=lost)
            log.warning("%d network stacks are gone, as after a restart of the machine", len(lost))

    def _network_ops(self, network: Network, found: Findings) -> list[Op]:
        """Return what is missing of a network; a bridge that stands is not made again, a stranger's is not touched."""
        for name in self._drivers[network.driver].links(network):
            link = found.links.get(name)
            if link is not None and link.group != self._group and not network.adopted:
                log.error(
                    "network %s is out of order: an interface %s that is not ours stands in its place",
                    network.name,
                    name,
                )
                return []
        return [
            op
            for op in self._drivers[network.driver].create_network(network)
            if not (isinstance(op, AddBridge) and op.name in found.links)
        ]

    def _sandbox_ops(self, sandbox: Sandbox, found: Findings) -> list[Op]:
        """Return what makes an open sandbox whole: sysctls, links, routes, held ports, relays.

        What is there of it may be half made, and most of it lies in the sandbox, out of sight. So all that may be done
        again is done again.
        """
        shape = self._sandboxes.attachments(sandbox.id)
        netns = self._sandboxes.path(sandbox.id)
        own = sysctl_ops(sandbox, netns) if sandbox.kind is SandboxKind.OWN else []
        links = [op for item in shape for op in self._link_ops(item, netns, found)]
        routes = route_ops(Gateways(), choose(shape), netns)
        holds = [hold for hold in self._holds(shape) if _held(hold) not in found.held]
        relays = difference(self._means, (), shape, netns).ports
        return [*holds, *own, *links, *routes, *relays]

    def _link_ops(self, item: Attachment, netns: str, found: Findings) -> list[Op]:
        """Return what puts an endpoint's link in service: the whole of it where its outer end is gone."""
        driver = self._drivers[item.network.driver]
        attach = driver.attach(item.network, item.endpoint, netns)
        if not self._is_there(item, found):
            # The inner end may outlast the outer for a moment, with the name that the new one is to have.
            return [*driver.detach(item.network, item.endpoint, netns), *attach]
        return [*self._rejoined(attach), *(op for op in attach if op.repeatable)]

    def _is_there(self, item: Attachment, found: Findings) -> bool:
        name = item.endpoint.host_interface
        return not name or name in found.links

    def _name_ops(self, found: Findings) -> list[Op]:
        """Return what makes all names known that should be, and has port 53 answered where it is not.

        A sandbox that is answered stays so, even if it is on no network with names now: its resolv.conf says so.
        """
        rules = self._means.names()
        known: list[Member] = []
        views: dict[str, View] = dict(self._host_names.views())
        for sandbox in self._open():
            shape, path = self._sandboxes.attachments(sandbox.id), self._sandboxes.path(sandbox.id)
            known.extend(naming.members(shape, rules))
            sees = naming.view(shape, rules)
            if sees is None and shape and path in found.served:
                sees = naming.view_anyway(shape, rules)
            if sees is not None:
                views[path] = sees
        serve = [ServeNames(netns=path, view=view) for path, view in views.items() if path not in found.served]
        return [ReplaceNames(members=tuple(known), views=views), *serve]

    def _stands(self, item: Attachment, found: Findings) -> bool:
        """Tell whether an endpoint's end on the host is up and on its bridge."""
        name = item.endpoint.host_interface
        if not name:
            return True
        link = found.links.get(name)
        masters = {found.links[own].index for own in self._links_of(item.network) if own in found.links}
        return link is not None and link.up and (not masters or link.master in masters)

    def _rejoined(self, attach: Sequence[Op]) -> list[Op]:
        """Return what puts an endpoint's end on the host on its bridge and up."""
        return [
            JoinBridge(name=op.host_name, bridge=op.bridge, hairpin=op.hairpin)
            for op in attach
            if isinstance(op, AddVeth)
        ]

    def _links_of(self, network: Network) -> Sequence[str]:
        return self._drivers[network.driver].links(network)

    def _holds(self, shape: Sequence[Attachment]) -> list[HoldPort]:
        return [
            HoldPort(protocol=binding.port.protocol, address=binding.host_ip, port=binding.host_port)
            for item in shape
            for binding in item.endpoint.bindings
            if binding.host_port
        ]

    async def _do_or_log(self, what: str, ops: Sequence[Op]) -> None:
        """Mend one thing; what cannot be mended is said and does not keep the others from being mended."""
        for failure in await carry_out_all(self._host, ops):
            log.error("%s could not be restored as a whole: %s", what, failure)

    async def _sweep(self, found: Findings) -> None:
        """Remove everything that carries our tag and that no row owns."""
        own_links = {name for network in self._networks() for name in self._drivers[network.driver].links(network)}
        own_links.update(item.host_interface for item in self._state.endpoints.values() if self._is_open(item.sandbox))
        own_namespaces = {self._sandboxes.path(sandbox.id) for sandbox in self._open()}
        own_ports = {
            _held(hold) for sandbox in self._open() for hold in self._holds(self._sandboxes.attachments(sandbox.id))
        }
        ops: list[Op] = [
            DeleteLink(name=link.name)
            for link in found.links.values()
            if link.group == self._group and link.name not in own_links
        ]
        asking = {self._sandboxes.path(one.id) for one in self._open() if self._sandboxes.attachments(one.id)}
        asking.update(self._host_names.views())
        ops.extend(StopNames(netns=path) for path in sorted(found.served - asking))
        ops.extend(DeleteNamespace(path=path) for path in sorted(found.pins - own_namespaces))
        ops.extend(
            ReleasePort(protocol=port.protocol, address=port.address, port=port.port)
            for port in found.held
            if port not in own_ports
        )
        ops.extend(self._unowned_answers(found))
        ops.extend(
            ForgetFlows(
                protocol=port.protocol, address=None if port.address.is_unspecified else port.address, port=port.port
            )
            for port in found.held
            if port not in own_ports and port.protocol is Protocol.UDP
        )
        for op in ops:
            log.warning("sweeping what nobody owns: %s", op)
            try:
                await self._host.do([op])
            except OperationFailed as failure:
                log.error("it could not be swept: %s", failure)

    def _unowned_answers(self, found: Findings) -> list[Op]:
        """Return what has the host answer for nobody; an address outside our networks is another engine's business."""
        subnets = [pool.subnet for network in self._networks() for pool in network.pools]
        shapes = [item for sandbox in self._open() for item in self._sandboxes.attachments(sandbox.id)]
        own = set(self._neighbours.addresses(shapes))
        return [
            UnproxyNeighbour(address=proxied.address)
            for proxied in found.proxied
            if proxied.address not in own and any(proxied.address in subnet for subnet in subnets)
        ]

    def _is_open(self, sandbox: Id) -> bool:
        row = self._state.sandboxes.get(sandbox)
        return row is not None and row.open


def is_damaged(ops: Sequence[Op], links: Mapping[str, Link]) -> bool:
    """Tell whether the links lack anything of what operations would see to. Sysctls cannot be told from links."""
    return any(_is_missing(op, links) for op in ops)


def _is_missing(op: Op, links: Mapping[str, Link]) -> bool:
    match op:
        case AddBridge(name=name):
            return name not in links
        case AddAddress(link=name, address=address, netns=None):
            return name not in links or address not in links[name].addresses
        case SetLinkUp(name=name, netns=None):
            return name not in links or not links[name].up
        case _:
            return False


def _held(hold: HoldPort) -> HeldPort:
    return HeldPort(protocol=hold.protocol, address=hold.address, port=hold.port)
