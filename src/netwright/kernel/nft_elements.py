"""Elements of nftables sets and maps by nfnetlink itself (linux/netfilter/nf_tables.h, nfnetlink.h).

Whatever it is asked, libnftables first lists the tables, their sets, and the elements of all sets of subnets, so a
change of one element costs more with every network that there is. The kernel asks for nothing of this: a change is one
message for each set, within one batch, which takes a tenth of the time for one element and for thousands.

How a set stores a key: each part in whole words of four bytes, in network order, filled up with zeros. A set of
intervals over one part keeps two elements for each: where it begins, and (flagged) where it has ended. One over several
parts keeps one element with two keys, the lower and the upper corner.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from netwright.errors import OperationFailed
from netwright.host.elements import Item, Name, Octets, Part, PortNumber, Ports, SetChange, Verb
from netwright.kernel.netlink.socket import NETLINK_NETFILTER, WHOLE, NetlinkError, NetlinkSocket
from netwright.kernel.netlink.wire import NLM_F_ACK, NLM_F_CREATE, attribute, message, nested, text
from netwright.model.addressing import Mac
from netwright.model.ports import Protocol

_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10
_NEW_ELEMENTS, _DELETE_ELEMENTS = _SUBSYSTEM << 8 | 12, _SUBSYSTEM << 8 | 14
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _LIST_ITEM = 1, 2, 3, 1
_KEY, _DATA, _FLAGS, _KEY_END = 1, 2, 3, 10
_VALUE = 1
_INTERVAL_END = struct.pack("!I", 1)

_HEADER = struct.Struct("!BBH")
"""`struct nfgenmsg`: family, version 0, resource."""
_FAMILIES = {"inet": 1, "ip": 2, "bridge": 7, "ip6": 10}
_PROTOCOLS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
_NAME_LENGTH = 16
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_ROOM = 60_000
"""How many bytes of elements go into a message: the length of an attribute is a number of 16 bits."""
_SEND_BUFFER = 64 << 20
"""Room for a batch, which is one datagram: 100 bytes an element, and a range of all ports may be an element each."""


class NftElements:
    """Changes of elements in the network namespace in which this was made."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket(NETLINK_NETFILTER, send_buffer=_SEND_BUFFER)

    def close(self) -> None:
        """End the conversation."""
        self._netlink.close()

    def run(self, changes: Sequence[SetChange]) -> None:
        """Carry out changes as one transaction: all or none. Raises OperationFailed with what was refused."""
        parts = [(change, encoded) for change in changes for encoded in encode(change)]
        try:
            self._netlink.transact(
                message(_BATCH_BEGIN, 0, _HEADER.pack(0, 0, _SUBSYSTEM)),
                [encoded for _, encoded in parts],
                message(_BATCH_END, 0, _HEADER.pack(0, 0, _SUBSYSTEM)),
            )
        except NetlinkError as error:
            refused = "" if error.place == WHOLE else f": {_shortened(str(parts[error.place][0]))}"
            raise OperationFailed(
                f"nftables refused a change of elements: {error.strerror}{refused}", errno=error.errno
            ) from error


def _shortened(command: str) -> str:
    return command if len(command) <= 1000 else f"{command[:1000]}..."


def encode(change: SetChange) -> Iterator[bytearray]:
    """Yield the messages of a change, without their sequence numbers."""
    kind, flags = (_NEW_ELEMENTS, NLM_F_CREATE) if change.verb is Verb.ADD else (_DELETE_ELEMENTS, 0)
    head = _head(change.family, change.table, change.set)
    for elements in _portions(change.items):
        yield message(kind, flags | NLM_F_ACK, head + nested(_LIST_ELEMENTS, elements))


@cache
def _head(family: str, table: str, name: str) -> bytes:
    """Return how a message names a set; there are a few dozen."""
    return _HEADER.pack(_FAMILIES[family], 0, 0) + text(_LIST_TABLE, table) + text(_LIST_SET, name)


def _portions(items: Sequence[Item]) -> Iterator[bytes]:
    """Yield encoded elements, as many at a time as there is room for."""
    portion = bytearray()
    for item in items:
        portion += b"".join(_elements(item))
        if len(portion) > _ROOM:
            yield bytes(portion)
            portion.clear()
    if portion:
        yield bytes(portion)


def _elements(item: Item) -> list[bytes]:
    bounds = _bounds(item.key)
    first = _joined([bound[0] for bound in bounds])
    data = () if not item.value else (nested(_DATA, attribute(_VALUE, _value(item.value))),)
    key = nested(_KEY, attribute(_VALUE, first))
    if not any(_is_range(part) for part in item.key):
        return [nested(_LIST_ITEM, key, *data)]
    last = _joined([bound[1] for bound in bounds])
    if len(item.key) > 1:
        return [nested(_LIST_ITEM, key, nested(_KEY_END, attribute(_VALUE, last)), *data)]
    begin = nested(_LIST_ITEM, key, *data)
    if last == b"\xff" * len(last):
        return [begin]  # nothing lies behind it
    behind = (int.from_bytes(last, "big") + 1).to_bytes(len(last), "big")
    return [begin, nested(_LIST_ITEM, nested(_KEY, attribute(_VALUE, behind)), attribute(_FLAGS, _INTERVAL_END))]


def _value(parts: Sequence[Part]) -> bytes:
    return _joined([first for first, _ in _bounds(parts)])


def _bounds(parts: Sequence[Part]) -> list[tuple[bytes, bytes]]:
    """Return the bytes of the first and the last value of each part."""
    try:
        return [_BOUNDS[type(part)](part) for part in parts]
    except KeyError as error:
        raise TypeError(f"{error} is no part of an element") from None


def _is_range(part: Part) -> bool:
    return isinstance(part, IPv4Network | IPv6Network | Ports)


def _joined(values: Sequence[bytes]) -> bytes:
    """Return values as they lie side by side in whole words."""
    if len(values) == 1:
        return values[0]
    return b"".join([value + _PADDING[len(value) & 3] for value in values])


def _name(part: Name) -> tuple[bytes, bytes]:
    value = os.fsencode(part.text).ljust(_NAME_LENGTH, b"\0")
    return value, value


def _subnet(part: IPv4Network | IPv6Network) -> tuple[bytes, bytes]:
    return part.network_address.packed, part.broadcast_address.packed


def _protocol(part: Protocol) -> tuple[bytes, bytes]:
    value = bytes((_PROTOCOLS[part],))
    return value, value


_BOUNDS: dict[type[Part], Callable[[Any], tuple[bytes, bytes]]] = {
    Name: _name,
    Mac: lambda part: (part.octets, part.octets),
    IPv4Address: lambda part: (part.packed, part.packed),
    IPv6Address: lambda part: (part.packed, part.packed),
    IPv4Network: _subnet,
    IPv6Network: _subnet,
    Protocol: _protocol,
    PortNumber: lambda part: (struct.pack("!H", part.number),) * 2,
    Ports: lambda part: (struct.pack("!H", part.first), struct.pack("!H", part.last)),
    Octets: lambda part: (part.value, part.value),
}
"""The bytes of a part's first and last value, by its kind."""
