"""What IPAM offers to the controller. Synchronous: nothing can come between choosing and recording."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool

BOTH = frozenset((4, 6))
"""The versions of IP."""


class Ipam(Protocol):
    """Decides on subnets and addresses; what it knows is derived from the rows of their owners.

    An address is held by the sandbox that it was reserved for. All or nothing: what raises has taken nothing.
    """

    def restore(self, networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> None:
        """Learn what is taken: the networks' pools, and the endpoints' addresses."""

    def choose_pools(
        self, network: Network, reserved: Sequence[IPNetwork], gateways: Collection[int] = BOTH
    ) -> tuple[Pool, ...]:
        """Return a new network's pools with subnets and gateways decided, and take them.

        `reserved` are prefixes that automatic subnets must not touch; `gateways` the versions of IP for which a gateway
        is chosen where none is asked for. Raises InvalidInput, Forbidden or SystemFailure.
        """

    def forget(self, network: Network) -> None:
        """Give all of a network's pools back; content where it has none."""

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: Id) -> IPInterface | None:
        """Take an address of a network for a sandbox: the wanted one, or any; None where the network has no addresses.

        Raises InvalidInput, Forbidden or SystemFailure.
        """

    def release(self, network: Id, address: IPAddress) -> None:
        """Give an address back; content where it is free."""

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet how many addresses are taken, and how many can still be chosen dynamically."""
