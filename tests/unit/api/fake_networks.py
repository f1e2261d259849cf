"""Networks and sandboxes in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

from msgspec import structs
from tests.unit.api.fake_images import MADE

from netwright.controller.api import Ambiguous, Attachment, NetworkRequest
from netwright.errors import Conflict, Forbidden, NotFound
from netwright.model.addressing import IPNetwork, Mac
from netwright.model.container import (
    Container,
)
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.model.ports import PortBinding

if TYPE_CHECKING:
    from tests.unit.api.fakes import FakeEngine


PREDEFINED = frozenset(("bridge", "host", "none"))


class FakeNetworks:
    """The networks."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.version = 0
        self.rows: dict[Id, Network] = {}
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
            self.add(network(name, driver, number=len(self.rows)))

    def add(self, row: Network) -> Network:
        self.rows[row.id] = row
        self.version += 1
        return row

    def list(self) -> Sequence[Network]:
        return tuple(self.rows.values())

    def get(self, reference: str) -> Network:
        for row in self.rows.values():
            if reference in (row.id, row.name):
                return row
        found = [row for row in self.rows.values() if reference and row.id.startswith(reference)]
        if len(found) > 1:
            raise Ambiguous(reference, len(found))
        if found:
            return found[0]
        raise NotFound(f"network {reference} not found")

    def attachments(self, network: Id) -> Sequence[Attachment]:
        return [item for items in self._engine.sandboxes.items.values() for item in items if item.network.id == network]

    def usage(self, network: Id) -> Mapping[IPNetwork, tuple[int, int]]:
        return {pool.subnet: (1, 2) for pool in self.rows[network].pools}

    async def create(self, request: NetworkRequest) -> Network:
        if any(row.name == request.name for row in self.rows.values()):
            raise Conflict(f"network with name {request.name} already exists")
        return self.add(
            Network(
                id=new_id(),
                name=request.name,
                driver=request.driver,
                created=datetime.now(UTC),
                ipv4=request.ipv4,
                ipv6=request.ipv6,
                internal=request.internal,
                pools=request.pools,
                options=request.options,
                labels=request.labels,
                ipam_options=request.ipam_options,
            )
        )

    async def remove(self, reference: str) -> Network:
        row = self.get(reference)
        if row.name in PREDEFINED:
            raise Forbidden(f"{row.name} is a pre-defined network and cannot be removed")
        if self.attachments(row.id):
            raise Forbidden(f"error while removing network: network {row.name} has active endpoints")
        self.version += 1
        return self.rows.pop(row.id)

    async def prune(self, spare: Callable[[Network], bool]) -> Sequence[Network]:
        unused = [row for row in self.list() if row.name not in PREDEFINED and not self.attachments(row.id)]
        return [await self.remove(row.id) for row in unused if not spare(row)]


class FakeSandboxes:
    """The sandboxes: the endpoints of each container."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.items: dict[Id, list[Attachment]] = {}

    def add(self, row: Container, joined: Network, spec: EndpointSpec) -> Attachment:
        sandbox = Sandbox(id=row.sandbox, owner=row.id, name=row.name, hostname=row.hostname)
        mine = self.items.setdefault(row.sandbox, [])
        has_interface = joined.driver == "bridge"
        address = IPv4Interface((str(spec.ipv4 or _address(joined, len(mine) + 2)), 16)) if has_interface else None
        endpoint = Endpoint(
            id=Id(f"{len(mine) + 1:02x}" * 32),
            network=joined.id,
            sandbox=row.sandbox,
            spec=spec,
            order=len(mine),
            mac=(spec.mac or Mac.parse("02:42:ac:11:00:02")) if has_interface else None,
            ipv4=address,
            gateway4=IPv4Address(_address(joined, 1)) if has_interface else None,
            bindings=tuple(
                PortBinding(request.port, request.host_ip or IPv4Address("0.0.0.0"), request.first or 49153)
                for request in row.host.ports
            ),
        )
        item = Attachment(network=joined, endpoint=endpoint, sandbox=sandbox)
        mine.append(item)
        return item

    def turn(self, row: Container, *, is_open: bool) -> None:
        self.items[row.sandbox] = [
            structs.replace(item, sandbox=replace(item.sandbox, open=is_open))
            for item in self.items.get(row.sandbox, [])
        ]

    async def disconnect(self, sandbox: Id, network: str, *, force: bool) -> None:
        before = self.items[sandbox]
        self.items[sandbox] = [item for item in before if network not in (item.network.id, item.network.name)]


def _address(joined: Network, number: int) -> str:
    return str(joined.pools[0].subnet[number])


def network(name: str, driver: str = "bridge", *, number: int = 0) -> Network:
    """Return a network with an id that is known beforehand."""
    pools = (
        (Pool(subnet=IPv4Network(f"172.{17 + number}.0.0/16"), gateway=IPv4Address(f"172.{17 + number}.0.1")),)
        if driver == "bridge"
        else ()
    )
    options = {"com.docker.network.bridge.default_bridge": "true"} if name == "bridge" else {}
    return Network(
        id=Id(f"{0xA0 + number:02x}" * 32), name=name, driver=driver, created=MADE, pools=pools, options=options
    )
