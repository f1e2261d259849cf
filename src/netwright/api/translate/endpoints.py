"""Endpoints between Docker's EndpointSettings and ours. Pure."""

from collections.abc import Sequence

from msgspec import UNSET

from netwright.api.versions import CLEAN_ALIASES, ENABLE_IPV4, SEVERAL_ENDPOINTS, ApiVersion
from netwright.api.wire.networks import EndpointIpam, EndpointSettings
from netwright.controller.api import Attachment
from netwright.controller.naming.names import names_of
from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, Mac, parse_interface_address
from netwright.model.names import short
from netwright.model.network import EndpointSpec

PREDEFINED = frozenset(("bridge", "host", "none"))


def read_endpoint(asked: EndpointSettings | None) -> EndpointSpec:
    """Return what is asked of an endpoint. Raises InvalidInput with all that is wrong with its addresses."""
    if asked is None:
        return EndpointSpec()
    ipam = asked.ipam_config or EndpointIpam()
    faults: list[str] = []
    ipv4 = _address(ipam.ipv4_address, 4, faults)
    ipv6 = _address(ipam.ipv6_address, 6, faults)
    local = [_local(text, faults) for text in ipam.link_local_ips]
    if faults:
        raise InvalidInput("invalid endpoint settings:\n" + "\n".join(faults))
    return EndpointSpec(
        ipv4=ipv4,
        ipv6=ipv6,
        link_local=tuple(address for address in local if address is not None),
        mac=_mac(asked.mac_address),
        aliases=tuple(asked.aliases or ()),
        links=tuple(asked.links or ()),
        driver_options=asked.driver_opts or {},
        gateway_priority=asked.gw_priority if isinstance(asked.gw_priority, int) else 0,
    )


def _address(text: str, version: int, faults: list[str]) -> IPAddress | None:
    if not text:
        return None
    try:
        address = parse_interface_address(text)
    except InvalidInput:
        address = None
    if address is None or address.version != version or address.is_unspecified:
        faults.append(f"invalid IPv{version} address: {text}")
        return None
    return address


def _local(text: str, faults: list[str]) -> IPAddress | None:
    try:
        address = parse_interface_address(text)
    except InvalidInput:
        address = None
    if address is None or address.is_unspecified:
        faults.append(f"invalid link-local IP address: {text}")
        return None
    return address


def _mac(text: str) -> Mac | None:
    if not text:
        return None
    try:
        return Mac.parse(text)
    except InvalidInput:
        raise InvalidInput(f"invalid MAC address {text}") from None


def _names_of(item: Attachment) -> list[str]:
    """Return the names of an endpoint, as far as Docker shows them: not on the default bridge."""
    return [] if item.network.name in PREDEFINED else list(names_of(item))


def show_endpoint(item: Attachment, version: ApiVersion) -> EndpointSettings:
    """Return an endpoint as a container shows it; what is so only while it runs is blank while it does not."""
    spec, endpoint = item.endpoint.spec, item.endpoint
    shown = EndpointSettings(
        ipam_config=_show_ipam(spec),
        links=list(spec.links) or None,
        aliases=_aliases(item, version),
        driver_opts=dict(spec.driver_options) or None,
        network_id=endpoint.network,
        gw_priority=spec.gateway_priority if version >= ENABLE_IPV4 else UNSET,
        dns_names=(_names_of(item) or None) if version >= SEVERAL_ENDPOINTS else UNSET,
        mac_address=str(spec.mac) if spec.mac else "",
    )
    if item.sandbox.open:
        shown.endpoint_id = endpoint.id
        shown.gateway = str(endpoint.gateway4 or "")
        shown.ipv6_gateway = str(endpoint.gateway6 or "")
        shown.mac_address = str(endpoint.mac or "")
        if endpoint.ipv4 is not None:
            shown.ip_address, shown.ip_prefix_len = str(endpoint.ipv4.ip), endpoint.ipv4.network.prefixlen
        if endpoint.ipv6 is not None:
            shown.global_ipv6_address = str(endpoint.ipv6.ip)
            shown.global_ipv6_prefix_len = endpoint.ipv6.network.prefixlen
    return shown


def show_listed_endpoint(item: Attachment, version: ApiVersion) -> EndpointSettings:
    """Return an endpoint as the list of containers shows it: without names and options, as Docker has it."""
    shown = show_endpoint(item, version)
    shown.links = shown.aliases = shown.driver_opts = None
    shown.dns_names = None if version >= SEVERAL_ENDPOINTS else UNSET
    return shown


def _show_ipam(spec: EndpointSpec) -> EndpointIpam | None:
    if not (spec.ipv4 or spec.ipv6 or spec.link_local):
        return None
    return EndpointIpam(
        ipv4_address=str(spec.ipv4 or ""),
        ipv6_address=str(spec.ipv6 or ""),
        link_local_ips=[str(address) for address in spec.link_local],
    )


def _aliases(item: Attachment, version: ApiVersion) -> list[str] | None:
    aliases: Sequence[str] = item.endpoint.spec.aliases
    if version < CLEAN_ALIASES and item.network.name not in PREDEFINED:
        aliases = [*aliases, short(item.sandbox.owner)]
    return list(dict.fromkeys(aliases)) or None
