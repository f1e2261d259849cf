"""At the start: compare what the rows say with what the machine has, mend the differences, sweep what nobody owns.

Nothing is deleted and made again: what stands as it should is left untouched, so packets flow through a restart. What
stood half-made at a crash is either named by a row, and is finished here, or by none, and is swept by its tag.
What is compared, and how, says `comparison`; what cannot be mended is noted in `condition`.
"""

import errno
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from netwright.controller.api import Attachment
from netwright.controller.gateways import Gateways, choose, route_ops
from netwright.controller.naming import names as naming
from netwright.controller.repair.comparison import Comparison, Findings, Inside, Rows, held
from netwright.controller.repair.condition import NAMES, Condition
from netwright.controller.sandboxes import Collaborators, Sandboxes
from netwright.controller.shape import difference, sysctl_ops
from netwright.controller.teardown import carry_out_all
from netwright.dns.zone import Member, View
from netwright.errors import OperationFailed
from netwright.host.ops import (
    AddBridge,
    AddVeth,
    JoinBridge,
    Op,
    ReplaceNames,
    ServeNames,
    SetLinkUp,
)
from netwright.host.queries import HeldPorts, Links, Mounts, Namespaces, NamesServed, ProxiedNeighbours, Routes
from netwright.model.difference import Difference
from netwright.model.listener import Listener
from netwright.model.names import Id
from netwright.model.network import Network, Sandbox, SandboxKind

log = logging.getLogger(__name__)


class Restoration:
    """Makes machine and rows agree."""

    def __init__(self, collaborators: Collaborators, sandboxes: Sandboxes, condition: Condition, *, group: int) -> None:
        self._state = collaborators.state
        self._host = collaborators.host
        self._means = collaborators.means
        self._drivers = collaborators.means.drivers
        self._firewall = collaborators.firewall
        self._neighbours = collaborators.neighbours
        self._host_names = collaborators.host_names
        self._netns_directory = collaborators.netns_directory
        self._sandboxes = sandboxes
        self._condition = condition
        self.rows = Rows(
            state=collaborators.state,
            drivers=collaborators.means.drivers,
            sandboxes=sandboxes,
            neighbours=collaborators.neighbours,
            host_names=collaborators.host_names,
            group=group,
        )

    async def run(self) -> None:
        """Restore networks, firewall and open sandboxes, then sweep."""
        comparison = await self.compare()
        await self._close_lost(comparison)
        for network in self.rows.networks():
            await self._mend_network(network, comparison)
        await self._firewall.install()
        for network in self.rows.networks():
            await self._carry_out(network.id, f"network {network.name}", self._opening(network), more=True)
        for sandbox in self.rows.open():
            answers = await self._neighbours.answers(self._sandboxes.attachments(sandbox.id))
            ops = [*self._sandbox_ops(sandbox, comparison.found), *answers]
            await self._carry_out(sandbox.id, f"the network of {sandbox.name}", ops)
        await self.mend_names(comparison)
        await self.sweep(comparison)
        await self._firewall.forget_gone_bridges()

    async def mend(
        self, networks: Sequence[Network], sandboxes: Sequence[Sandbox], *, inside: bool = False
    ) -> list[str]:
        """Put back what is missing of living networks and open stacks; return in words of what something was.

        Whoever calls this holds off all changes of them. `inside` looks into the stacks too.
        """
        comparison = await self.compare(sandboxes if inside else ())
        mended = []
        for network in networks:
            if comparison.network(network):
                await self._mend_network(network, comparison, *self._opening(network))
                mended.append(f"network {network.name}")
            else:
                self._condition.note(network.id, ())
        comparison = await self.compare(sandboxes if inside else ()) if mended else comparison
        for sandbox in sandboxes:
            if comparison.is_lost(sandbox):
                self._condition.note(sandbox.id, [f"{wrong}: restart it" for wrong in comparison.sandbox(sandbox)])
            elif comparison.sandbox(sandbox):
                what = f"the network of {sandbox.name}"
                await self._carry_out(sandbox.id, what, self._sandbox_ops(sandbox, comparison.found))
                mended.append(what)
            else:
                self._condition.note(sandbox.id, ())
        return mended

    async def sweep(self, comparison: Comparison | None = None) -> list[str]:
        """Remove what carries our tag and no row owns; return it in words."""
        swept = []
        for stray in (comparison or await self.compare()).strays():
            log.warning("sweeping what nobody owns: %s", stray.difference.what)
            failures = await carry_out_all(self._host, stray.ops)
            for failure in failures:
                log.error("it could not be swept: %s", failure)
            if not failures:
                swept.append(stray.difference.what)
        return swept

    async def compare(self, into: Collection[Sandbox] = ()) -> Comparison:
        """Look at the machine, and into these sandboxes, and hold the rows beside it."""
        links = await self._host.ask(Links())
        pins = await self._host.ask(Namespaces(self._netns_directory))
        mounted = await self._host.ask(Mounts(self._netns_directory))
        ports = await self._host.ask(HeldPorts())
        proxied = await self._host.ask(ProxiedNeighbours())
        served = await self._host.ask(NamesServed(self._netns_directory))
        namespaces = frozenset(pins).intersection(mounted)
        paths = {self._sandboxes.path(sandbox.id) for sandbox in into if sandbox.kind is SandboxKind.OWN}
        findings = Findings(
            links={link.name: link for link in links},
            pins=frozenset(pins),
            namespaces=namespaces,
            held=frozenset(ports),
            proxied=proxied,
            served=frozenset(served),
            inside={path: inside for path in sorted(paths & namespaces) if (inside := await self._inside(path))},
        )
        return Comparison(self.rows, findings)

    async def _inside(self, path: str) -> Inside | None:
        """Look into a sandbox; None where it was closed since it was seen."""
        try:
            links = await self._host.ask(Links(path))
            routes = await self._host.ask(Routes(path))
        except OperationFailed as failure:
            if failure.errno == errno.ENOENT:
                return None
            raise
        return Inside(links={link.name: link for link in links}, routes=routes)

    async def _close_lost(self, comparison: Comparison) -> None:
        """Note that a stack is no more where its namespace is gone: the machine was started anew."""
        lost = [replace(sandbox, open=False) for sandbox in self.rows.open() if comparison.is_lost(sandbox)]
        if lost:
            await self._state.commit(put=lost)
            log.warning("%d network stacks are gone, as after a restart of the machine", len(lost))

    def _opening(self, network: Network) -> Sequence[Op]:
        return self._drivers[network.driver].open_network(network)

    async def _mend_network(self, network: Network, comparison: Comparison, *more: Op) -> None:
        """Make what is missing of a network; a bridge that stands is not made again, a stranger's is not touched."""
        if comparison.stranger(network) is not None:
            faults = comparison.network(network)
            log.error("network %s is out of order: %s", network.name, "; ".join(faults))
            self._condition.note(network.id, faults)
            return
        ops = [
            op
            for op in self._drivers[network.driver].create_network(network)
            if not (isinstance(op, AddBridge) and op.name in comparison.found.links)
        ]
        await self._carry_out(network.id, f"network {network.name}", [*ops, *more])

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
        holds = [hold for hold in self.rows.holds(sandbox.id) if held(hold) not in found.held]
        relays = difference(self._means, (), shape, netns).ports
        return [*holds, *own, *links, *routes, *relays]

    def _link_ops(self, item: Attachment, netns: str, found: Findings) -> list[Op]:
        """Return what puts an endpoint's link in service: the whole of it where its outer end is gone."""
        driver = self._drivers[item.network.driver]
        attach = driver.attach(item.network, item.endpoint, netns)
        if not self._is_there(item, found):
            # The inner end may outlast the outer for a moment, with the name that the new one is to have.
            told = driver.announce(item.network, item.endpoint, netns)
            return [*driver.detach(item.network, item.endpoint, netns), *attach, *told]
        up = SetLinkUp(name=item.endpoint.host_interface)
        return [*(op for op in attach if op.repeatable and op != up), *self._rejoined(attach)]

    def _is_there(self, item: Attachment, found: Findings) -> bool:
        name = item.endpoint.host_interface
        return not name or name in found.links

    def unanswered(self, comparison: Comparison) -> list[Difference]:
        """Return where names should be answered and are not: in sandboxes, and where the host may ask."""
        _, views = self._names(comparison.found)
        names = {place: f"the host at {Listener.of_place(place)}" for place in self._host_names.views()}
        standing = [one for one in self.rows.open() if not comparison.is_lost(one)]
        names.update((self._sandboxes.path(sandbox.id), sandbox.name) for sandbox in standing)
        return [
            Difference(subject=names[path], what="names are not answered in it", cure="answer them there")
            for path in views
            if path not in comparison.found.served and path in names
        ]

    async def mend_names(self, comparison: Comparison) -> None:
        """Make all names known that should be, and have port 53 answered where it is not."""
        members, views = self._names(comparison.found)
        missing = [path for path in views if path not in comparison.found.served]
        serve = [ServeNames(netns=path, view=views[path]) for path in missing]
        await self._carry_out(NAMES, "names", [ReplaceNames(members=members, views=views), *serve])

    def _names(self, found: Findings) -> tuple[tuple[Member, ...], dict[str, View]]:
        """Return who is to be known by name, and what each sandbox is to see.

        A sandbox that is answered stays so, even if it is on no network with names now: its resolv.conf says so.
        """
        rules = self._means.names()
        known: list[Member] = []
        views: dict[str, View] = dict(self._host_names.views())
        for sandbox in self.rows.open():
            shape, path = self._sandboxes.attachments(sandbox.id), self._sandboxes.path(sandbox.id)
            known.extend(naming.members(shape, rules))
            sees = naming.view(shape, rules)
            if sees is None and shape and path in found.served:
                sees = naming.view_anyway(shape, rules)
            if sees is not None:
                views[path] = sees
        return tuple(known), views

    def _rejoined(self, attach: Sequence[Op]) -> list[Op]:
        """Return what puts an endpoint's end on the host on its bridge and up."""
        return [
            JoinBridge(name=op.host_name, bridge=op.bridge, hairpin=op.hairpin)
            for op in attach
            if isinstance(op, AddVeth)
        ]

    async def _carry_out(self, owner: Id, what: str, ops: Sequence[Op], *, more: bool = False) -> None:
        """Mend one thing; what cannot be mended is said and noted, and does not keep the others from being mended.

        With `more` this goes on with what was begun: earlier faults stay noted.
        """
        failures = await carry_out_all(self._host, ops)
        for failure in failures:
            log.error("%s could not be restored as a whole: %s", what, failure)
        earlier = self._condition.of(owner) if more else ()
        self._condition.note(owner, [*earlier, *map(str, failures)])
