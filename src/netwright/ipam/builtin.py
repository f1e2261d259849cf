"""The engine's own IPAM: all in memory, derived from the rows that own what is taken."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from netwright.errors import Forbidden, InvalidInput, NetwrightError, SystemFailure
from netwright.ipam.addresses import AddressSpace
from netwright.ipam.api import BOTH
from netwright.ipam.pools import pools_needed
from netwright.ipam.subnets import Source, SubnetSpace
from netwright.ipam.validate import check_pools, is_automatic
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork, interface
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool


class BuiltinIpam:
    """IPAM over the default pools: the implementation of `ipam.api.Ipam`.

    `name_of` gives the name by which the user knows a holder of addresses.
    """

    def __init__(self, sources: Sequence[Source], name_of: Callable[[Id], str]) -> None:
        self._subnets = SubnetSpace(sources)
        self._spaces: dict[Id, list[AddressSpace]] = {}
        self._name_of = name_of

    def restore(self, networks: Iterable[Network], endpoints: Iterable[Endpoint]) -> None:
        """Learn what is taken from the rows."""
        for network in networks:
            for pool in network.pools:
                self._subnets.hold(pool.subnet, network.name)
                self._open(network, pool, wants_gateway=False)
        for endpoint in endpoints:
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address is not None and (space := self._space(endpoint.network, address.ip)) is not None:
                    space.take(address.ip, endpoint.sandbox)

    def choose_pools(
        self, network: Network, reserved: Sequence[IPNetwork], gateways: Collection[int] = BOTH
    ) -> tuple[Pool, ...]:
        """Return a network's pools with subnets and gateways decided, and take them."""
        asked = pools_needed(network)
        check_pools(asked)
        try:
            return tuple(
                self._open(
                    network,
                    self._with_subnet(network, pool, reserved),
                    wants_gateway=pool.subnet.version in gateways,
                )
                for pool in asked
            )
        except NetwrightError:
            self.forget(network)
            raise

    def _with_subnet(self, network: Network, pool: Pool, reserved: Sequence[IPNetwork]) -> Pool:
        """Take a pool's subnet, chosen where none is named. Raises where it is taken, or none is left."""
        if is_automatic(pool):
            version, length = pool.subnet.version, pool.subnet.prefixlen
            return replace(pool, subnet=self._subnets.choose(version, length, reserved, network.name))
        self._subnets.hold(pool.subnet, network.name)
        return replace(pool, given=True)

    def _open(self, network: Network, pool: Pool, *, wants_gateway: bool) -> Pool:
        """Keep count of a pool's addresses from now on, and return it with its gateway."""
        space = AddressSpace(pool.subnet, pool.range)
        self._spaces.setdefault(network.id, []).append(space)
        if pool.gateway is not None:
            _keep(space, pool.gateway, "the gateway", f"failed to allocate gateway ({pool.gateway})")
        for name, address in pool.auxiliary.items():
            failure = f"failed to allocate secondary ip address ({name}:{address})"
            _keep(space, address, f"the auxiliary address {name}", failure)
        if pool.gateway is not None or not wants_gateway:
            return pool
        gateway = space.keep_any("the gateway")
        if gateway is None:
            raise SystemFailure(f"failed to allocate gateway (): no address of {space.dynamic} is free")
        return replace(pool, gateway=gateway)

    def forget(self, network: Network) -> None:
        """Give all of a network's pools back."""
        for space in self._spaces.pop(network.id, ()):
            self._subnets.let_go(space.subnet)

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: Id) -> IPInterface | None:
        """Take an address of a network."""
        if wanted is not None:
            return self._reserve(network, wanted, holder)
        spaces = [space for space in self._spaces.get(network.id, ()) if space.subnet.version == version]
        for space in spaces:
            if (address := space.take_any(holder)) is not None:
                return interface(address, space.subnet.prefixlen)
        full = " and ".join(str(space.dynamic) for space in spaces)
        raise SystemFailure(
            f"no available IPv{version} addresses on this network's address pools: {network.name} ({network.id}): all "
            f"of {full} are taken; remove containers, also stopped ones, or make the network with a larger --subnet "
            "or --ip-range"
        )

    def _reserve(self, network: Network, wanted: IPAddress, holder: Id) -> IPInterface:
        space = self._space(network.id, wanted)
        if space is None:
            raise InvalidInput(f"invalid address {wanted}: It does not belong to any of this network's subnets")
        if (own := space.own(wanted)) is not None:
            raise Forbidden(f"Address already in use: {wanted} is {own} of network {network.name}")
        if (other := space.holder(wanted)) is not None:
            raise Forbidden(
                f"Address already in use: {wanted} belongs to {self._name_of(Id(other))} in network {network.name}"
            )
        space.take(wanted, holder)
        return interface(wanted, space.subnet.prefixlen)

    def release(self, network: Id, address: IPAddress) -> None:
        """Give an address back."""
        if (space := self._space(network, address)) is not None:
            space.release(address)

    def usage(self, network: Network) -> Mapping[IPNetwork, tuple[int, int]]:
        """Return for each subnet how many addresses are taken, and how many can still be chosen dynamically."""
        return {space.subnet: (space.taken, space.free) for space in self._spaces.get(network.id, ())}

    def _space(self, network: Id, address: IPAddress) -> AddressSpace | None:
        for space in self._spaces.get(network, ()):
            if space.subnet.version == address.version and address in space.subnet:
                return space
        return None


def _keep(space: AddressSpace, address: IPAddress, what: str, failure: str) -> None:
    try:
        space.keep(address, what)
    except SystemFailure as taken:
        raise SystemFailure(f"{failure}: {taken}") from taken
