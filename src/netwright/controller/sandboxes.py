"""Sandboxes and their endpoints: reserved, opened, changed while open, closed, forgotten.

A sandbox's rows are written when it is created and deleted when it is deleted; in between, its addresses, MACs and
interface names stay what they are whether it is open or not. Everything that an open sandbox does is a step from one
shape to another (`controller.shape`), in this order:

    1. ports are held          so that what is promised can be kept
    2. the rows are written    and, while the disk is flushed,
       the machine follows     one batch: namespace, firewall, links, addresses, routes
    3. what is left over goes  links of endpoints that have left, released ports

After a crash within 2 the next start makes what the rows on the disk name, and sweeps what they do not.

A failure or a cancellation takes 2 and 1 back on the machine and then 2 on disk. In 3 nothing is taken back: the new
shape stands, and what cannot be removed of the old one is said and swept by the next start. Closing and deleting only
ever take down, so they go on to the end whatever happens.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

from msgspec import structs

from netwright.controller.addresses.neighbours import Neighbours
from netwright.controller.announcing import Announcing
from netwright.controller.api import Attachment, Beside, SandboxRequest, kind_of
from netwright.controller.events import NetworkEvents
from netwright.controller.firewall.source_sets import SourceSets
from netwright.controller.firewall.writer import Firewall
from netwright.controller.locks import KeyedLocks
from netwright.controller.naming.host_names import HostNames
from netwright.controller.naming.names import NameChange
from netwright.controller.publishing import Publishing
from netwright.controller.repair.leftovers import Leftovers
from netwright.controller.requests import HOST, check_spec, check_together
from netwright.controller.reservations import Reservations
from netwright.controller.shape import Change, Means, difference, inheriting, sysctl_ops
from netwright.controller.state import Row, State
from netwright.controller.teardown import carry_out_all
from netwright.controller.together import both
from netwright.drivers.endpoint_options import interface_name
from netwright.drivers.option_names import OptionNames
from netwright.errors import Forbidden, InvalidInput, NotFound, PlainRefusal, SystemFailure, TeardownFailed
from netwright.firewall.api import Backend
from netwright.host.ops import CreateNamespace, DeleteNamespace, Op, StopNames
from netwright.host.protocol import Host, transaction
from netwright.host.uncancelled import to_the_end
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox, SandboxKind
from netwright.model.ports import PortRequest
from netwright.publish import edits

HOST_NAMESPACE = "/proc/1/ns/net"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What the sandboxes work with."""

    state: State
    host: Host
    means: Means
    reservations: Reservations
    firewall: Firewall
    leftovers: Leftovers
    publishing: Publishing
    events: NetworkEvents
    names: OptionNames
    neighbours: Neighbours
    announcing: Announcing
    host_names: HostNames
    source_sets: SourceSets
    netns_directory: str


class Sandboxes:
    """The network stacks: the implementation of `controller.api.Sandboxes`."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._with = collaborators
        self._state = collaborators.state
        self._locks = KeyedLocks()

    def list(self) -> Sequence[Sandbox]:
        """Return all sandboxes."""
        return tuple(self._state.sandboxes.values())

    def get(self, sandbox: Id) -> Sandbox:
        """Return a sandbox. Raises NotFound."""
        return self._state.sandbox(sandbox)

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        """Return a sandbox's endpoints in the order of their interfaces."""
        row = self._state.sandbox(sandbox)
        return [
            Attachment(network=self._state.networks[endpoint.network], endpoint=endpoint, sandbox=row)
            for endpoint in self._state.in_sandbox(sandbox)
        ]

    def path(self, sandbox: Id) -> str:
        """Return the path at which the sandbox's namespace is pinned while it is open."""
        return self._path_of(self._state.sandbox(sandbox))

    def _path_of(self, row: Sandbox) -> str:
        return HOST_NAMESPACE if row.kind is SandboxKind.HOST else f"{self._with.netns_directory}/{row.id[:12]}"

    def holding(self, sandbox: Id) -> AbstractAsyncContextManager[None]:
        """Hold off every change of a sandbox."""
        return self._locks.holding(sandbox)

    async def create(self, request: SandboxRequest) -> Sandbox:
        """Reserve a stack, its endpoints and their addresses; nothing is on the machine yet."""
        networks = [self._wanted(reference) for reference in request.endpoints]
        check_together(networks)
        sandbox = Sandbox(
            id=new_id(),
            owner=request.owner,
            name=request.name,
            hostname=request.hostname,
            kind=kind_of(networks),
            ports=request.ports,
            publish_all=request.publish_all,
            exposed=request.exposed,
            sysctls=request.sysctls,
            servers=request.servers,
            dns_options=request.dns_options,
        )
        wanted = list(zip(networks, request.endpoints.values(), strict=True))
        named = [name for _, spec in wanted if (name := interface_name(spec))]
        async with self._with.reservations.attempt(named) as attempt:
            endpoints: list[Endpoint] = []
            for network, spec in wanted:
                self._check(network, spec)
                endpoints.append(await attempt.endpoint(sandbox, network, spec, among=endpoints))
            self._refuse_gone_networks(endpoints)
            self._with.source_sets.require(sandbox.ports)
            await self._state.commit(put=[sandbox, *endpoints])
        return sandbox

    def _check(self, network: Network, spec: EndpointSpec) -> None:
        driver = self._with.means.drivers[network.driver]
        check_spec(network, spec, self._with.names.faults(spec.driver_options, driver.endpoint_options, "endpoints"))

    def _wanted(self, reference: str) -> Network:
        """Return a network that a new sandbox names.

        One that is missing makes the request invalid (400): `docker run` would read a 404 as a missing image and pull.
        """
        try:
            return self._state.network(reference)
        except NotFound as error:
            raise InvalidInput(f"{error}: create it first with docker network create") from error

    async def open(self, sandbox: Id, reaches: Sequence[Id] = ()) -> Sequence[Attachment]:
        """Make the stack on the machine: namespace, interfaces, routes, published ports, links to others."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            if row.open:
                return self.attachments(sandbox)
            first: list[Op] = []
            if row.kind is SandboxKind.OWN:
                first = [CreateNamespace(path=self.path(sandbox)), *sysctl_ops(row, self.path(sandbox))]
            wanted = self.attachments(sandbox)
            await self._step(row, replace(row, open=True, reaches=tuple(reaches)), (), wanted, first=first)
            attachments = self.attachments(sandbox)
            for item in attachments:
                self._with.events.connected(item)
        return attachments

    async def _step(
        self,
        row: Sandbox,
        becomes: Sandbox,
        before: Sequence[Attachment],
        after: Sequence[Attachment],
        *,
        first: Sequence[Op] = (),
        beside: Beside | None = None,
    ) -> Change:
        """Go from one shape to another as a whole or not at all; return what has led there, for what is left over.

        Rows and rules change under one hold of the firewall: a rebuild in between would make the rules twice.
        """
        known = {item.endpoint.id: item for item in self.attachments(row.id)}
        kept = {item.endpoint.id for item in after}
        gone = [item.endpoint for item in before if item.endpoint.id not in kept]
        async with self._with.firewall.changing() as firewall:
            try:
                async with transaction(self._with.host) as attempt, _part_of_it(beside):
                    wish = becomes if becomes.open == row.open else replace(becomes, open=row.open)
                    granted = await self._with.publishing.grant(attempt, wish, before or after, after)
                    change = await self._difference(before, granted, self.path(row.id))
                    rows = self._changed([becomes, *(item.endpoint for item in granted)])
                    links = self._with.firewall.links
                    old, new = links.of(row, before), links.of(becomes, granted)
                    rules = firewall.change(add=[*change.add, *new], remove=[*change.remove, *old])
                    self._refuse_gone_networks(rows)
                    self._with.source_sets.require(becomes.ports)
                    writing = self._state.commit(put=rows, delete=gone)
                    made = [*first, *rules, *change.links, *change.ports, *change.flows]
                    machine = attempt.do([*change.names.first, *made, *change.names.last])
                    await both(writing, machine if beside is None else both(machine, beside.make(granted)))
            except BaseException:
                added = [item for item in after if item.endpoint.id not in known]
                await to_the_end(self._go_back(row, list(known.values()), added))
                raise
        return change

    def _changed(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows that are not the very ones that are known."""
        return [row for row in rows if self._state.find(row) is not row]

    async def _difference(self, before: Sequence[Attachment], after: Sequence[Attachment], netns: str) -> Change:
        """Return what leads from one shape to another, on the wires of the host too."""
        change = difference(self._with.means, before, after, netns)
        old, new = ({item.endpoint.id for item in shape} for shape in (before, after))
        gone = self._with.neighbours.silences([item for item in before if item.endpoint.id not in new])
        added = [item for item in after if item.endpoint.id not in old]
        come = [*await self._with.neighbours.answers(added), *self._with.announcing.ops(added, netns)]
        return structs.replace(change, links=(*change.links, *come), detached=(*gone, *change.detached))

    async def be_found(self) -> None:
        """Let the host's neighbours find the endpoints again, where an interface has come or come back."""
        neighbours = self._with.neighbours
        rows = [row for row in self._state.sandboxes.values() if row.open]
        for sandbox in [row.id for row in rows if neighbours.addresses(self.attachments(row.id))]:
            async with self._locks.holding(sandbox):
                if sandbox in self._state.sandboxes and self._state.sandboxes[sandbox].open:
                    await self._with.host.do(await neighbours.answers(self.attachments(sandbox)))

    async def _go_back(self, row: Sandbox, before: Sequence[Attachment], added: Sequence[Attachment]) -> None:
        """Make the rows, and the index of ports, as they were."""
        try:
            await self._state.commit(
                put=[row, *(item.endpoint for item in before)], delete=[item.endpoint for item in added]
            )
        finally:
            self._with.publishing.forget(added)
            self._with.publishing.put_back(before, is_open=row.open)

    def _refuse_gone_networks(self, rows: Sequence[Row]) -> None:
        """Refuse endpoints of a network that was removed while ports were held or an IPAM plugin was asked."""
        for row in rows:
            if isinstance(row, Endpoint) and row.network not in self._state.networks:
                raise NotFound(f"network {row.network} not found: it was removed meanwhile")

    async def close(self, sandbox: Id) -> None:
        """Take the stack from the machine; its reservations stay. All failures are reported together."""
        async with self._locks.holding(sandbox):
            if self._state.sandbox(sandbox).open:
                await to_the_end(self._close(self._state.sandbox(sandbox)))
            elif self._state.owes(sandbox):
                await self._state.commit()

    async def _close(self, row: Sandbox) -> None:
        attachments, closed = self.attachments(row.id), replace(row, open=False)
        # The row changes last: a crash before leaves a stack that the next start makes whole again or finds gone.
        async with self._with.firewall.changing() as firewall:
            failures = await self._take_down(firewall, row, attachments)
            try:
                await self._state.commit(put=[closed])
            except SystemFailure as failure:
                # It is down all the same; a start before the next commit finds it gone, as after a crash at this place.
                self._state.owe(closed)
                failures = [*failures, failure]
        self._with.publishing.put_back(attachments, is_open=False)
        await self._report(row, attachments, failures)

    async def _take_down(
        self, firewall: Backend, row: Sandbox, attachments: Sequence[Attachment]
    ) -> Sequence[Exception]:
        """Remove an open stack, as far as it can be; return what failed."""
        netns = self._path_of(row)
        change = difference(self._with.means, attachments, (), netns)
        # Routes and addresses go with the namespace: the kernel need not be asked to remove them one by one.
        links = [op for item in attachments for op in self._detach(item)]
        last = [DeleteNamespace(path=netns)] if row.kind is SandboxKind.OWN else []
        linked = self._with.firewall.links.of(row, attachments)
        rules = firewall.change(add=change.add, remove=[*change.remove, *linked])
        silences = self._with.neighbours.silences(attachments)
        flows = [*change.flows, *change.abandoned]
        # It may be answered still when it has left its last network: its resolv.conf says so.
        alone = [StopNames(netns=netns)] if row.kind is SandboxKind.OWN and not attachments else []
        ops = [*alone, *change.names.first, *silences, *links, *rules, *last, *flows, *change.released]
        return await carry_out_all(self._with.host, ops)

    def _detach(self, item: Attachment) -> Sequence[Op]:
        return self._with.means.drivers[item.network.driver].detach(item.network, item.endpoint, None)

    async def _report(self, row: Sandbox, attachments: Sequence[Attachment], failures: Sequence[Exception]) -> None:
        """Tell that endpoints are off their networks. Raises TeardownFailed where something may be left of them."""
        for item in attachments:
            self._with.events.disconnected(item)
        if failures:
            failures = [*failures, *await self._with.leftovers.clear()]
            raise TeardownFailed(f"the network of {row.name} was not taken down cleanly", failures)

    async def delete(self, sandbox: Id) -> None:
        """Take the stack from the machine and forget it with its reservations. All failures are reported together."""
        async with self._locks.holding(sandbox):
            await to_the_end(self._delete(self._state.sandbox(sandbox)))

    async def _delete(self, row: Sandbox) -> None:
        attachments = self.attachments(row.id)
        failures: Sequence[Exception] = ()
        # The rows go first: what a crash leaves of the stack is then nobody's, and is swept.
        async with self._with.firewall.changing() as firewall:
            await self._state.commit(delete=[*(item.endpoint for item in attachments), row])
            if row.open:
                failures = await self._take_down(firewall, row, attachments)
        self._with.publishing.forget(attachments)
        for item in attachments:
            await self._with.reservations.release(item.endpoint)
        await self._report(row, attachments if row.open else (), failures)

    async def rename(self, sandbox: Id, name: str) -> None:
        """Let the stack be known by another name."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            before = self.attachments(sandbox)
            called = replace(row, name=name)
            after = [structs.replace(item, sandbox=called) for item in before]
            names = difference(self._with.means, before, after, self.path(sandbox)).names if row.open else NameChange()
            try:
                async with transaction(self._with.host) as attempt:
                    await both(self._state.commit(put=[called]), attempt.do([*names.first, *names.last]))
            except BaseException:
                await to_the_end(self._go_back(row, before, ()))
                raise
            self._with.publishing.put_back(after, is_open=row.open)

    async def connect(
        self, sandbox: Id, network: str, spec: EndpointSpec, *, beside: Beside | None = None
    ) -> Attachment:
        """Join a network, live where the stack is open: then with what is done beside it, or not at all."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            joined = self._state.network(network)
            before = self.attachments(sandbox)
            present = next((item for item in before if item.network.id == joined.id), None)
            if present is not None and not row.open and spec in (EndpointSpec(), present.endpoint.spec):
                return present  # as Docker: it is to be so at the next start, and it will be
            self._check(joined, spec)
            self._check_joinable(row, joined, [item.network for item in before])
            async with self._with.reservations.attempt() as attempt:
                endpoint = await attempt.endpoint(row, joined, spec, among=[item.endpoint for item in before])
                self._refuse_gone_networks([endpoint])
                added = Attachment(network=joined, endpoint=endpoint, sandbox=row)
                change = await self._reshape(row, before, [*before, added], beside)
            if row.open:
                self._with.events.connected(added)
            await self._let_go(row, change.released)
            return added

    def _check_joinable(self, row: Sandbox, network: Network, present: Sequence[Network]) -> None:
        if any(other.id == network.id for other in present):
            raise Forbidden(f"endpoint with name {row.name} already exists in network {network.name}")
        if network.name == HOST and row.kind is not SandboxKind.HOST:
            raise InvalidInput(
                "cannot connect container to host network - container must be created in host network mode"
            )
        check_together([*present, network])

    async def disconnect(
        self,
        sandbox: Id,
        network: str,
        *,
        force: bool,  # noqa: ARG002 - the engine keeps no endpoint that could need force
        beside: Beside | None = None,
    ) -> None:
        """Leave a network, live where the stack is open: then with what is done beside it, or not at all."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            left = self._state.network(network)
            if left.name == HOST and row.kind is SandboxKind.HOST:
                raise InvalidInput(
                    "cannot disconnect container from host network - container was created in host network mode"
                )
            before = self.attachments(sandbox)
            leaving = next((item for item in before if item.network.id == left.id), None)
            if leaving is None:
                # Docker has the article for a container that does not run only.
                words = "to network" if row.open else "to the network"
                raise PlainRefusal(f"container {row.owner} is not connected {words} {left.name}")
            change = await self._reshape(row, before, [item for item in before if item is not leaving], beside)
            await to_the_end(self._leave(row, leaving, [*change.detached, *change.abandoned, *change.released]))

    async def _leave(self, row: Sandbox, leaving: Attachment, leftovers: Sequence[Op]) -> None:
        """Remove what is left over of an endpoint whose row is gone."""
        failures = await carry_out_all(self._with.host, leftovers)
        await self._with.reservations.release(leaving.endpoint)
        await self._report(row, [leaving] if row.open else (), failures)

    async def publish(self, sandbox: Id, ports: Sequence[PortRequest]) -> None:
        """Publish more ports, live where the stack is open."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            await self._republish(row, edits.added(row.ports, ports))

    async def unpublish(self, sandbox: Id, ports: Sequence[PortRequest]) -> None:
        """Publish some ports no more, live where the stack is open."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            granted = [binding for item in self.attachments(sandbox) for binding in item.endpoint.bindings]
            await self._republish(row, edits.removed(row.ports, ports, granted, row.name))

    async def _republish(self, row: Sandbox, ports: tuple[PortRequest, ...]) -> None:
        """Let other ports be published: the same step as any other, from one shape to another."""
        if row.kind is SandboxKind.HOST:
            raise InvalidInput(
                f"{row.name} uses the host's network: its ports are the host's, and none needs publishing"
            )
        becomes = replace(row, ports=ports)
        self._with.source_sets.require(ports)
        if not row.open:
            await self._state.commit(put=[becomes])
            return
        before = self.attachments(row.id)
        change = await self._step(row, becomes, before, before)
        await self._let_go(row, change.released)

    async def _let_go(self, row: Sandbox, ports: Sequence[Op]) -> None:
        """Release the ports of the host that a change has given up: it stands, whatever comes of this."""
        if ports:
            await to_the_end(self._release(row, ports))

    async def _release(self, row: Sandbox, ports: Sequence[Op]) -> None:
        failures = await carry_out_all(self._with.host, ports)
        for failure in [*failures, *(await self._with.leftovers.clear() if failures else ())]:
            log.error("%s may still hold a port that it gave up: %s", row.name, failure)

    async def _reshape(
        self, row: Sandbox, before: Sequence[Attachment], after: Sequence[Attachment], beside: Beside | None
    ) -> Change:
        """Step from one shape to another: rows, and the machine where the stack is open."""
        if row.open:
            return await self._step(row, row, before, after, beside=beside)
        kept = {item.endpoint.id for item in after}
        gone = [item.endpoint for item in before if item.endpoint.id not in kept]
        await self._state.commit(put=[item.endpoint for item in inheriting(after, gone)], delete=gone)
        return Change()


@asynccontextmanager
async def _part_of_it(beside: Beside | None) -> AsyncIterator[None]:
    """Take back what was done beside a change where the block fails."""
    try:
        yield
    except BaseException:
        if beside is not None:
            await to_the_end(beside.take_back())
        raise
