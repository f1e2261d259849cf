"""DNS messages (RFC 1035, 6891): strict reading of queries and of upstream answers, writing of our own. Pure.

Names are never decompressed: a question may not be compressed, and in what upstream says only its shape is checked and
the places of its TTLs are noted, since it is passed on as it came. So no pointer is ever followed and no loop of them
can hold anybody up. Whatever bytes come in, these functions return or raise Malformed.

Speed matters in `parse_query`, which sees every question that is not known byte for byte.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
BADVERS = 16

A, NS, CNAME, SOA, PTR, MX, AAAA, OPT, SVCB, HTTPS = 1, 2, 5, 6, 12, 15, 28, 41, 64, 65
KINDS = {"A": A, "AAAA": AAAA, "CNAME": CNAME, "HTTPS": HTTPS, "MX": MX, "NS": NS, "PTR": PTR, "SRV": 33, "TXT": 16}
"""Types that may be asked for by name."""
IN = 1

HEADER = 12
PLAIN_SIZE = 512
"""Bytes that an answer may have where the query does not say otherwise (RFC 1035)."""
LARGEST = 4096
"""Bytes of the largest datagram that we send, whatever a client offers to take."""

_QR, _TC, _RD, _RA, _CD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0010
_OPCODE = 0x7800
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_SHORTS = struct.Struct("!HH")
_LONG = struct.Struct("!I")
_NAME = 255
_LABEL = 63
_POINTER = 0xC0
_DO = 0x8000
_DOT, _BACKSLASH = b".\\"


class Malformed(ValueError):
    """A message that is none; `rcode` is what its sender is to be told."""

    def __init__(self, why: str, rcode: int = FORMERR) -> None:
        super().__init__(why)
        self.rcode = rcode


class Query(NamedTuple):
    """One question as it was asked.

    `name` is its text without the last dot, in the case that was asked; a dot inside a label is escaped. `question` are
    its bytes. `size` is what an answer by UDP may have; `edns` tells whether the query has an OPT record, `dnssec` its
    DO bit.
    """

    id: int
    flags: int
    name: str
    kind: int
    klass: int
    question: bytes
    size: int = PLAIN_SIZE
    edns: bool = False
    dnssec: bool = False


def parse_query(packet: bytes) -> Query:
    """Read a query. Raises Malformed."""
    length = len(packet)
    if length < HEADER:
        raise Malformed("shorter than a header")
    identity, flags, questions, answers, authorities, additional = _HEADER.unpack_from(packet)
    if flags & _QR:
        raise Malformed("an answer, not a query")
    if flags & _OPCODE:
        raise Malformed("not a standard query", NOTIMP)
    if questions != 1 or answers or authorities or additional > 2:
        raise Malformed("not one question alone")
    name, end = _name(packet)
    if end + 4 > length:
        raise Malformed("the question is cut off")
    kind, klass = _SHORTS.unpack_from(packet, end)
    end += 4
    question = packet[HEADER:end]
    size, edns, dnssec = _extension(packet, end, additional) if additional else (PLAIN_SIZE, False, False)
    if not additional and end != length:
        raise Malformed("bytes after the end")
    return Query(identity, flags, name, kind, klass, question, size, edns, dnssec)


def _name(packet: bytes) -> tuple[str, int]:
    """Return the text of the question's name, dots in its labels escaped, and where it ends."""
    starts: list[int] = []
    place, length = HEADER, len(packet)
    while place < length:
        size = packet[place]
        if not size:
            break
        if size > _LABEL:
            raise Malformed("a compressed or unknown label in a question")
        starts.append(place)
        place += size + 1
    if place >= length or place - HEADER >= _NAME:
        raise Malformed("the name is cut off or too long")
    text = bytearray(packet[HEADER + 1 : place])
    for start in starts[1:]:
        text[start - HEADER - 1] = _DOT
    if len(starts) <= text.count(_DOT) or _BACKSLASH in text:
        text = bytearray(b".".join(_escaped(packet[start + 1 : start + 1 + packet[start]]) for start in starts))
    return text.decode("latin-1"), place + 1


def _escaped(label: bytes) -> bytes:
    return label.replace(b"\\", b"\\\\").replace(b".", b"\\.")


def _extension(packet: bytes, place: int, count: int) -> tuple[int, bool, bool]:
    """Return what the OPT record says, if there is one (RFC 6891), and check that nothing follows."""
    size, edns, dnssec = PLAIN_SIZE, False, False
    for _ in range(count):
        start = place
        place = skip_name(packet, place)
        kind, klass, ttl, data, place = _record(packet, place)
        if place + data > len(packet):
            raise Malformed("a record is cut off")
        place += data
        if kind == OPT:
            if edns or packet[start]:
                raise Malformed("more than one OPT record, or one with a name")
            if ttl >> 16 & 0xFF:
                raise Malformed("an unknown version of EDNS", BADVERS)
            size, edns, dnssec = max(PLAIN_SIZE, min(klass, LARGEST)), True, bool(ttl & _DO)
    if place != len(packet):
        raise Malformed("bytes after the end")
    return size, edns, dnssec


def _record(packet: bytes, place: int) -> tuple[int, int, int, int, int]:
    """Return the fixed part of a record (type, class, TTL, length of data) and where its data begins."""
    if place + _RECORD.size > len(packet):
        raise Malformed("a record is cut off")
    kind, klass, ttl, data = _RECORD.unpack_from(packet, place)
    return kind, klass, ttl, data, place + _RECORD.size


def skip_name(packet: bytes, place: int) -> int:
    """Return where a name ends that may be compressed. Raises Malformed; follows no pointer."""
    begin = place
    while True:
        if place >= len(packet):
            raise Malformed("a name is cut off")
        size = packet[place]
        if size & _POINTER == _POINTER:
            if place + 2 > len(packet) or (size & _LABEL) << 8 | packet[place + 1] >= begin:
                raise Malformed("a pointer that does not point backwards")
            return place + 2
        if size > _LABEL:
            raise Malformed("an unknown kind of label")
        place += 1 + size
        if not size:
            return place
        if place - begin >= _NAME:
            raise Malformed("a name is too long")


Record = tuple[int, bytes]
"""Type and data of a record whose name is that of the question."""


def respond(query: Query, records: Sequence[Record], ttl: int, *, rcode: int = NOERROR, limit: int = 0) -> bytes:
    """Return an answer of ours. `limit` bounds its bytes (0: as for TCP); what does not fit is left out, as TC says."""
    extension = b"\0" + _RECORD.pack(OPT, LARGEST, _DO if query.dnssec else 0, 0) if query.edns else b""
    room = (limit or 65535) - HEADER - len(query.question) - len(extension)
    body = bytearray()
    count, truncated = 0, 0
    for kind, data in records:
        record = b"\xc0\x0c" + _RECORD.pack(kind, IN, ttl, len(data)) + data
        if len(body) + len(record) > room:
            truncated = _TC
            break
        body += record
        count += 1
    flags = _QR | query.flags & (_RD | _CD) | _RA | truncated | rcode
    head = _HEADER.pack(query.id, flags, 1, count, 0, 1 if extension else 0)
    return b"".join((head, query.question, body, extension))


def refuse(packet: bytes, rcode: int) -> bytes | None:
    """Return an answer without content to a message that cannot be answered otherwise; None where none is due.

    It has no question, since none may have been understood. A message that is itself an answer gets none: two
    servers would go on for ever.
    """
    if len(packet) < HEADER or packet[2] & 0x80:
        return None
    flags = _QR | int.from_bytes(packet[2:4], "big") & (_OPCODE | _RD) | _RA | rcode & 0xF
    extended = rcode > 0xF
    head = packet[:2] + _HEADER.pack(0, flags, 0, 0, 0, extended)[2:]
    return head + (b"\0" + _RECORD.pack(OPT, LARGEST, (rcode >> 4) << 24, 0) if extended else b"")


def shorten(response: bytes, query: Query) -> bytes:
    """Return an upstream answer, cut down to its question with TC set where it does not fit the client's datagram."""
    if len(response) <= query.size:
        return response
    flags = int.from_bytes(response[2:4], "big") | _TC
    extension = b"\0" + _RECORD.pack(OPT, LARGEST, _DO if query.dnssec else 0, 0) if query.edns else b""
    head = response[:2] + _HEADER.pack(0, flags, 1, 0, 0, 1 if extension else 0)[2:]
    return head + query.question + extension


class Response(NamedTuple):
    """What an upstream server has said: its code, how long it holds, where its TTLs stand.

    `seconds` is 0 for what must not be kept. `packet` echoes the question in the case that was asked.
    """

    packet: bytes
    rcode: int
    truncated: bool
    seconds: int
    ttls: tuple[int, ...]


def parse_response(packet: bytes, question: bytes) -> Response:
    """Read an answer to a question. Raises Malformed where it is none, or is one to another question."""
    if len(packet) < HEADER:
        raise Malformed("shorter than a header")
    _, flags, questions, answers, authorities, additional = _HEADER.unpack_from(packet)
    if not flags & _QR or flags & _OPCODE:
        raise Malformed("not an answer to a query")
    rcode, truncated = flags & 0xF, bool(flags & _TC)
    if not questions and rcode not in {NOERROR, NXDOMAIN}:
        return Response(packet, rcode, truncated, 0, ())
    end = HEADER + len(question)
    said = packet[HEADER:end]
    if questions != 1 or (said != question and not _same(said, question)):
        raise Malformed("an answer to another question")
    if said != question:
        packet = packet[:HEADER] + question + packet[end:]
    try:
        ttls, seconds = _walk(packet, end, (answers, authorities, additional))
    except Malformed:
        if not truncated:
            raise
        # Old servers cut an answer anywhere. It is only a hint to ask again over TCP.
        return Response(packet, rcode, truncated, 0, ())
    return Response(packet, rcode, truncated, 0 if truncated else seconds, tuple(ttls))


def _same(said: bytes, asked: bytes) -> bool:
    """Compare questions: names regardless of case, type and class exactly."""
    return said[-4:] == asked[-4:] and said[:-4].lower() == asked[:-4].lower()


def _walk(packet: bytes, place: int, counts: Sequence[int]) -> tuple[list[int], int]:
    """Check all records; return where their TTLs stand, and for how many seconds the whole holds."""
    ttls: list[int] = []
    seconds: list[int] = []
    negative: int | None = None
    for section, count in enumerate(counts):
        for _ in range(count):
            place = skip_name(packet, place)
            kind, _, ttl, size, data = _record(packet, place)
            if data + size > len(packet):
                raise Malformed("a record is cut off")
            if kind == OPT and section < 2:
                raise Malformed("an OPT record that is not additional")
            if kind != OPT:
                ttls.append(place + 4)
                # The highest bit set means 0 (RFC 2181, 8).
                seconds.append(ttl if ttl < 1 << 31 else 0)
            if kind == SOA and section == 1 and size >= 20:
                negative = min(ttl, _LONG.unpack_from(packet, data + size - 4)[0])
            place = data + size
    if place != len(packet):
        raise Malformed("bytes after the end")
    if counts[0]:
        return ttls, min(seconds)
    # Nothing found: kept only as long as the zone says (RFC 2308).
    return ttls, min([*seconds, negative]) if negative is not None else 0


def aged(response: Response, seconds: int) -> bytes:
    """Return an answer whose TTLs have run for some seconds."""
    packet = bytearray(response.packet)
    for place in response.ttls:
        left = max(0, _LONG.unpack_from(packet, place)[0] - seconds)
        _LONG.pack_into(packet, place, left)
    return bytes(packet)


def reverse_address(name: str) -> bytes | None:
    """Return the packed address that a name below in-addr.arpa or ip6.arpa stands for, or None."""
    lower = name.lower()
    if lower.endswith(".in-addr.arpa"):
        parts = lower.removesuffix(".in-addr.arpa").split(".")
        if len(parts) == 4 and all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
            return bytes(int(part) for part in reversed(parts))
    if lower.endswith(".ip6.arpa"):
        digits = lower.removesuffix(".ip6.arpa").split(".")
        if len(digits) == 32 and all(len(digit) == 1 and digit in "0123456789abcdef" for digit in digits):
            return bytes.fromhex("".join(reversed(digits)))
    return None


def decode_name(encoded: bytes) -> str:
    """Return the text of a name that is not compressed, with its last dot."""
    labels, place = [], 0
    while size := encoded[place]:
        labels.append(encoded[place + 1 : place + 1 + size].decode("utf-8", "replace"))
        place += 1 + size
    return ".".join(labels) + "."


def encode_name(name: str) -> bytes:
    """Return a name as it stands in a record. Raises ValueError where a label or the whole is too long."""
    encoded = bytearray()
    for label in name.rstrip(".").split("."):
        raw = label.encode("utf-8")
        if not 0 < len(raw) <= _LABEL:
            raise ValueError(f"{name!r} has a label that DNS cannot carry")
        encoded.append(len(raw))
        encoded += raw
    if len(encoded) >= _NAME:
        raise ValueError(f"{name!r} is too long for DNS")
    return bytes(encoded) + b"\0"
