"""Ports: what is asked for (`PortRequest`), what is granted (`PortBinding`)."""

from dataclasses import dataclass, field
from enum import StrEnum

from netwright.errors import InvalidInput
from netwright.model.addressing import IPAddress
from netwright.model.sources import EVERYBODY, Sources

_MOST_DIGITS = 16
"""Of a port number, with leading zeros; what is longer is not even converted."""


class Protocol(StrEnum):
    """A transport protocol that can be published."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A container's port, written `80/tcp`."""

    number: int
    protocol: Protocol

    @classmethod
    def parse(cls, text: str) -> "Port":
        """Read `80` or `80/udp`; the protocol defaults to tcp. Raises InvalidInput."""
        number, _, name = text.partition("/")
        return cls(parse_port_number(number, text), parse_protocol(name or "tcp"))

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A wish to publish one port of a container.

    `host_ip` None means the network's default binding address. `first` and `last` bound the host port; both 0 mean that
    any free port will do. `sources` are those who may connect; None means the engine's default.
    """

    port: Port
    host_ip: IPAddress | None = None
    first: int = 0
    last: int = 0
    sources: Sources | None = None


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A granted publication: this host address and port lead to that port of the endpoint, for these sources.

    It is the same one whoever may connect: `sources` have no part in comparisons.
    """

    port: Port
    host_ip: IPAddress
    host_port: int
    sources: Sources = field(default=EVERYBODY, compare=False)


def parse_protocol(text: str) -> Protocol:
    """Read a protocol name in any case. Raises InvalidInput."""
    try:
        return Protocol(text.lower())
    except ValueError:
        raise InvalidInput(f"invalid proto: {text}") from None


def parse_port_number(text: str, whole: str) -> int:
    """Read a port number from 0 to 65535; `whole` is what the user wrote, for the message."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) <= 65535):
        raise InvalidInput(f'invalid port specification: "{whole}"')
    return int(text)


def parse_port_range(text: str, whole: str) -> tuple[int, int]:
    """Read `8000` or `8000-8010` and return both ends; an empty text is (0, 0). Raises InvalidInput."""
    if not text:
        return 0, 0
    first, dash, last = text.partition("-")
    low = parse_port_number(first, whole)
    high = parse_port_number(last, whole) if dash else low
    if high < low:
        raise InvalidInput(f'invalid port specification: "{whole}"')
    return low, high
