"""Elements of nftables sets and maps, as values that a backend need not print and the kernel's door need not read.

An element's key is a list of parts, each of a type that says how many bytes it is: an interface's name, an address, a
protocol. A part that is a range (a subnet, several ports) makes the element an interval.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from msgspec import Struct

from netwright.model.addressing import Mac
from netwright.model.ports import Protocol


class Name(Struct, frozen=True):
    """The name of an interface."""

    text: str

    def __str__(self) -> str:
        return f'"{self.text}"'


class PortNumber(Struct, frozen=True):
    """One port, in a set or map that knows no ranges."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


class Ports(Struct, frozen=True):
    """The ports from the first to the last, which may be the same."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


class Octets(Struct, frozen=True):
    """Bytes out of a packet that nftables has no type for."""

    value: bytes

    def __str__(self) -> str:
        return f"0x{self.value.hex()}"


Part = Name | Mac | IPv4Address | IPv6Address | IPv4Network | IPv6Network | Protocol | PortNumber | Ports | Octets


class Item(Struct, frozen=True):
    """An element's key, and what it leads to where it stands in a map."""

    key: tuple[Part, ...]
    value: tuple[Part, ...] = ()

    def __str__(self) -> str:
        key = " . ".join(map(str, self.key))
        return f"{key} : {' . '.join(map(str, self.value))}" if self.value else key


class Verb(StrEnum):
    """What is done with elements."""

    ADD = "add"
    """Content with one that is there already and leads to the same."""
    DELETE = "delete"
    """Refused where one is not there."""


class SetChange(Struct, frozen=True):
    """Elements that come into a set or map, or leave it; prints as nft's command."""

    verb: Verb
    family: str
    table: str
    set: str
    items: tuple[Item, ...]

    def __str__(self) -> str:
        place = f"{self.family} {self.table} {self.set}"
        return f"{self.verb} element {place} {{ {', '.join(map(str, self.items))} }}"
