"""What IPAM plugins have given to networks and endpoints of ours, each thing a row.

A plugin keeps its own account of what it has given, and cannot be asked for it. So what it gives is written down in the
same breath, before anything is done with it, and struck out when it was given back: whatever stands here and belongs to
no network or endpoint any more is still to be given back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netwright.model.addressing import IPAddress, IPNetwork
from netwright.model.names import Id
from netwright.store.api import Delete, Put, Store


class Role(StrEnum):
    """What a lease is for; addresses are given back before their pool, in this order."""

    GATEWAY = "gateway"
    AUXILIARY = "auxiliary"
    ENDPOINT = "endpoint"
    POOL = "pool"


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One thing that a plugin has given: a pool, or an address of one.

    `owner` is the network's id, or the endpoint's for an endpoint's address. `pool` is the plugin's own name of the
    pool, `subnet` what it covers.
    """

    id: str
    driver: str
    owner: Id
    role: Role
    pool: str
    subnet: IPNetwork
    address: IPAddress | None = None

    def __str__(self) -> str:
        return f"pool {self.subnet}" if self.address is None else f"address {self.address} of pool {self.subnet}"


class Leases:
    """All leases, by owner, in memory and on disk at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_owner: dict[Id, dict[str, Lease]] = {}

    def load(self) -> None:
        """Read all rows from the disk. Blocks; for the start."""
        for lease in self._store.load(Lease).values():
            self._by_owner.setdefault(lease.owner, {})[lease.id] = lease

    def all(self) -> Sequence[Lease]:
        """Return all leases."""
        return [lease for owned in self._by_owner.values() for lease in owned.values()]

    def of(self, owner: Id) -> Sequence[Lease]:
        """Return an owner's leases in the order in which they are to be given back."""
        return sorted(self._by_owner.get(owner, {}).values(), key=lambda lease: _ORDER.index(lease.role))

    def has(self, lease: Lease) -> bool:
        """Tell whether a lease was not struck out."""
        return lease.id in self._by_owner.get(lease.owner, {})

    def pools_of(self, network: Id) -> Sequence[Lease]:
        """Return the pools of a network."""
        return [lease for lease in self.of(network) if lease.role is Role.POOL]

    def holder(self, driver: str, subnet: IPNetwork, address: IPAddress) -> Id | None:
        """Return who has an address of a driver's pool."""
        for lease in self.all():
            if (lease.driver, lease.subnet, lease.address) == (driver, subnet, address):
                return lease.owner
        return None

    async def put(self, leases: Iterable[Lease]) -> None:
        """Write leases; they are known even where the disk refuses, so that they can be given back."""
        leases = tuple(leases)
        for lease in leases:
            self._by_owner.setdefault(lease.owner, {})[lease.id] = lease
        await self._store.commit([Put(lease.id, lease) for lease in leases])

    async def strike(self, lease: Lease) -> None:
        """Forget a lease that was given back."""
        owned = self._by_owner.get(lease.owner, {})
        owned.pop(lease.id, None)
        if not owned:
            self._by_owner.pop(lease.owner, None)
        await self._store.commit([Delete(Lease, lease.id)])
