"""Networks between JSON and facts. Pure."""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_interface

from msgspec import UNSET

from netwright.api.moments import rfc3339
from netwright.api.versions import ENABLE_IPV4, ApiVersion
from netwright.api.wire import networks as wire
from netwright.controller.api import Attachment, NetworkRequest
from netwright.errors import InvalidInput
from netwright.model.addressing import ANY_SUBNET, IPAddress, IPNetwork, parse_address
from netwright.model.network import Network, Pool

_CIDR = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def read_create(asked: wire.NetworkCreate, version: ApiVersion, defaults: Mapping[str, str]) -> NetworkRequest:
    """Return the network that is asked for; `defaults` are the daemon's options for the driver. Raises InvalidInput."""
    ipam = asked.ipam or wire.Ipam()
    options = {**defaults, **asked.options}
    ipv4 = asked.enable_ipv4 if version >= ENABLE_IPV4 else None
    return NetworkRequest(
        name=asked.name,
        driver=asked.driver or "bridge",
        scope=asked.scope,
        ipv4=_family(ipv4, options, "com.docker.network.enable_ipv4", default=True),
        ipv6=_family(asked.enable_ipv6, options, "com.docker.network.enable_ipv6", default=False),
        internal=asked.internal,
        attachable=asked.attachable,
        ingress=asked.ingress,
        config_only=asked.config_only,
        config_from=asked.config_from.network if asked.config_from else "",
        ipam_driver=ipam.driver or "default",
        ipam_options=ipam.options,
        pools=read_pools(ipam.config),
        options=options,
        labels=asked.labels,
    )


def _family(asked: bool | None, options: Mapping[str, str], key: str, *, default: bool) -> bool:
    if asked is not None:
        return asked
    value = options.get(key)
    if value is None:
        return default
    if value not in _TRUE | _FALSE:
        raise InvalidInput(f'driver-opt "{key}" is not a valid bool')
    return value in _TRUE


def read_pools(configs: Sequence[wire.IpamConfig]) -> tuple[Pool, ...]:
    """Return the pools asked for. Raises InvalidInput with every fault in its notation."""
    faults: list[str] = []
    pools = [pool for config in configs if (pool := _read_pool(config, faults)) is not None]
    if faults:
        raise InvalidInput("invalid network config:\n" + "\n".join(faults))
    return tuple(pools)


def _read_pool(config: wire.IpamConfig, faults: list[str]) -> Pool | None:
    before = len(faults)
    gateway = _address(config.gateway, f"invalid gateway {config.gateway}", faults)
    auxiliary = {
        name: _address(text, f"invalid auxiliary address {name}", faults)
        for name, text in config.auxiliary_addresses.items()
    }
    subnet = _network(config.subnet, "subnet", faults) if config.subnet else None
    span = _network(config.ip_range, "ip-range", faults) if config.ip_range else None
    if len(faults) > before:
        return None
    if subnet is None:
        if gateway is None and span is None and not auxiliary:
            return None
        subnet = ANY_SUBNET[gateway.version if gateway is not None else 4]
    return Pool(
        subnet=subnet,
        range=span,
        gateway=gateway,
        auxiliary={name: address for name, address in auxiliary.items() if address is not None},
    )


def _network(text: str, what: str, faults: list[str]) -> IPNetwork | None:
    if _CIDR.fullmatch(text) is None:
        faults.append(f"invalid {what} {text}: invalid CIDR block notation")
        return None
    try:
        whole = ip_interface(text)
    except ValueError:
        faults.append(f"invalid {what} {text}: invalid CIDR block notation")
        return None
    if whole.ip != whole.network.network_address:
        faults.append(f"invalid {what} {text}: it should be {whole.network}")
    return whole.network


def _address(text: str, what: str, faults: list[str]) -> IPAddress | None:
    if not text:
        return None
    try:
        return parse_address(text)
    except InvalidInput:
        faults.append(f"{what}: invalid address {text}")
        return None


def show_network(network: Network, version: ApiVersion, attachments: Sequence[Attachment] = ()) -> wire.NetworkShown:
    """Return a network; with `attachments` as inspected, without as in the list."""
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
            config=[_show_pool(pool) for pool in network.pools],
        ),
        internal=network.internal,
        attachable=network.attachable,
        ingress=network.ingress,
        config_from=wire.ConfigReference(network=network.config_from),
        config_only=network.config_only,
        containers={item.sandbox.owner: _show_container(item) for item in attachments if item.sandbox.open},
        options=dict(network.options),
        labels=dict(network.labels),
    )


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
