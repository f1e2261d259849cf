"""Networks between JSON and facts. Pure."""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface

from msgspec import UNSET

from netwright.api.moments import rfc3339
from netwright.api.versions import ENABLE_IPV4, STATUS, ApiVersion
from netwright.api.wire import networks as wire
from netwright.controller.api import Attachment, NetworkRequest
from netwright.errors import InvalidInput
from netwright.ipam.validate import PoolWish, refuse, wish_faults
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.network import Network, Pool

_CIDR = re.compile(r"[0-9a-fA-F.:]+/(0|[1-9][0-9]{0,2})")
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_ENABLE_IPV4 = "com.docker.network.enable_ipv4"
_ENABLE_IPV6 = "com.docker.network.enable_ipv6"

_MOST = (1 << 64) - 1
"""The largest number of addresses that is told."""


def read_create(asked: wire.NetworkCreate, version: ApiVersion, defaults: Mapping[str, str]) -> NetworkRequest:
    """Return the network that is asked for; `defaults` are the daemon's options for the driver. Raises InvalidInput."""
    ipam = asked.ipam or wire.Ipam()
    # A configuration network brings options of its own, which the daemon's must not hide.
    options = {**({} if asked.config_from else defaults), **asked.options}
    ipv4 = _family(asked.enable_ipv4 if version >= ENABLE_IPV4 else None, options, _ENABLE_IPV4, default=True)
    ipv6 = _family(asked.enable_ipv6, options, _ENABLE_IPV6, default=False)
    return NetworkRequest(
        name=asked.name,
        driver=asked.driver or "bridge",
        scope=asked.scope,
        ipv4=ipv4,
        ipv6=ipv6,
        internal=asked.internal,
        attachable=asked.attachable,
        ingress=asked.ingress,
        config_only=asked.config_only,
        config_from=asked.config_from.network if asked.config_from else "",
        ipam_driver=ipam.driver or "default",
        ipam_options=ipam.options,
        pools=read_pools(ipam.config, ipv6=ipv6),
        options=options,
        labels=asked.labels,
    )


def _family(asked: bool | None, options: dict[str, str], key: str, *, default: bool) -> bool:
    """Tell whether a family is wanted: the body says, else the option, which goes where it does not count."""
    if asked is not None:
        options.pop(key, None)
        return asked
    value = options.get(key)
    if value is None:
        return default
    if value not in _TRUE | _FALSE:
        raise InvalidInput(f'driver-opt "{key}" is not a valid bool')
    return value in _TRUE


def read_pools(configs: Sequence[wire.IpamConfig], *, ipv6: bool) -> tuple[Pool, ...]:
    """Return the pools asked for; those of IPv6 are not looked at closely where it is off, as in Docker.

    Raises InvalidInput with every fault of every pool.
    """
    faults: list[str] = []
    pools = []
    for config in configs:
        unread: list[str] = []
        wish = _read_wish(config, unread)
        if ipv6 or wish.version == 4:
            # What cannot be read would make faults of what depends on it.
            faults.extend(unread or wish_faults(wish))
        if wish.pool is not None:
            pools.append(wish.pool)
    refuse(faults)
    return tuple(pools)


def _read_wish(config: wire.IpamConfig, faults: list[str]) -> PoolWish:
    """Return what is asked of a pool, without what cannot be read."""
    subnet = _prefix(config.subnet, "subnet", faults)
    span = _prefix(config.ip_range, "ip-range", faults)
    gateway = _address(config.gateway, f"gateway {config.gateway}", faults)
    auxiliary = {
        name: _address(text, f"auxiliary address {name}", faults) for name, text in config.auxiliary_addresses.items()
    }
    known = {name: address for name, address in auxiliary.items() if address is not None}
    return PoolWish(subnet=subnet, range=span, gateway=gateway, auxiliary=known)


def _prefix(text: str, what: str, faults: list[str]) -> IPInterface | None:
    if not text:
        return None
    try:
        if _CIDR.fullmatch(text) is not None:
            return ip_interface(text)
    except ValueError:
        pass
    faults.append(f"invalid {what} {text}: invalid CIDR block notation")
    return None


def _address(text: str, what: str, faults: list[str]) -> IPAddress | None:
    if not text:
        return None
    try:
        # A zone (fe80::1%eth0) would name an interface of this host.
        if "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    faults.append(f"invalid {what}: invalid address")
    return None


def show_summary(network: Network, version: ApiVersion) -> wire.NetworkShown:
    """Return a network in the list: before there was a shape for it, as inspected with no containers."""
    shown = show_network(network, version)
    if version >= STATUS:
        shown.containers = UNSET
    return shown


def show_network(
    network: Network,
    version: ApiVersion,
    attachments: Sequence[Attachment] = (),
    usage: Mapping[IPNetwork, tuple[int, int]] | None = None,
) -> wire.NetworkShown:
    """Return a network as inspected; `usage` are the addresses in use and still free of each subnet."""
    return wire.NetworkShown(
        name=network.name,
        id=network.id,
        created=rfc3339(network.created),
        scope=network.scope,
        driver=network.driver,
        enable_ipv4=network.ipv4 if version >= ENABLE_IPV4 else UNSET,
        enable_ipv6=network.ipv6,
        ipam=wire.Ipam(
            driver=network.ipam_driver,
            options=None if network.ipam_options is None else dict(network.ipam_options),
            config=[_show_pool(pool) for pool in (*network.pools, *network.idle)],
        ),
        internal=network.internal,
        attachable=network.attachable,
        ingress=network.ingress,
        config_from=wire.ConfigReference(network=network.config_from),
        config_only=network.config_only,
        containers={item.sandbox.owner: _show_container(item) for item in attachments if item.sandbox.open},
        options=dict(network.options),
        labels=dict(network.labels),
        status=_show_usage(usage) if usage and version >= STATUS else UNSET,
    )


def _show_usage(usage: Mapping[IPNetwork, tuple[int, int]]) -> wire.NetworkStatus:
    subnets = {
        str(subnet): wire.SubnetStatus(ips_in_use=min(taken, _MOST), dynamic_ips_available=min(free, _MOST))
        for subnet, (taken, free) in usage.items()
    }
    return wire.NetworkStatus(ipam=wire.IpamStatus(subnets=subnets))


def _show_pool(pool: Pool) -> wire.IpamConfig:
    own = {name: str(address) for name, address in pool.auxiliary.items()}
    return wire.IpamConfig(
        subnet=str(pool.subnet),
        ip_range=str(pool.range or ""),
        gateway=str(pool.gateway or ""),
        auxiliary_addresses=own,
    )


def _show_container(item: Attachment) -> wire.NetworkContainer:
    endpoint = item.endpoint
    return wire.NetworkContainer(
        name=item.sandbox.name,
        endpoint_id=endpoint.id,
        mac_address=str(endpoint.mac or ""),
        ipv4_address=str(endpoint.ipv4 or ""),
        ipv6_address=str(endpoint.ipv6 or ""),
    )
