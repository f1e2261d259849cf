"""Where the host's own programs ask for the names of containers."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress, show

PORT = 53

_TEXT = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?")
_BARE = re.compile(r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[^\s\[\]]+)?")
"""An IPv6 address without brackets, which leave no doubt about where a port begins."""
_PLACE = "@"


@dataclass(frozen=True, slots=True)
class Listener:
    """An address of the host, and a port."""

    address: IPAddress
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> "Listener":
        """Read `ADDRESS` or `ADDRESS:PORT`, IPv6 with a port in brackets. Raises InvalidInput."""
        given = text.strip()
        match = _TEXT.fullmatch(f"[{given}]" if _BARE.fullmatch(given) else given)
        port = int(match["port"] or PORT) if match is not None else 0
        if match is None or not 0 < port <= 65535:
            raise _bad(text)
        address = _address(text, match["six"] or match["four"], version=6 if match["six"] else 4)
        return cls(address, port)

    @property
    def place(self) -> str:
        """What stands for it where others are named by the path of their network namespace."""
        return f"{_PLACE}{self}"

    @classmethod
    def of_place(cls, place: str) -> "Listener | None":
        """Return the listener that a place stands for; None where it is the path of a namespace."""
        return cls.parse(place.removeprefix(_PLACE)) if is_host(place) else None

    def __str__(self) -> str:
        return show(self.address, self.port)


def _address(text: str, written: str, *, version: int) -> IPAddress:
    """Read the address of a listener that was given as `text`. Raises InvalidInput."""
    try:
        address = ip_address(written)
    except ValueError:
        raise _bad(text) from None
    if address.version != version:
        raise _bad(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise InvalidInput(f"invalid address for names: {text}: it is an IPv4 address: write {address.ipv4_mapped}")
    if isinstance(address, IPv6Address) and (address.is_link_local or address.scope_id):
        raise InvalidInput(
            f"invalid address for names: {text}: it means something on one link only: name an address that the whole "
            "host has, such as ::1"
        )
    if address.is_unspecified or address.is_multicast or (isinstance(address, IPv4Address) and address.is_reserved):
        raise InvalidInput(
            f"invalid address for names: {text}: name one address of this host, such as "
            f"{'127.0.0.153' if version == 4 else '::1'}, so that nobody else is told of its containers by accident"
        )
    return address


def _bad(text: str) -> InvalidInput:
    return InvalidInput(
        f"invalid address for names: {text} (it must be like 127.0.0.153, 127.0.0.1:5353, ::1 or [::1]:5353)"
    )


def is_host(place: str) -> bool:
    """Tell whether a place stands for the host itself, not for a network namespace."""
    return place.startswith(_PLACE)
