"""The engine's own IPAM: all in memory, derived from the rows that own what is taken."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from netwright.errors import Forbidden, InvalidInput, SystemFailure
from netwright.ipam.addresses import ENGINE, AddressSpace
from netwright.ipam.subnets import Source, first_free, first_free_of_length
from netwright.ipam.validate import check_pools, is_automatic
from netwright.model.addressing import ANY_SUBNET, IPAddress, IPInterface, IPNetwork, interface
from netwright.model.names import Id
from netwright.model.network import Endpoint, Network, Pool


class BuiltinIpam:
    """IPAM over the default pools: the implementation of `ipam.api.Ipam`."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._spaces: dict[Id, list[AddressSpace]] = {}
        self._subnets: dict[IPNetwork, str] = {}

    def restore(self, networks: Iterable[Network], endpoints: Iterable[tuple[Endpoint, str]]) -> None:
        """Learn what is taken from the rows."""
        for network in networks:
            self._take(network, network.pools)
        for endpoint, holder in endpoints:
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address is not None and (space := self._space(endpoint.network, address.ip)) is not None:
                    space.take(address.ip, holder)

    def choose_pools(self, network: Network, reserved: Sequence[IPNetwork]) -> tuple[Pool, ...]:
        """Return a network's pools with subnets and gateways decided, and take them."""
        wanted = [pool for pool in network.pools if network.ipv6 or pool.subnet.version == 4]
        if not network.ipv4:
            wanted = [pool for pool in wanted if pool.subnet.version == 6]
        check_pools(wanted)
        chosen: list[Pool] = []
        for version, enabled in ((4, network.ipv4), (6, network.ipv6)):
            asked = [pool for pool in wanted if pool.subnet.version == version]
            if enabled and not asked:
                asked = [Pool(subnet=ANY_SUBNET[version])]
            for pool in asked:
                blocked = [*reserved, *(other.subnet for other in chosen)]
                chosen.append(self._decide(pool, blocked))
        self._take(network, chosen)
        return tuple(self._with_gateways(network, chosen))

    def _decide(self, pool: Pool, reserved: Sequence[IPNetwork]) -> Pool:
        """Return a pool with a subnet of its own. Raises where the one asked for is taken, or none is left."""
        if not is_automatic(pool):
            self._refuse_overlap(pool.subnet)
            return replace(pool, given=True)
        version, blocked = pool.subnet.version, [*self._subnets, *reserved]
        if pool.subnet.prefixlen == 0:
            found = first_free(self._sources, version, blocked)
        else:
            found = first_free_of_length(self._sources, version, pool.subnet.prefixlen, blocked)
        if found is None:
            raise InvalidInput(self._exhausted(version))
        return replace(pool, subnet=found)

    def _refuse_overlap(self, subnet: IPNetwork) -> None:
        for other, holder in self._subnets.items():
            if other.version == subnet.version and other.overlaps(subnet):
                raise Forbidden(
                    "invalid pool request: Pool overlaps with other one on this address space: "
                    f"{subnet} and {other} of network {holder}"
                )

    def _exhausted(self, version: int) -> str:
        holders = [name for subnet, name in self._subnets.items() if subnet.version == version]
        shown = ", ".join(holders[:5]) + (f" and {len(holders) - 5} more" if len(holders) > 5 else "")
        return (
            "all predefined address pools have been fully subnetted: the subnets are held by networks "
            f"{shown or '(none: routes of the host cover the pools)'}; give the engine more with "
            "--default-address-pool base=CIDR,size=N, or this network one of its own with --subnet"
        )

    def _take(self, network: Network, pools: Iterable[Pool]) -> None:
        """Record a network's subnets, with what of each belongs to the network itself."""
        spaces = []
        for pool in pools:
            space = AddressSpace(pool.subnet, pool.range)
            fixed = {address for address in (pool.gateway, *pool.auxiliary.values()) if address is not None}
            for address in fixed:
                if space.holder(address) is None:
                    space.take(address, ENGINE)
            spaces.append(space)
            self._subnets[pool.subnet] = network.name
        self._spaces[network.id] = spaces

    def _with_gateways(self, network: Network, pools: Sequence[Pool]) -> list[Pool]:
        """Give every pool without a gateway one: the first address that is free in it."""
        decided = []
        for pool, space in zip(pools, self._spaces[network.id], strict=True):
            gateway = pool.gateway or space.take_any(ENGINE)
            if gateway is None:
                raise SystemFailure(f"failed to allocate gateway: subnet {pool.subnet} has no address to spare")
            decided.append(replace(pool, gateway=gateway))
        return decided

    def forget(self, network: Network) -> None:
        """Give all of a network's pools back."""
        for space in self._spaces.pop(network.id, ()):
            self._subnets.pop(space.subnet, None)

    def reserve(self, network: Network, version: int, wanted: IPAddress | None, holder: str) -> IPInterface:
        """Take an address of a network."""
        spaces = [space for space in self._spaces.get(network.id, ()) if space.subnet.version == version]
        for space in spaces:
            if wanted is None:
                address = space.take_any(holder)
            elif wanted in space.subnet:
                space.take(wanted, holder)
                address = wanted
            else:
                address = None
            if address is not None:
                return interface(address, space.subnet.prefixlen)
        if wanted is not None:
            raise InvalidInput(f"invalid address {wanted}: It does not belong to any of this network's subnets")
        raise SystemFailure(
            f"no available IPv{version} addresses on this network's address pools: {network.name} ({network.id})"
        )

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
