"""Who wants to reach what, as a user writes it: `192.0.2.7` and `:8080`, `web` and `db:5432/tcp`. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol, parse_port_number, parse_protocol

HOST = "host"
"""Who sends from this host itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A port somewhere: at an address, at a container that is named, or, with neither, at this host."""

    address: IPAddress | None
    name: str
    protocol: Protocol
    port: int


def parse_sender(text: str) -> IPAddress | str:
    """Return an address, or the name of a container or `host`. Raises InvalidInput for an empty text."""
    words = text.strip()
    if not words:
        raise InvalidInput("nobody is named who sends: an address, a container, or host")
    try:
        return ip_address(words.strip("[]"))
    except ValueError:
        return words


def parse_target(text: str) -> Target:
    """Read `[ADDRESS|NAME]:PORT[/PROTO]`; an IPv6 address stands in brackets. Raises InvalidInput."""
    place, colon, rest = text.strip().rpartition(":")
    number, _, name = rest.partition("/")
    if not colon or not number:
        raise InvalidInput(f"{text!r} names no port: write :8080, web:80, 192.0.2.1:53/udp or [2001:db8::1]:80")
    port, protocol = parse_port_number(number, text), parse_protocol(name or "tcp")
    try:
        address: IPAddress | None = ip_address(place.strip("[]"))
    except ValueError:
        address = None
    return Target(address=address, name="" if address else place, protocol=protocol, port=port)
