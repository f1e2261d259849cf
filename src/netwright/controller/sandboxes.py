"""Sandboxes and their endpoints: reserved, opened, changed while open, closed, forgotten.

A sandbox's rows are written when it is created and deleted when it is deleted; in between, its addresses, MACs and
interface names stay what they are whether it is open or not. Everything that an open sandbox does is a step from one
shape to another (`controller.shape`), in this order:

    1. ports are held          so that what is promised can be kept
    2. the rows are written    and, while the disk is flushed,
       the machine follows     one batch: namespace, firewall, links, addresses, routes
    3. what is left over goes  released ports, stale connection tracking

After a crash within 2 the next start makes what the rows on the disk name, and sweeps what they do not.

A failure takes 2 and 1 back on the machine and then 2 on disk.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from netwright.controller.api import Attachment, SandboxRequest, kind_of
from netwright.controller.events import NetworkEvents
from netwright.controller.firewall import Firewall
from netwright.controller.locks import KeyedLocks
from netwright.controller.publishing import Publishing
from netwright.controller.requests import HOST, check_spec, check_together
from netwright.controller.reservations import Reservations
from netwright.controller.shape import Change, Means, difference
from netwright.controller.state import Row, State
from netwright.controller.teardown import carry_out_all
from netwright.controller.together import both
from netwright.drivers.endpoint_options import interface_name
from netwright.drivers.option_names import OptionNames
from netwright.errors import Forbidden, InvalidInput, NotFound, PlainRefusal, TeardownFailed
from netwright.host.ops import CreateNamespace, DeleteNamespace, Op, SetSysctl
from netwright.host.protocol import Host, Transaction, transaction
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox, SandboxKind

HOST_NAMESPACE = "/proc/1/ns/net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What the sandboxes work with."""

    state: State
    host: Host
    means: Means
    reservations: Reservations
    firewall: Firewall
    publishing: Publishing
    events: NetworkEvents
    names: OptionNames
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
        if self._state.sandbox(sandbox).kind is SandboxKind.HOST:
            return HOST_NAMESPACE
        return f"{self._with.netns_directory}/{sandbox[:12]}"

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
        )
        wanted = list(zip(networks, request.endpoints.values(), strict=True))
        named = [name for _, spec in wanted if (name := interface_name(spec))]
        with self._with.reservations.attempt(named) as attempt:
            endpoints: list[Endpoint] = []
            for network, spec in wanted:
                self._check(network, spec)
                endpoints.append(attempt.endpoint(sandbox, network, spec, among=endpoints))
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

    async def open(self, sandbox: Id) -> Sequence[Attachment]:
        """Make the stack on the machine: namespace, interfaces, routes, published ports."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            if row.open:
                return self.attachments(sandbox)
            wanted = self.attachments(sandbox)
            try:
                async with transaction(self._with.host) as attempt:
                    await self._open(attempt, row, wanted)
            except BaseException:
                # The rows before were the wish for the ports: they are written back as they were.
                await self._state.commit(put=[row, *(item.endpoint for item in wanted)])
                self._with.publishing.put_back(wanted, is_open=False)
                raise
            attachments = self.attachments(sandbox)
        for item in attachments:
            self._with.events.connected(item)
        return attachments

    async def _open(self, attempt: Transaction, row: Sandbox, wanted: Sequence[Attachment]) -> None:
        granted = await self._with.publishing.grant(attempt, row, wanted, wanted)
        rows: list[Row] = [replace(row, open=True), *(item.endpoint for item in granted)]
        first: list[Op] = []
        netns = self.path(row.id)
        if row.kind is SandboxKind.OWN:
            first.append(CreateNamespace(path=netns))
            first.extend(
                SetSysctl(key=key.replace(".", "/"), value=value, netns=netns) for key, value in row.sysctls.items()
            )
        await self._carry_out(attempt, difference(self._with.means, (), granted, netns), rows, first=first)

    async def _carry_out(
        self,
        attempt: Transaction,
        change: Change,
        put: Sequence[Row],
        *,
        delete: Sequence[Row] = (),
        first: Sequence[Op] = (),
    ) -> None:
        """Write the rows and follow them in one batch, side by side; what is left over goes when both have succeeded.

        Rows and rules change under one hold of the firewall: a rebuild in between would make the rules twice.
        """
        async with self._with.firewall.changing() as firewall:
            rules = firewall.change(add=change.add, remove=change.remove)
            self._refuse_gone_networks(put)
            writing = self._state.commit(put=put, delete=delete)
            await both(writing, attempt.do([*first, *rules, *change.links, *change.ports]))
        await attempt.do(change.leftovers)

    def _refuse_gone_networks(self, rows: Sequence[Row]) -> None:
        """Refuse endpoints of a network that was removed while their ports were being held."""
        for row in rows:
            if isinstance(row, Endpoint) and row.network not in self._state.networks:
                raise NotFound(f"network {row.network} not found: it was removed meanwhile")

    async def close(self, sandbox: Id) -> None:
        """Take the stack from the machine; its reservations stay. All failures are reported together."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            if not row.open:
                return
            attachments = self.attachments(sandbox)
            failures = await self._close(row, attachments)
        for item in attachments:
            self._with.events.disconnected(item)
        if failures:
            raise TeardownFailed(f"the network of {row.name} was not taken down cleanly", failures)

    async def _close(self, row: Sandbox, attachments: Sequence[Attachment]) -> Sequence[Exception]:
        change = difference(self._with.means, attachments, (), self.path(row.id))
        # Routes and addresses go with the namespace: the kernel need not be asked to remove them one by one.
        links = [op for item in attachments for op in self._detach(item)]
        last = [DeleteNamespace(path=self.path(row.id))] if row.kind is SandboxKind.OWN else []
        async with self._with.firewall.changing() as firewall:
            rules = firewall.change(add=change.add, remove=change.remove)
            failures = await carry_out_all(self._with.host, [*links, *rules, *last, *change.leftovers])
            await self._state.commit(put=[replace(row, open=False)])
        self._with.publishing.put_back(attachments, is_open=False)
        return failures

    def _detach(self, item: Attachment) -> Sequence[Op]:
        return self._with.means.drivers[item.network.driver].detach(item.network, item.endpoint, None)

    async def delete(self, sandbox: Id) -> None:
        """Close the stack and forget it with its reservations."""
        failure: TeardownFailed | None = None
        try:
            await self.close(sandbox)
        except TeardownFailed as error:
            failure = error
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            endpoints = self._state.in_sandbox(sandbox)
            await self._state.commit(delete=[*endpoints, row])
            for endpoint in endpoints:
                self._with.reservations.release(endpoint)
        if failure is not None:
            raise failure

    async def rename(self, sandbox: Id, name: str) -> None:
        """Let the stack be known by another name."""
        async with self._locks.holding(sandbox):
            await self._state.commit(put=[replace(self._state.sandbox(sandbox), name=name)])

    async def connect(self, sandbox: Id, network: str, spec: EndpointSpec) -> Attachment:
        """Join a network, live where the stack is open."""
        async with self._locks.holding(sandbox):
            row = self._state.sandbox(sandbox)
            joined = self._state.network(network)
            present = next((item for item in self.attachments(sandbox) if item.network.id == joined.id), None)
            if present is not None and not row.open and spec in (EndpointSpec(), present.endpoint.spec):
                return present  # as Docker: it is to be so at the next start, and it will be
            self._check_joinable(row, joined)
            self._check(joined, spec)
            with self._with.reservations.attempt() as attempt:
                endpoint = attempt.endpoint(row, joined, spec, among=self._state.in_sandbox(sandbox))
                added = Attachment(network=joined, endpoint=endpoint, sandbox=row)
                before = self.attachments(sandbox)
                await self._reshape(row, before, [*before, added])
            if row.open:
                self._with.events.connected(added)
            return added

    def _check_joinable(self, row: Sandbox, network: Network) -> None:
        present = [item.network for item in self.attachments(row.id)]
        if any(other.id == network.id for other in present):
            raise Forbidden(f"endpoint with name {row.name} already exists in network {network.name}")
        if network.name == HOST and row.kind is not SandboxKind.HOST:
            raise InvalidInput(
                "cannot connect container to host network - container must be created in host network mode"
            )
        check_together([*present, network])

    async def disconnect(self, sandbox: Id, network: str, *, force: bool) -> None:  # noqa: ARG002 - nothing to force
        """Leave a network, live where the stack is open; the engine keeps no endpoint that could need force."""
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
            await self._reshape(row, before, [item for item in before if item is not leaving])
            self._with.reservations.release(leaving.endpoint)
        if row.open:
            self._with.events.disconnected(leaving)

    async def _reshape(self, row: Sandbox, before: Sequence[Attachment], after: Sequence[Attachment]) -> None:
        """Step from one shape to another: rows, and the machine where the stack is open."""
        kept = {item.endpoint.id for item in after}
        gone = [item.endpoint for item in before if item.endpoint.id not in kept]
        if not row.open:
            await self._state.commit(put=[item.endpoint for item in _inheriting(after, gone)], delete=gone)
            return
        try:
            async with transaction(self._with.host) as attempt:
                granted = await self._with.publishing.grant(attempt, row, before, after)
                change = difference(self._with.means, before, granted, self.path(row.id))
                await self._carry_out(attempt, change, [item.endpoint for item in granted], delete=gone)
        except BaseException:
            known = {item.endpoint.id for item in before}
            added = [item.endpoint for item in after if item.endpoint.id not in known]
            await self._state.commit(put=[item.endpoint for item in before], delete=added)
            self._with.publishing.put_back(before, is_open=True)
            raise


def _inheriting(kept: Sequence[Attachment], gone: Sequence[Endpoint]) -> list[Attachment]:
    """Return the endpoints of a closed sandbox with the numbers of those that leave: the first remembers them."""
    if not kept or not gone:
        return list(kept)
    first, *others = kept
    numbers = (*first.endpoint.bindings, *(binding for endpoint in gone for binding in endpoint.bindings))
    return [replace(first, endpoint=replace(first.endpoint, bindings=numbers)), *others]
