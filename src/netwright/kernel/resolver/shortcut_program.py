"""The program that answers names in the kernel, where a query leaves the sandbox's loopback device.

It turns a query into its answer where it is, and lets it go on: what comes out of the device is the answer. All that it
knows is what the resolver has answered before to the very same bytes. Whatever is the least bit different passes, and
is answered by sockets as ever: so nothing is decided here.
"""

import socket
import struct
import sys
from dataclasses import dataclass

from netwright.kernel import bpf
from netwright.kernel.btf import Types
from netwright.kernel.redirect import ADDRESS, PORT

KEY = 128
"""Bytes of a key: which sandbox, which of its answers, how long the query is, and the query without its id."""
_KEY_HEAD = struct.Struct("=HBB")
_ORDER, _QUERY_LENGTH = 2, 3
LONGEST_QUERY = KEY - _KEY_HEAD.size

LONGEST_ANSWER = 240
_VALUE_HEAD = struct.Struct("=IIII")
VALUE = _VALUE_HEAD.size + LONGEST_ANSWER
"""Bytes of a value: the epoch in which it holds, how long the answer is, how many there are, and the answer."""
_ANSWER_LENGTH, _ANSWER_COUNT = 8, 12

SLOTS = 511
"""How many sandboxes there is room for on the board."""
BOARD = 8 * (1 + SLOTS)
"""Bytes of the board: the epoch, and how many queries of each sandbox have been answered."""

_SHORTEST = 11
"""Bytes of the shortest query without its id."""
_ETHERNET, _IPV4, _UDP, _ID = 14, 20, 8, 2
_HEADERS = _IPV4 + _UDP
_MESSAGE = _ETHERNET + _HEADERS + _ID
"""Where a query without its id begins."""
_TOTAL, _FRAGMENT, _PROTOCOL, _CHECK, _SOURCE, _TARGET = 2, 6, 9, 10, 12, 16
_SOURCE_PORT, _TARGET_PORT, _LENGTH, _UDP_CHECK = 20, 22, 24, 26
"""Offsets from the header of IPv4 on."""
_WHOLE = 0x3FFF
"""The bits that are unset where a datagram is no fragment."""

_SKB_LENGTH, _SKB_PROTOCOL, _SKB_GSO_SIZE = 0, 16, 176
"""Offsets in `struct __sk_buff` (linux/bpf.h)."""
_NEXT, _DROP = -1, 2
"""What is to happen to a packet (TCX_NEXT, TCX_DROP)."""

_ETHERTYPE_IPV4 = 0x0800
_HOOKS = 5
_POINTER = struct.calcsize("P")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the running kernel keeps what the program looks at: offsets in bytes, and the number of a function."""

    cast: int
    device: int
    namespace: int
    hooks: int

    @classmethod
    def of(cls, types: Types) -> "Layout":
        """Return it. Raises bpf.Unsupported where this kernel lacks a part (before 6.2)."""
        return cls(
            cast=types.function("bpf_cast_to_kern_ctx"),
            device=types.offset("sk_buff", "dev"),
            namespace=types.offset("net_device", "nd_net", "net"),
            hooks=types.offset("net", "nf", "hooks_ipv4"),
        )


def key(slot: int, order: int, query: bytes) -> bytes:
    """Return what an answer is found by: the first, or another where several are given by chance.

    The query comes without its id, and is not too long.
    """
    return (_KEY_HEAD.pack(slot, order, len(query)) + query).ljust(KEY, b"\0")


def value(epoch: tuple[int, int], count: int, answer: bytes) -> bytes:
    """Return an answer without its id as it is kept, one of so many. It is not too long."""
    return (_VALUE_HEAD.pack(*epoch, len(answer), count) + answer).ljust(VALUE, b"\0")


def program(slot: int, answers: int, board: int, layout: Layout) -> bpf.Code:
    """Return the program for one sandbox, given the two maps."""
    return _Writer(slot, answers, board, layout).write()


class _Writer:
    """Writes the program. It keeps headers and key in its memory, and three registers through all of it."""

    CONTEXT, SIZE, ANSWER = 6, 8, 9
    HEADERS = -32
    KEY = HEADERS - KEY

    def __init__(self, slot: int, answers: int, board: int, layout: Layout) -> None:
        self._code = bpf.Code()
        self._slot = slot
        self._answers = answers
        self._board = board
        self._layout = layout

    def write(self) -> bpf.Code:
        code = self._code
        code.move(self.CONTEXT, 1)
        self._leave_all_but_queries()
        self._leave_where_there_is_a_firewall()
        self._find()
        self._replace_message()
        self._turn_headers()
        code.label("pass")
        code.leave(_NEXT)
        code.label("drop")
        code.leave(_DROP)
        return code

    def _leave_all_but_queries(self) -> None:
        code = self._code
        code.load(2, bpf.WORD, self.CONTEXT, _SKB_PROTOCOL)
        code.go_if(bpf.NOT_EQUAL, 2, socket.htons(_ETHERTYPE_IPV4), "pass")
        code.load(2, bpf.WORD, self.CONTEXT, _SKB_GSO_SIZE)
        code.go_if(bpf.NOT_EQUAL, 2, 0, "pass")
        code.load(self.SIZE, bpf.WORD, self.CONTEXT, _SKB_LENGTH)
        code.compute(bpf.ADD, self.SIZE, -_MESSAGE)
        code.go_if(bpf.BELOW, self.SIZE, _SHORTEST, "pass")
        code.go_if(bpf.ABOVE, self.SIZE, LONGEST_QUERY, "pass")
        self._copy_in(self.HEADERS, _ETHERNET, _HEADERS)
        code.load(2, bpf.BYTE, bpf.FRAME, self.HEADERS)
        code.go_if(bpf.NOT_EQUAL, 2, 0x45, "pass")
        code.load(2, bpf.BYTE, bpf.FRAME, self.HEADERS + _PROTOCOL)
        code.go_if(bpf.NOT_EQUAL, 2, socket.IPPROTO_UDP, "pass")
        code.load(2, bpf.WORD, bpf.FRAME, self.HEADERS + _TARGET)
        code.go_if(bpf.NOT_EQUAL, 2, int.from_bytes(socket.inet_aton(ADDRESS), sys.byteorder), "pass")
        code.load(2, bpf.HALF, bpf.FRAME, self.HEADERS + _TARGET_PORT)
        code.go_if(bpf.NOT_EQUAL, 2, socket.htons(PORT), "pass")
        code.load(2, bpf.HALF, bpf.FRAME, self.HEADERS + _FRAGMENT)
        code.compute(bpf.AND, 2, socket.htons(_WHOLE))
        code.go_if(bpf.NOT_EQUAL, 2, 0, "pass")
        self._length(2, _UDP + _ID)
        code.load(3, bpf.HALF, bpf.FRAME, self.HEADERS + _LENGTH)
        code.go_if_with(bpf.NOT_EQUAL, 2, 3, "pass")

    def _leave_where_there_is_a_firewall(self) -> None:
        """Pass where the sandbox has netfilter rules, by whatever command.

        They are to see query and answer come and go four times in all, as if there were no program; and connection
        tracking, which is rules as well, is to see an answer to what it has seen asked.
        """
        code = self._code
        code.move(1, self.CONTEXT)
        code.call_typed(self._layout.cast)
        code.load(1, bpf.DOUBLE, 0, self._layout.device)
        code.load(1, bpf.DOUBLE, 1, self._layout.namespace)
        for hook in range(_HOOKS):
            code.load(2, bpf.DOUBLE, 1, self._layout.hooks + hook * _POINTER)
            code.go_if(bpf.NOT_EQUAL, 2, 0, "pass")

    def _find(self) -> None:
        """Find the answer, or one of several, and see that it still holds."""
        code = self._code
        for offset in range(0, KEY, 8):
            code.store_number(bpf.DOUBLE, bpf.FRAME, self.KEY + offset, 0)
        code.store_number(bpf.HALF, bpf.FRAME, self.KEY, self._slot)
        code.store(bpf.BYTE, bpf.FRAME, self.KEY + _QUERY_LENGTH, self.SIZE)
        self._copy_in(self.KEY + _KEY_HEAD.size, _MESSAGE, None)
        self._look_up()
        code.load(self.SIZE, bpf.WORD, self.ANSWER, _ANSWER_COUNT)
        code.go_if(bpf.EQUAL, self.SIZE, 1, "found")
        code.call(bpf.GET_PRANDOM_U32)
        code.compute_with(bpf.REMAINDER, 0, self.SIZE)
        code.store(bpf.BYTE, bpf.FRAME, self.KEY + _ORDER, 0)
        self._look_up()
        code.label("found")
        code.load(self.SIZE, bpf.WORD, self.ANSWER, _ANSWER_LENGTH)
        code.go_if(bpf.BELOW, self.SIZE, _SHORTEST, "pass")
        code.go_if(bpf.ABOVE, self.SIZE, LONGEST_ANSWER, "pass")

    def _look_up(self) -> None:
        code = self._code
        code.map(1, self._answers)
        self._point(2, self.KEY)
        code.call(bpf.MAP_LOOKUP_ELEM)
        code.go_if(bpf.EQUAL, 0, 0, "pass")
        code.move(self.ANSWER, 0)
        code.map_value(1, self._board, 0)
        code.load(1, bpf.DOUBLE, 1, 0)
        code.load(2, bpf.DOUBLE, self.ANSWER, 0)
        code.go_if_with(bpf.NOT_EQUAL, 1, 2, "pass")

    def _replace_message(self) -> None:
        code = self._code
        code.move(1, self.CONTEXT)
        code.move(2, self.SIZE)
        code.compute(bpf.ADD, 2, _MESSAGE)
        code.number(3, 0)
        code.call(bpf.SKB_CHANGE_TAIL)
        code.go_if(bpf.NOT_EQUAL, 0, 0, "pass")
        # From here on it is no query any more: what goes wrong now is a lost datagram.
        code.move(1, self.CONTEXT)
        code.number(2, _MESSAGE)
        code.move(3, self.ANSWER)
        code.compute(bpf.ADD, 3, _VALUE_HEAD.size)
        code.move(4, self.SIZE)
        code.number(5, 0)
        code.call(bpf.SKB_STORE_BYTES)
        code.go_if(bpf.NOT_EQUAL, 0, 0, "drop")

    def _turn_headers(self) -> None:
        """Send it back to the sender: with its length, without a checksum of UDP, which lacks it on this device."""
        code, headers = self._code, self.HEADERS
        code.load(4, bpf.HALF, bpf.FRAME, headers + _TOTAL)
        self._length(3, _HEADERS + _ID)
        code.store(bpf.HALF, bpf.FRAME, headers + _TOTAL, 3)
        self._checksum(old=4, new=3)
        self._length(2, _UDP + _ID)
        code.store(bpf.HALF, bpf.FRAME, headers + _LENGTH, 2)
        code.store_number(bpf.HALF, bpf.FRAME, headers + _UDP_CHECK, 0)
        for size, one, other in ((bpf.WORD, _SOURCE, _TARGET), (bpf.HALF, _SOURCE_PORT, _TARGET_PORT)):
            code.load(2, size, bpf.FRAME, headers + one)
            code.load(3, size, bpf.FRAME, headers + other)
            code.store(size, bpf.FRAME, headers + one, 3)
            code.store(size, bpf.FRAME, headers + other, 2)
        code.move(1, self.CONTEXT)
        code.number(2, _ETHERNET)
        self._point(3, headers)
        code.number(4, _HEADERS)
        code.number(5, 0)
        code.call(bpf.SKB_STORE_BYTES)
        code.go_if(bpf.NOT_EQUAL, 0, 0, "drop")
        code.map_value(1, self._board, 8 * (1 + self._slot))
        code.number(2, 1)
        code.count(1, 0, 2)

    def _checksum(self, old: int, new: int) -> None:
        """Let the header's checksum follow a changed half of it (RFC 1624, equation 3); the sum is in register 4."""
        code, place = self._code, self.HEADERS + _CHECK
        code.load(5, bpf.HALF, bpf.FRAME, place)
        code.compute(bpf.XOR, 5, 0xFFFF)
        code.compute(bpf.XOR, old, 0xFFFF)
        code.compute_with(bpf.ADD, old, 5)
        code.compute_with(bpf.ADD, old, new)
        for _ in range(2):
            code.move(5, old)
            code.compute(bpf.SHIFT_RIGHT, 5, 16)
            code.compute(bpf.AND, old, 0xFFFF)
            code.compute_with(bpf.ADD, old, 5)
        code.compute(bpf.XOR, old, 0xFFFF)
        code.store(bpf.HALF, bpf.FRAME, place, old)

    def _length(self, target: int, more: int) -> None:
        """Compute a length in network byte order: of the message without its id, and so many bytes more."""
        self._code.move(target, self.SIZE)
        self._code.compute(bpf.ADD, target, more)
        self._code.to_network_half(target)

    def _point(self, target: int, place: int) -> None:
        self._code.move(target, bpf.FRAME)
        self._code.compute(bpf.ADD, target, place)

    def _copy_in(self, place: int, start: int, size: int | None) -> None:
        """Copy from the packet: so many bytes, or the query without its id."""
        code = self._code
        code.move(1, self.CONTEXT)
        code.number(2, start)
        self._point(3, place)
        if size is None:
            code.move(4, self.SIZE)
        else:
            code.number(4, size)
        code.call(bpf.SKB_LOAD_BYTES)
        code.go_if(bpf.NOT_EQUAL, 0, 0, "pass")
