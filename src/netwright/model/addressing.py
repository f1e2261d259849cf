"""MAC addresses and the small things that `ipaddress` does not know."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
)

from netwright.errors import InvalidInput

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network

ANY_IPV4 = IPv4Address("0.0.0.0")
ANY_IPV6 = IPv6Address("::")

ANY_SUBNET: Mapping[int, IPNetwork] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}
"""By IP version, the subnet that stands for any: what a pool asks for that names none."""

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")


@dataclass(frozen=True, slots=True, order=True)
class Mac:
    """An Ethernet address; prints as `02:aa:bb:cc:dd:ee`."""

    octets: bytes

    @classmethod
    def parse(cls, text: str) -> "Mac":
        """Read any of the three usual notations (Go's `net.ParseMAC`, six octets only)."""
        lowered = text.lower()
        if _MAC.fullmatch(lowered) is None:
            raise InvalidInput(f"{text} is not a valid mac address")
        octets = bytes.fromhex(re.sub("[:.-]", "", lowered))
        return cls(octets)

    @classmethod
    def derived(cls, identity: str) -> "Mac":
        """Return the unicast, locally administered address that belongs to an identity for its whole life."""
        digest = hashlib.sha256(identity.encode()).digest()
        return cls(bytes(((digest[0] & 0xFE) | 0x02, *digest[1:6])))

    def __str__(self) -> str:
        return self.octets.hex(":")


def show(address: IPAddress, port: int) -> str:
    """Return an address and a port as Docker writes them."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def interface(address: IPAddress, length: int) -> IPInterface:
    """Return an address with the length of its prefix."""
    if isinstance(address, IPv4Address):
        return IPv4Interface((int(address), length))
    return IPv6Interface((int(address), length))


def parse_interface_address(text: str) -> IPAddress:
    """Read an address that an interface is to have. Raises InvalidInput, also where it names an interface itself."""
    if "%" in text:
        raise InvalidInput(f"invalid IP address: {text} (a zone names an interface of this host: leave it out)")
    return parse_address(text)


def parse_address(text: str) -> IPAddress:
    """Read an IPv4 or IPv6 address.

    Raises InvalidInput for anything else, also for IPv4-mapped IPv6, which would name one host in two families.
    """
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidInput(f"invalid IP address: {text}") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise InvalidInput(f"invalid IP address: {text} (an IPv4 address in IPv6 clothes: write {address.ipv4_mapped})")
    return address
