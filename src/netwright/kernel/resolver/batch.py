"""Many datagrams in one system call: recvmmsg(2) and sendmmsg(2), which Python does not offer.

One set of buffers serves all sockets of the process, because one thread does. The structures that the kernel reads are
laid out once. An answer is gathered by the kernel out of pieces that lie there already: what was received (id, sender),
what never changes (headers), and what was prepared when the answer was first given. So Python writes three numbers for
a datagram and copies none of it.
"""

import ctypes
import mmap
import socket
import struct
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple, Protocol

from netwright.dns import wire

SLOTS = 64
"""How many datagrams are received at once; then other sockets get their turn."""

IN_SLOT = 2048
"""Room for one query. A longer one is cut, and then does not parse."""
OUT_SLOT = wire.LARGEST + 64
"""Room for one answer by UDP, with headers."""
NAME = 16
"""`struct sockaddr_in`: family, port, address, each as it stands in packets."""
NAME6 = 28
"""`struct sockaddr_in6`: family, port, flow, address, number of the link."""

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


def _address(buffer: bytearray | memoryview) -> int:
    """Return where a buffer lies; it must be kept as long as that matters."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


class Row:
    """Messages of one piece each, laid out for the kernel.

    The bytes of each lie in a slot of `data` and its address in one of `names`, unless the sockets are connected: then
    that has no room. `room` and `name` are the bytes of a slot.
    """

    def __init__(self, room: int, name: int = NAME) -> None:
        self.room, self.name = room, name
        # Of these pages only those exist that something was ever written to.
        self.data = memoryview(mmap.mmap(-1, SLOTS * room))
        self.names = memoryview(bytearray(SLOTS * name))
        self.data_address = _address(self.data)
        self.names_address = _address(self.names) if name else 0
        self._vectors = (_Vector * SLOTS)()
        self._messages = (_Message * SLOTS)()
        for slot in range(SLOTS):
            self._vectors[slot].base = self.data_address + slot * room
            self._vectors[slot].length = room
            header = self._messages[slot].header
            if name:
                header.name, header.name_length = self.names_address + slot * name, name
            header.vectors, header.vector_count = ctypes.addressof(self._vectors[slot]), 1
        self.address = ctypes.addressof(self._messages)


class Inbox(Row):
    """Datagrams that were received."""

    def __init__(self, room: int = IN_SLOT, name: int = NAME) -> None:
        super().__init__(room, name)
        # As plain numbers: through ctypes' own attributes it would take ten times as long.
        numbers = memoryview(self._messages).cast("B").cast("I")
        self.lengths = numbers[_Message.length.offset // 4 :: ctypes.sizeof(_Message) // 4]
        """How many bytes each datagram has."""

    def sender(self, slot: int) -> bytes:
        """Return the address that the datagram in a slot came from."""
        return self.names[slot * self.name : (slot + 1) * self.name].tobytes()

    def fill(self, descriptor: int) -> int:
        """Receive what is there; return how many datagrams that was, or -1 with the reason in `ctypes.get_errno`."""
        return int(_recvmmsg(descriptor, self.address, SLOTS, socket.MSG_DONTWAIT, None))


class Outgoing(Row):
    """Datagrams that leave by one socket, many in one system call."""

    def __init__(self, room: int, name: int = NAME) -> None:
        super().__init__(room, name)
        self._sizes = memoryview(self._vectors).cast("B").cast("L")
        self.count = 0

    def put(self, packet: bytes, name: bytes = b"") -> None:
        """Take a datagram, to a receiver unless the socket is connected. There must be room."""
        slot, length = self.count, len(packet)
        place = slot * self.room
        self.data[place : place + length] = packet
        if name:
            self.names[slot * self.name : slot * self.name + len(name)] = name
        self._sizes[2 * slot + 1] = length
        self.count = slot + 1

    def send(self, descriptor: int) -> list[int]:
        """Send what was taken; return which could not be sent, in the order in which they came."""
        count, self.count = self.count, 0
        return _send(descriptor, self.address, 0, count)


class Prepared(NamedTuple):
    """An answer as it lies ready for the kernel, behind the two fields of a UDP header that come before it.

    `head` is where these fields lie, `place` where the answer does.
    """

    head: int
    place: int
    size: int
    kept: bytearray


class Turns:
    """Several answers to one query, which are given in turn."""

    def __init__(self, orders: Sequence[Prepared]) -> None:
        self.orders = orders
        self._cycle = cycle(orders)

    def next(self) -> Prepared:
        """Return whose turn it is."""
        return next(self._cycle)


_UDP = struct.Struct("!HH")


def prepare(tail: bytes) -> Prepared:
    """Lay an answer, without its id, where the kernel can gather it. Its datagram has no checksum (RFC 768)."""
    kept = bytearray(_UDP.pack(len(tail) + 10, 0) + tail)
    head = _address(kept)
    return Prepared(head, head + _UDP.size, len(tail), kept)


_IPV4 = b"\x45\0\0\0\0\0\x40\0\x40\x11\0\0" + socket.inet_aton("127.0.0.11")
"""The header of a datagram from our address up to the receiver's; the kernel fills in length and checksum."""
_FROM_53 = b"\0\x35"

RAW = 7
"""Pieces of an answer by a raw socket: header, receiver, port 53, receiver's port, length and checksum, id, answer."""
PLAIN = 2
"""Pieces of one by a UDP socket: id, answer."""


class Outbox:
    """Answers to what is in an inbox, each to the sender in the same slot. `pieces` is RAW or PLAIN.

    `vectors` are numbers, two for each piece of each slot: where it lies and how long it is. Of each answer the caller
    writes the first three of `Prepared` there, where `places` says for its slot.
    """

    def __init__(self, inbox: Inbox, pieces: int) -> None:
        self._vectors = (_Vector * (SLOTS * pieces))()
        self._messages = (_Message * SLOTS)()
        self._constant = bytearray(_IPV4 + _FROM_53)
        constant = _address(self._constant)
        for slot in range(SLOTS):
            name = inbox.names_address + slot * inbox.name
            identity = (inbox.data_address + slot * IN_SLOT, 2)
            raw = ((constant, len(_IPV4)), (name + 4, 4), (constant + len(_IPV4), 2), (name + 2, 2), (0, 4))
            laid = (*raw, identity, (0, 0)) if pieces == RAW else (identity, (0, 0))
            for piece, (base, length) in enumerate(laid, slot * pieces):
                self._vectors[piece].base, self._vectors[piece].length = base, length
            header = self._messages[slot].header
            header.name, header.name_length = name, inbox.name
            header.vectors, header.vector_count = ctypes.addressof(self._vectors[slot * pieces]), pieces
        self.vectors = memoryview(self._vectors).cast("B").cast("L")
        self.places = [self._places(slot * pieces, pieces) for slot in range(SLOTS)]

    @staticmethod
    def _places(first: int, pieces: int) -> tuple[int, int, int]:
        """Return which numbers say where the head lies, where the answer lies, and how long that is.

        A UDP socket is not given the head, so that goes where the answer's place then overwrites it.
        """
        answer = 2 * (first + pieces - 1)
        return (answer - 4 if pieces == RAW else answer), answer, answer + 1

    def send(self, descriptor: int, first: int, end: int) -> None:
        """Send the answers in these slots. What cannot be sent is lost, as where a firewall inside forbids it."""
        if first < end:
            _send(descriptor, ctypes.addressof(self._messages), first, end)


def _send(descriptor: int, messages: int, first: int, end: int) -> list[int]:
    """Send messages of a row of them; one that cannot be sent does not keep back the next. Return which could not."""
    failed = []
    while first < end:
        place = messages + first * ctypes.sizeof(_Message)
        sent = _sendmmsg(descriptor, place, end - first, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if sent < 1:
            failed.append(first)
            sent = 1
        first += sent
    return failed


class Way(Protocol):
    """The socket by which answers leave, and whether it is a raw one."""

    @property
    def descriptor(self) -> int: ...

    @property
    def is_raw(self) -> bool: ...


class Late:
    """Answers that were not there yet when their queries came: kept for a moment, and sent together."""

    def __init__(self) -> None:
        self._outgoing = Outgoing(OUT_SLOT, NAME6)
        self._descriptor = -1

    def add(self, way: Way, identity: bytes, tail: bytes, name: bytes) -> None:
        """Take an answer to a sender. The socket that it goes by is not closed before `send`."""
        if way.descriptor != self._descriptor or self._outgoing.count == SLOTS:
            self.send()
            self._descriptor = way.descriptor
        if way.is_raw:
            packet = b"".join((_IPV4, name[4:8], _FROM_53, name[2:4], _UDP.pack(len(tail) + 10, 0), identity, tail))
        else:
            packet = identity + tail
        self._outgoing.put(packet, name)

    def send(self) -> None:
        """Send what has been taken. What cannot be sent is lost, as datagrams are."""
        if self._outgoing.count:
            self._outgoing.send(self._descriptor)
