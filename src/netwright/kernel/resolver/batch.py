"""Many datagrams in one system call: recvmmsg(2) and sendmmsg(2), which Python does not offer.

One set of buffers serves all sockets of the process, because one thread does. The structures that the kernel reads are
laid out once; between calls only lengths change.
"""

import ctypes
import socket
import struct

SLOTS = 64
"""How many datagrams are received at once; then other sockets get their turn."""

IN_SLOT = 2048
"""Room for one query. A longer one is cut, and then does not parse."""
OUT_SLOT = 4096 + 32
"""Room for one answer of the largest size with the headers that a raw socket needs."""
NAME = 16
"""`struct sockaddr_in`: family, port, address, each as it stands in packets."""

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


class _Slots:
    """Buffers with the structures that point to them."""

    def __init__(self, size: int) -> None:
        self.data = memoryview(bytearray(SLOTS * size))
        self.names = memoryview(bytearray(SLOTS * NAME))
        self._vectors = (_Vector * SLOTS)()
        self._messages = (_Message * SLOTS)()
        data = ctypes.addressof(ctypes.c_char.from_buffer(self.data))
        names = ctypes.addressof(ctypes.c_char.from_buffer(self.names))
        for slot in range(SLOTS):
            self._vectors[slot].base = data + slot * size
            self._vectors[slot].length = size
            header = self._messages[slot].header
            header.name, header.name_length = names + slot * NAME, NAME
            header.vectors = ctypes.addressof(self._vectors) + slot * ctypes.sizeof(_Vector)
            header.vector_count = 1
        self.address = ctypes.addressof(self._messages)
        # What changes between calls, as plain numbers: through ctypes' own attributes it would take ten times as long.
        self.received = memoryview(self._messages).cast("B").cast("I")
        self.lengths = memoryview(self._vectors).cast("B").cast("L")


class Inbox:
    """Datagrams that were received: the bytes of each lie in a slot of `data`, its sender in one of `names`."""

    def __init__(self) -> None:
        self._slots = _Slots(IN_SLOT)
        self.data = self._slots.data
        self.names = self._slots.names
        self.received = self._slots.received
        self.length_at = [(slot * ctypes.sizeof(_Message) + _Message.length.offset) // 4 for slot in range(SLOTS)]
        """Where in `received` the length of each datagram stands."""

    def fill(self, descriptor: int) -> int:
        """Receive what is there; return how many datagrams that was."""
        return int(_recvmmsg(descriptor, self._slots.address, SLOTS, socket.MSG_DONTWAIT, None))


class Outbox:
    """Datagrams to be sent."""

    def __init__(self) -> None:
        self._slots = _Slots(OUT_SLOT)
        self._data = self._slots.data
        self._names = self._slots.names
        self._lengths = self._slots.lengths
        self.count = 0

    def put(self, message: bytes, name: memoryview) -> None:
        """Add a datagram to a receiver. There must be room, and it must fit."""
        slot = self.count
        start, size = slot * OUT_SLOT, len(message)
        self._data[start : start + size] = message
        self._names[slot * NAME : slot * NAME + 8] = name
        self._lengths[2 * slot + 1] = size
        self.count = slot + 1

    def flush(self, descriptor: int) -> int:
        """Send everything; return how many could not be sent, as where the container's own firewall forbids it."""
        count, self.count = self.count, 0
        done = failed = 0
        while done < count:
            sent = _sendmmsg(
                descriptor,
                self._slots.address + done * ctypes.sizeof(_Message),
                count - done,
                socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL,
            )
            if sent <= 0:
                failed += 1
                done += 1
            else:
                done += sent
        return failed


_IPV4 = b"\x45\0\0\0\0\0\x40\0\x40\x11\0\0" + socket.inet_aton("127.0.0.11")
"""The header of a datagram from our address up to the receiver's; the kernel fills in length and checksum."""
_FROM_53 = b"\0\x35"
_UDP = struct.Struct("!H")


def framed(identity: bytes, tail: bytes, name: memoryview) -> bytes:
    """Return an answer as a whole IPv4 datagram from 127.0.0.11:53 to a sender, without a checksum (RFC 768)."""
    return b"".join((_IPV4, name[4:8], _FROM_53, name[2:4], _UDP.pack(len(tail) + 10), b"\0\0", identity, tail))
