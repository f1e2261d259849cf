"""What IPAM offers to the controller. Synchronous: nothing can come between choosing and recording."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool


class Ipam(Protocol):
    """Decides on subnets and addresses; what it knows is derived from the rows of their owners."""

    def restore(self, networks: Iterable[Network], endpoints: Iterable[tuple[Endpoint, str]]) -> None:
        """Learn what is taken: the networks' pools, and each endpoint's addresses with their holder's name."""

    def choose_pools(self, network: Network, reserved: Sequence[IPNetwork]) -> tuple[Pool, ...]:
        """Return a new network's pools with subnets and gateways decided, and take them.

        `reserved` are prefixes that automatic subnets must not touch. Raises InvalidInput or Forbidden.
        """

    def forget(self, network: Network) -> None:
        """Give all of a network's pools back; content where it has none."""

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: str) -> IPInterface:
        """Take an address of a network: the wanted one, or any. Raises Forbidden or SystemFailure."""

    def release(self, network: Id, address: IPAddress) -> None:
        """Give an address back; content where it is free."""

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet how many addresses are taken, and how many can still be chosen dynamically."""
