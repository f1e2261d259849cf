"""The bytes of netlink: headers, attributes, and reading them back (linux/netlink.h).

Attributes are little structures of length, type and value, padded to four bytes; nesting is an attribute whose value is
attributes. Everything is in the host's byte order except what a protocol says otherwise (addresses, ports).
"""

import struct
from collections.abc import Iterator

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLM_F_DUMP_INTR = 0x10
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400

NLA_TYPE_MASK = 0x3FFF
NLA_F_NESTED = 0x8000

HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence number, port id."""

_ATTRIBUTE = struct.Struct("=HH")
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute with its padding."""
    return _ATTRIBUTE.pack(len(value) + 4, kind) + value + _PADDING[len(value) & 3]


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """Return an attribute with a NUL-terminated text."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute with a 32-bit number."""
    return attribute(kind, _U32.pack(value))


def octet(kind: int, value: int) -> bytes:
    """Return an attribute with an 8-bit number."""
    return attribute(kind, bytes((value,)))


def message(kind: int, flags: int, body: bytes) -> bytearray:
    """Return a message without its sequence number, which `number_message` puts in when it is sent."""
    return bytearray(HEADER.pack(len(body) + HEADER.size, kind, flags | NLM_F_REQUEST, 0, 0) + body)


def number_message(encoded: bytearray, sequence: int) -> None:
    """Write a sequence number into a message."""
    _U32.pack_into(encoded, 8, sequence)


def acknowledge(encoded: bytearray, *, wanted: bool) -> None:
    """Have a message acknowledged, or answered only where it is refused."""
    (flags,) = _U16.unpack_from(encoded, 6)
    _U16.pack_into(encoded, 6, flags | NLM_F_ACK if wanted else flags & ~NLM_F_ACK)


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (type, flags, sequence, body) of each message of a datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the attributes from an offset on, by type; of a type that stands twice the last."""
    found = {}
    while offset + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def as_text(value: bytes) -> str:
    """Read a NUL-terminated text."""
    return value.rstrip(b"\0").decode(errors="replace")


def as_number(value: bytes) -> int:
    """Read a 32-bit number."""
    return int(_U32.unpack(value)[0])
