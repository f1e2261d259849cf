"""The desired state: networks, sandboxes, endpoints and sets of sources, in memory and on disk at once.

There is one writer of these rows: the controller. `commit` changes memory at once, without awaiting, and then waits for
the disk. So what one request has reserved (a name, an address, a port) is seen by the next in the same breath, and no
request is answered before its change is on disk. Where the disk refuses, or the request is cancelled, memory is put
back, and the disk with it.

Indexes here are derived from the rows by the same call that changes them; nothing is counted beside them.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence

from netwright.controller.api import Ambiguous
from netwright.errors import NotFound
from netwright.host.uncancelled import to_the_end
from netwright.model.names import Id, is_id
from netwright.model.network import Endpoint, Network, Sandbox
from netwright.model.sources import SourceSet
from netwright.store.api import Change, Delete, Put, Store

Row = Network | Endpoint | Sandbox | SourceSet


class State:
    """All rows of the controller, with the indexes that its questions need."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.networks: dict[Id, Network] = {}
        self.sandboxes: dict[Id, Sandbox] = {}
        self.source_sets: dict[Id, SourceSet] = {}
        self.endpoints: dict[Id, Endpoint] = {}
        self._on_network: dict[Id, dict[Id, Endpoint]] = {}
        self._in_sandbox: dict[Id, dict[Id, Endpoint]] = {}
        self._named: dict[str, Id] = {}
        self._by_ipam: dict[str, dict[Id, Network]] = {}
        self._at_interface: dict[str, Id] = {}
        self._reaching: dict[Id, dict[Id, None]] = {}
        self.unfinished: set[Id] = set()
        """Networks that are being made: what they take is taken, but nobody finds them before they stand."""
        self._owed: dict[Id, Row] = {}
        """What the disk has refused to note; in memory it is so all the same."""
        self.version = 0
        """Grows with every change: whoever keeps something derived from the rows compares it."""

    def load(self) -> None:
        """Read all rows from the disk. Blocks; for the start."""
        for network in self._store.load(Network).values():
            self._apply(network)
        for sandbox in self._store.load(Sandbox).values():
            self._apply(sandbox)
        for endpoint in self._store.load(Endpoint).values():
            self._apply(endpoint)
        for named in self._store.load(SourceSet).values():
            self._apply(named)

    def commit(self, *, put: Iterable[Row] = (), delete: Iterable[Row] = ()) -> Awaitable[None]:
        """Write and delete rows, all or none: in memory when this returns, on disk when that has been awaited."""
        put, delete = tuple(put), tuple(delete)
        before = {row.id: self.find(row) for row in (*put, *delete)}
        for row in put:
            self._apply(row)
        for row in delete:
            self._forget(row)
        owed = tuple(self._owed.values())
        changes: list[Change] = [Put(row.id, row) for row in (*(one for one in owed if one.id not in before), *put)]
        changes.extend(Delete(type(row), row.id) for row in delete)
        return self._written(self._store.commit(changes), put, before, owed)

    def owe(self, row: Row) -> None:
        """Take over what is so on the machine, and what the disk has refused to note: the next commit writes it."""
        self._apply(row)
        self._owed[row.id] = row

    def owes(self, identity: Id) -> bool:
        """Tell whether a row is yet to be written."""
        return identity in self._owed

    async def _written(
        self, writing: Awaitable[None], put: Sequence[Row], before: Mapping[Id, Row | None], owed: Sequence[Row]
    ) -> None:
        try:
            await writing
            for row in owed:
                if self._owed.get(row.id) is row:
                    del self._owed[row.id]
        except asyncio.CancelledError:
            self._put_back(put, before)
            # What was asked for is written all the same: what follows it takes it back.
            await to_the_end(self._store.commit(_reverse(put, before)))
            raise
        except BaseException:
            self._put_back(put, before)
            raise

    def _put_back(self, put: Sequence[Row], before: Mapping[Id, Row | None]) -> None:
        for row in put:
            if before[row.id] is None:
                self._forget(row)
        for old in before.values():
            if old is not None:
                self._apply(old)

    def find(self, row: Row) -> Row | None:
        """Return what is known now of what a row is about."""
        match row:
            case Network():
                return self.networks.get(row.id)
            case Sandbox():
                return self.sandboxes.get(row.id)
            case Endpoint():
                return self.endpoints.get(row.id)
            case SourceSet():
                return self.source_sets.get(row.id)

    def _apply(self, row: Row) -> None:
        self.version += 1
        match row:
            case Network():
                self.networks[row.id] = row
                self._named[row.name] = row.id
                self._by_ipam.setdefault(row.ipam_driver, {})[row.id] = row
            case Sandbox():
                self._unlink(row.id)
                self.sandboxes[row.id] = row
                for target in row.reaches:
                    self._reaching.setdefault(target, {})[row.id] = None
            case Endpoint():
                self.endpoints[row.id] = row
                self._on_network.setdefault(row.network, {})[row.id] = row
                self._in_sandbox.setdefault(row.sandbox, {})[row.id] = row
                if row.host_interface:
                    self._at_interface[row.host_interface] = row.id
            case SourceSet():
                self.source_sets[row.id] = row

    def _forget(self, row: Row) -> None:
        self.version += 1
        match row:
            case Network():
                self.networks.pop(row.id, None)
                self._named.pop(row.name, None)
                self._by_ipam.get(row.ipam_driver, {}).pop(row.id, None)
                self._on_network.pop(row.id, None)
            case Sandbox():
                self._unlink(row.id)
                self.sandboxes.pop(row.id, None)
                self._in_sandbox.pop(row.id, None)
            case Endpoint():
                self.endpoints.pop(row.id, None)
                self._on_network.get(row.network, {}).pop(row.id, None)
                self._in_sandbox.get(row.sandbox, {}).pop(row.id, None)
                self._at_interface.pop(row.host_interface, None)
            case SourceSet():
                self.source_sets.pop(row.id, None)

    def _unlink(self, sandbox: Id) -> None:
        known = self.sandboxes.get(sandbox)
        for target in () if known is None else known.reaches:
            others = self._reaching.get(target, {})
            others.pop(sandbox, None)
            if not others:
                self._reaching.pop(target, None)

    def reaching(self, sandbox: Id) -> tuple[Sandbox, ...]:
        """Return the sandboxes that are linked to one."""
        return tuple(self.sandboxes[parent] for parent in self._reaching.get(sandbox, ()))

    def network(self, reference: str) -> Network:
        """Return the network that a user means: by full id, full name, or id prefix, in Docker's order.

        Raises NotFound; Ambiguous where several ids begin so.
        """
        exact = self.networks.get(Id(reference)) or self.network_called(reference)
        if exact is not None and exact.id not in self.unfinished:
            return exact
        matches = [] if exact is not None or not reference or is_id(reference) else self._with_prefix(reference)
        if not matches:
            raise NotFound(f"network {reference} not found")
        if len(matches) > 1:
            raise Ambiguous(reference, len(matches))
        return matches[0]

    def network_called(self, name: str) -> Network | None:
        """Return the network of a name, even while it is being made."""
        return self.networks.get(self._named.get(name, Id("")))

    def _with_prefix(self, prefix: str) -> list[Network]:
        return [
            network
            for network in self.networks.values()
            if network.id.startswith(prefix) and network.id not in self.unfinished
        ]

    def networks_by_ipam(self) -> Mapping[str, Mapping[Id, Network]]:
        """Return the networks by the name of the driver that manages their addresses."""
        return self._by_ipam

    def name_taken(self, name: str) -> bool:
        """Tell whether a network has this name."""
        return name in self._named

    def sandbox(self, identity: Id) -> Sandbox:
        """Return a sandbox. Raises NotFound."""
        try:
            return self.sandboxes[identity]
        except KeyError:
            raise NotFound(f"sandbox {identity} not found") from None

    def on_network(self, network: Id) -> tuple[Endpoint, ...]:
        """Return the endpoints on a network."""
        return tuple(self._on_network.get(network, {}).values())

    def in_sandbox(self, sandbox: Id) -> tuple[Endpoint, ...]:
        """Return a sandbox's endpoints in the order of their declaration."""
        return tuple(sorted(self._in_sandbox.get(sandbox, {}).values(), key=lambda endpoint: endpoint.order))

    def at_interface(self, name: str) -> Endpoint | None:
        """Return the endpoint whose end on the host has this name."""
        identity = self._at_interface.get(name)
        return None if identity is None else self.endpoints.get(identity)


def _reverse(put: Sequence[Row], before: Mapping[Id, Row | None]) -> list[Change]:
    """Return what makes the disk as it was before some rows were written and others deleted."""
    new: list[Change] = [Delete(type(row), row.id) for row in put if before[row.id] is None]
    return [*new, *(Put(row.id, row) for row in before.values() if row is not None)]
