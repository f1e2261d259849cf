"""Whether the addresses of the default bridge fit together. Pure."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from netwright.config.table import Config
from netwright.errors import InvalidInput

_RESERVING = {4: 30, 6: 126}
"""The longest prefix whose first address is not a host's, and in IPv4 the last one neither (RFC 3021, RFC 6164)."""


def check_subnets(config: Config) -> None:
    """Refuse addresses that docker0 or its containers cannot have. Raises InvalidInput."""
    _check("--bip", config.bip, ("--fixed-cidr", config.fixed_cidr), config.default_gateway)
    _check("--bip6", config.bip6, ("--fixed-cidr-v6", config.fixed_cidr_v6), config.default_gateway_v6)


def _check(
    flag: str,
    bridge: IPv4Interface | IPv6Interface | None,
    part: tuple[str, IPv4Network | IPv6Network | None],
    gateway: IPv4Address | IPv6Address | None,
) -> None:
    if bridge is None:
        return
    subnet = bridge.network
    _check_address(flag, bridge)
    name, addresses = part
    if addresses is not None and not (addresses[0] in subnet and addresses[-1] in subnet):
        raise InvalidInput(f"{name}={addresses} is no part of {subnet}, the subnet of {flag}")
    if gateway is not None and gateway not in subnet:
        raise InvalidInput(f"default gateway ip must be part of the network: {gateway} is not in {subnet}")


def _check_address(flag: str, bridge: IPv4Interface | IPv6Interface) -> None:
    address, subnet = bridge.ip, bridge.network
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        raise InvalidInput(f"{flag}={bridge} is no address that a host has on a network")
    if subnet.num_addresses == 1:
        raise InvalidInput(f"{flag}={bridge} leaves no address for containers: give a shorter prefix")
    if subnet.prefixlen > _RESERVING[address.version]:
        return
    if address == subnet.network_address or (address.version == 4 and address == subnet.broadcast_address):
        raise InvalidInput(
            f"{flag}={bridge} is the address of the network itself or its broadcast address: "
            f"take another one of {subnet}, such as {subnet[1]}/{subnet.prefixlen}"
        )
