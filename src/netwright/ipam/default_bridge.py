"""The subnets of the default bridge network, out of the daemon's options. Pure; Docker's rules (daemon_unix.go)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.network import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultBridgeAddresses:
    """What `--bip`, `--fixed-cidr`, `--default-gateway` and their IPv6 forms say; None where they are not given."""

    bip: IPv4Interface | None = None
    bip6: IPv6Interface | None = None
    fixed: IPv4Network | None = None
    fixed6: IPv6Network | None = None
    gateway: IPAddress | None = None
    gateway6: IPAddress | None = None


def default_bridge_pools(asked: DefaultBridgeAddresses, present: Sequence[IPInterface]) -> tuple[Pool, ...]:
    """Return the pools that the options name; a family without one is left to IPAM.

    `present` are the addresses of a bridge that stands there already and is to be used as it is: they play the part of
    `--bip`. Raises InvalidInput where a gateway lies outside its subnet.
    """
    found = []
    for version, own, fixed, gateway in (
        (4, asked.bip or _bridge_address(present, 4, asked.fixed), asked.fixed, asked.gateway),
        (6, asked.bip6 or _bridge_address(present, 6, asked.fixed6), asked.fixed6, asked.gateway6),
    ):
        pool = _pool(own, fixed)
        if pool is None:
            if gateway is not None:
                raise InvalidInput("default gateway ip must be part of the network: name its subnet with --bip")
            continue
        if gateway is not None and gateway not in pool.subnet:
            raise InvalidInput(f"default gateway ip must be part of the network: {gateway} is not in {pool.subnet}")
        # The bridge's own address is the gateway anyway.
        auxiliary = {} if gateway in {None, pool.gateway} else {f"DefaultGatewayIPv{version}": gateway}
        found.append(Pool(subnet=pool.subnet, range=pool.range, gateway=pool.gateway, auxiliary=auxiliary, given=True))
    return tuple(found)


def _pool(own: IPInterface | None, fixed: IPNetwork | None) -> Pool | None:
    """Return the pool around the bridge's own address, with the fixed range inside; or that range alone."""
    if own is not None:
        return Pool(subnet=own.network, gateway=own.ip, range=fixed)
    if fixed is not None:
        return Pool(subnet=fixed, range=fixed)
    return None


def _bridge_address(present: Sequence[IPInterface], version: int, fixed: IPNetwork | None) -> IPInterface | None:
    """Return the address that a standing bridge is used with: first one whose subnet holds the fixed range."""
    own = [address for address in present if address.version == version and not address.ip.is_link_local]
    if fixed is not None:
        own.sort(key=lambda address: fixed.network_address not in address.network)
    return own[0] if own else None
