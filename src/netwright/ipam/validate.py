"""Whether a requested pool can be right: all faults at once, in Docker's words. Pure."""

from collections.abc import Iterable

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress
from netwright.model.network import Pool


def check_pools(pools: Iterable[Pool]) -> None:
    """Raise InvalidInput with every fault of the pools, one a line."""
    faults = [fault for pool in pools for fault in pool_faults(pool)]
    if faults:
        raise InvalidInput("invalid network config:\n" + "\n".join(faults))


def pool_faults(pool: Pool) -> list[str]:
    """Return what is wrong with a pool."""
    if is_automatic(pool):
        return ["invalid address subpool"] if pool.range is not None else []
    faults = [*_range_faults(pool)]
    if pool.gateway is not None:
        faults.extend(_address_faults("gateway", f"{pool.gateway}", pool.gateway, pool))
    for name, address in pool.auxiliary.items():
        faults.extend(_address_faults("auxiliary address", name, address, pool))
    return faults


def is_automatic(pool: Pool) -> bool:
    """Tell whether a pool asks for any subnet of a size (`0.0.0.0/26`, `::/64`) instead of naming one."""
    return int(pool.subnet.network_address) == 0


def _range_faults(pool: Pool) -> list[str]:
    if pool.range is None:
        return []
    if pool.range.version != pool.subnet.version:
        return [f"invalid ip-range {pool.range}: parent subnet is an IPv{pool.subnet.version} block"]
    if pool.range.prefixlen < pool.subnet.prefixlen:
        return [f"invalid ip-range {pool.range}: CIDR block is bigger than its parent subnet {pool.subnet}"]
    if pool.range.network_address not in pool.subnet:
        return [f"invalid ip-range {pool.range}: parent subnet {pool.subnet} doesn't contain ip-range"]
    return []


def _address_faults(what: str, name: str, address: IPAddress, pool: Pool) -> list[str]:
    if address.version != pool.subnet.version:
        return [f"invalid {what} {name}: parent subnet is an IPv{pool.subnet.version} block"]
    if address not in pool.subnet:
        return [f"invalid {what} {name}: parent subnet {pool.subnet} doesn't contain this address"]
    return []
