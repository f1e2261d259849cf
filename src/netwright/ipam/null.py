"""The IPAM of networks without addresses (`--ipam-driver null`): a network's subnet is any, and nobody gets any. Pure.

Docker's, for networks whose containers get their addresses elsewhere, from a DHCP server of the LAN for instance.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from netwright.errors import InvalidInput
from netwright.ipam.api import BOTH
from netwright.model.addressing import ANY_SUBNET, IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool


class NullIpam:
    """IPAM that gives nothing out: an implementation of `ipam.api.Ipam` without any state."""

    def restore(self, networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> None:
        """Learn nothing: nothing is ever taken."""

    def choose_pools(
        self,
        network: Network,
        reserved: Sequence[IPNetwork],  # noqa: ARG002 - nothing is chosen
        gateways: Collection[int] = BOTH,  # noqa: ARG002 - there are no gateways
    ) -> tuple[Pool, ...]:
        """Return 0.0.0.0/0 and ::/0. Raises InvalidInput where a subnet or a range is asked for."""
        for pool in network.pools:
            if pool.subnet != ANY_SUBNET[pool.subnet.version]:
                raise InvalidInput("null ipam driver does not handle specific address pool requests")
            if pool.range is not None:
                raise InvalidInput("null ipam driver does not handle specific address subpool requests")
        versions = [version for version, enabled in ((4, network.ipv4), (6, network.ipv6)) if enabled]
        return tuple(Pool(subnet=ANY_SUBNET[version]) for version in versions)

    def forget(self, network: Network) -> None:
        """Forget nothing."""

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: Id) -> IPInterface | None:  # noqa: ARG002
        """Return no address; one that is wanted is refused."""
        if wanted is not None:
            raise InvalidInput(
                f"invalid address {wanted}: network {network.name} gives out no addresses (its IPAM driver is null)"
            )
        return None

    def release(self, network: Id, address: IPAddress) -> None:
        """Take nothing back."""

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:  # noqa: ARG002
        """Return nothing: there is nothing to use."""
        return {}
