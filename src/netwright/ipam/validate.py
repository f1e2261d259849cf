"""Whether a pool that is asked for can be right: all faults at once, in Docker's words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_interface

from netwright.errors import InvalidInput
from netwright.model.addressing import ANY_SUBNET, IPAddress, IPInterface
from netwright.model.network import Pool

_MAPPED = 96
"""The length of the prefix ::ffff:0:0, in which IPv4 addresses are written as IPv6 ones (RFC 4291, 2.5.5.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWish:
    """A pool as a user writes it: a subnet and a range may have bits set behind their length, as in 10.1.2.3/24."""

    subnet: IPInterface | None = None
    range: IPInterface | None = None
    gateway: IPAddress | None = None
    auxiliary: Mapping[str, IPAddress] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The version of IP that the pool is for: the subnet's, or that of whatever else is named."""
        named = next((one for one in (self.subnet, self.gateway, self.range) if one is not None), None)
        return named.version if named is not None else 4

    @property
    def pool(self) -> Pool | None:
        """The pool; None where nothing is asked for."""
        if self == PoolWish():
            return None
        return Pool(
            subnet=self.subnet.network if self.subnet is not None else ANY_SUBNET[self.version],
            range=self.range.network if self.range is not None else None,
            gateway=self.gateway,
            auxiliary=self.auxiliary,
        )


def refuse(faults: Iterable[str]) -> None:
    """Raise InvalidInput with all faults, one a line; content where there are none."""
    if found := list(faults):
        raise InvalidInput("invalid network config:\n" + "\n".join(found))


def check_pools(pools: Iterable[Pool]) -> None:
    """Raise InvalidInput with every fault of the pools, one a line."""
    refuse(fault for pool in pools for fault in wish_faults(_as_wish(pool)))


def is_automatic(pool: Pool) -> bool:
    """Tell whether a pool asks for any subnet of a size (`0.0.0.0/26`, `::/64`) instead of naming one."""
    return int(pool.subnet.network_address) == 0


def wish_faults(wish: PoolWish) -> list[str]:
    """Return what is wrong with a pool that is asked for."""
    subnet = wish.subnet or ip_interface(ANY_SUBNET[wish.version])
    if int(subnet.network.network_address) == 0:
        return _automatic_faults(wish, subnet)
    faults = _prefix_faults("subnet", subnet)
    if wish.range is not None:
        faults.extend(_range_faults(wish.range, subnet))
    if wish.gateway is not None:
        faults.extend(_address_faults(f"gateway {wish.gateway}", wish.gateway, subnet))
    for name, address in wish.auxiliary.items():
        faults.extend(_address_faults(f"auxiliary address {name}", address, subnet))
    return faults


def _automatic_faults(wish: PoolWish, subnet: IPInterface) -> list[str]:
    """Return what cannot be said of a subnet that the engine chooses: everything but its length."""
    cure = "the engine chooses this subnet; name one with --subnet"
    faults = []
    if subnet.ip != subnet.network.network_address:
        faults.append(f"invalid subnet {subnet}: it should be {subnet.network}")
    if wish.range is not None:
        faults.append(f"invalid ip-range {wish.range}: invalid address subpool: {cure}")
    named = {} if wish.gateway is None else {f"gateway {wish.gateway}": wish.gateway}
    named.update((f"auxiliary address {name}", address) for name, address in wish.auxiliary.items())
    faults.extend(
        f"invalid {what}: parent subnet {subnet.network} doesn't contain this address: {cure}" for what in named
    )
    return faults


def _range_faults(span: IPInterface, subnet: IPInterface) -> list[str]:
    if span.version != subnet.version:
        return [f"invalid ip-range {span}: parent subnet is an IPv{subnet.version} block"]
    faults = []
    if span.network.prefixlen < subnet.network.prefixlen:
        faults.append(f"invalid ip-range {span}: CIDR block is bigger than its parent subnet {subnet}")
    faults.extend(_prefix_faults("ip-range", span))
    if not span.network.overlaps(subnet.network):
        faults.append(f"invalid ip-range {span}: parent subnet {subnet} doesn't contain ip-range")
    return faults


def _prefix_faults(what: str, prefix: IPInterface) -> list[str]:
    length = prefix.network.prefixlen - _MAPPED
    if length >= 0 and (mapped := _mapped(prefix.network.network_address)) is not None:
        return [f"invalid {what} {prefix}: an IPv4 prefix in IPv6 clothes: write {mapped}/{length}"]
    if prefix.ip != prefix.network.network_address:
        return [f"invalid {what} {prefix}: it should be {prefix.network}"]
    return []


def _address_faults(what: str, address: IPAddress, subnet: IPInterface) -> list[str]:
    if (mapped := _mapped(address)) is not None:
        return [f"invalid {what}: {address} is an IPv4 address in IPv6 clothes: write {mapped}"]
    if address.version != subnet.version:
        return [f"invalid {what}: parent subnet is an IPv{subnet.version} block"]
    if address not in subnet.network:
        return [f"invalid {what}: parent subnet {subnet} doesn't contain this address"]
    return []


def _mapped(address: IPAddress) -> IPv4Address | None:
    return address.ipv4_mapped if isinstance(address, IPv6Address) else None


def _as_wish(pool: Pool) -> PoolWish:
    return PoolWish(
        subnet=ip_interface(pool.subnet),
        range=None if pool.range is None else ip_interface(pool.range),
        gateway=pool.gateway,
        auxiliary=pool.auxiliary,
    )
