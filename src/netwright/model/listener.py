"""Where the host's own programs ask for the names of containers."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from netwright.errors import InvalidInput

PORT = 53

_TEXT = re.compile(r"([0-9.]+)(?::([0-9]{1,5}))?")
_PLACE = "@"


@dataclass(frozen=True, slots=True)
class Listener:
    """An IPv4 address of the host, and a port."""

    address: IPv4Address
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> "Listener":
        """Read `ADDRESS` or `ADDRESS:PORT`. Raises InvalidInput."""
        match = _TEXT.fullmatch(text.strip())
        try:
            address = IPv4Address(match[1]) if match is not None else None
        except AddressValueError:
            address = None
        if match is None or address is None or not 0 < int(match[2] or PORT) <= 65535:
            raise InvalidInput(f"invalid address for names: {text} (it must be like 127.0.0.153 or 127.0.0.1:5353)")
        if address.is_unspecified or address.is_multicast or address.is_reserved:
            raise InvalidInput(
                f"invalid address for names: {text}: name one address of this host, such as 127.0.0.153, so that "
                "nobody else is told of its containers by accident"
            )
        return cls(address, int(match[2] or PORT))

    @property
    def place(self) -> str:
        """What stands for it where others are named by the path of their network namespace."""
        return f"{_PLACE}{self}"

    @classmethod
    def of_place(cls, place: str) -> "Listener | None":
        """Return the listener that a place stands for; None where it is the path of a namespace."""
        return cls.parse(place.removeprefix(_PLACE)) if is_host(place) else None

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


def is_host(place: str) -> bool:
    """Tell whether a place stands for the host itself, not for a network namespace."""
    return place.startswith(_PLACE)
