"""Programs and maps of BPF by bpf(2) itself, written out as instructions: no compiler and no library is needed.

Sources: linux/bpf.h, and the kernel's documentation on the instruction set (bpf/standardization/instruction-set).
Programs, maps and links are descriptors, and go with the last one who has them.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from enum import IntEnum
from typing import Final

from netwright.errors import OperationFailed

MAP_LOOKUP_ELEM, GET_PRANDOM_U32, SKB_STORE_BYTES = 1, 7, 9
SKB_LOAD_BYTES, SKB_CHANGE_TAIL, SK_RELEASE, SK_ASSIGN = 26, 38, 86, 124
"""Functions of the kernel that programs call."""


class MapType(IntEnum):
    """Kinds of maps."""

    ARRAY = 2
    LRU_HASH = 9
    SOCKMAP = 15


MAPPABLE = 1 << 10
"""The flag of an array that processes may map into their memory (BPF_F_MMAPABLE)."""


class ProgramType(IntEnum):
    """Kinds of programs."""

    SCHED_CLS = 3
    SK_LOOKUP = 30


class Attach(IntEnum):
    """Where programs are asked."""

    SK_LOOKUP = 36
    TCX_EGRESS = 47


BYTE, HALF, WORD, DOUBLE = 0x10, 0x08, 0x00, 0x18
"""How much of memory an instruction reads or writes: one, two, four or eight bytes."""

ADD, AND, SHIFT_RIGHT, REMAINDER, XOR = 0x00, 0x50, 0x70, 0x90, 0xA0
"""What an instruction computes."""

EQUAL, ABOVE, NOT_EQUAL, BELOW = 0x10, 0x20, 0x50, 0xA0
"""What a jump compares; numbers have no sign."""

FRAME: Final = 10
"""The register that says where a program's 512 bytes of memory end."""

_SYSCALL = {"x86_64": 321, "i686": 357, "aarch64": 280, "riscv64": 280, "armv7l": 386, "s390x": 351, "ppc64le": 361}
_MAP_CREATE, _MAP_UPDATE_ELEM, _PROG_LOAD, _LINK_CREATE = 0, 2, 5, 28
_ATTEMPTS = 5

_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES, errno.E2BIG})
"""What a kernel says that has no such program, no BPF at all, or does not let us."""

_libc = ctypes.CDLL(None, use_errno=True)


class Unsupported(OperationFailed):
    """This kernel has no such program or map, or does not let us have it."""


class Code:
    """A program as it is written. Registers are numbers, 0 to 9 and FRAME; labels may be used before they stand."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, int, int, int | str, int]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        """Let jumps lead to what comes next."""
        self._labels[name] = len(self._steps)

    def load(self, target: int, size: int, base: int, offset: int) -> None:
        """Read memory at a register and an offset."""
        self._add(0x61 | size, target, base, offset)

    def store(self, size: int, base: int, offset: int, source: int) -> None:
        """Write a register to memory."""
        self._add(0x63 | size, base, source, offset)

    def store_number(self, size: int, base: int, offset: int, value: int) -> None:
        """Write a number to memory."""
        self._add(0x62 | size, base, 0, offset, value)

    def count(self, base: int, offset: int, source: int) -> None:
        """Add a register to eight bytes of memory that others may be adding to as well."""
        self._add(0xDB, base, source, offset)

    def move(self, target: int, source: int) -> None:
        """Copy a register."""
        self._add(0xBF, target, source)

    def number(self, target: int, value: int) -> None:
        """Set a register to a number of 32 bits with a sign."""
        self._add(0xB7, target, constant=value)

    def compute(self, what: int, target: int, value: int) -> None:
        """Compute with a register and a number."""
        self._add(0x07 | what, target, constant=value)

    def compute_with(self, what: int, target: int, source: int) -> None:
        """Compute with two registers."""
        self._add(0x0F | what, target, source)

    def to_network_half(self, target: int) -> None:
        """Turn the lower two bytes of a register into network byte order."""
        self._add(0xDC, target, constant=16)

    def go_if(self, what: int, register: int, value: int, label: str) -> None:
        """Jump where a register compares so with a number, which is taken with its sign as 64 bits."""
        self._add(0x05 | what, register, 0, label, value)

    def go_if_with(self, what: int, register: int, other: int, label: str) -> None:
        """Jump where two registers compare so."""
        self._add(0x0D | what, register, other, label)

    def map(self, target: int, descriptor: int) -> None:
        """Set a register to a map."""
        self._wide(target, 1, descriptor, 0)

    def map_value(self, target: int, descriptor: int, offset: int) -> None:
        """Set a register to where the only value of an array lies, and so much further on."""
        self._wide(target, 2, descriptor, offset)

    def call(self, function: int) -> None:
        """Call a function of the kernel: its arguments are in registers 1 to 5, its result in 0."""
        self._add(0x85, constant=function)

    def call_typed(self, function: int) -> None:
        """Call one that is named by its number among the kernel's types (`btf`)."""
        self._add(0x85, source=2, constant=function)

    def leave(self, result: int) -> None:
        """End with a result."""
        self.number(0, result)
        self._add(0x95)

    def _add(self, operation: int, target: int = 0, source: int = 0, offset: int | str = 0, constant: int = 0) -> None:
        self._steps.append((operation, target, source, offset, constant))

    def _wide(self, target: int, kind: int, first: int, second: int) -> None:
        self._add(0x18, target, kind, constant=first)
        self._add(0x00, constant=second)

    def __bytes__(self) -> bytes:
        """Return it as the kernel reads it."""
        code = bytearray()
        for place, (operation, target, source, offset, constant) in enumerate(self._steps):
            jump = self._labels[offset] - place - 1 if isinstance(offset, str) else offset
            registers = source << 4 | target if sys.byteorder == "little" else target << 4 | source
            code += struct.pack("=BBhI", operation, registers, jump, constant & 0xFFFFFFFF)
        return bytes(code)


def create_map(kind: MapType, key: int, value: int, entries: int, flags: int = 0) -> int:
    """Return a new map; `key` and `value` are bytes. Raises Unsupported, OperationFailed."""
    return _bpf(_MAP_CREATE, struct.pack("=IIIII", kind, key, value, entries, flags), "making a map")


def put(table: int, key: bytes, value: bytes) -> None:
    """Let a map know a value, which may be a socket's number. Raises Unsupported, OperationFailed."""
    parts = _buffer(key), _buffer(value)
    asked = struct.pack("=IxxxxQQQ", table, *map(ctypes.addressof, parts), 0)
    _bpf(_MAP_UPDATE_ELEM, asked, "putting a value into a map")


def load(kind: ProgramType, attach: Attach, code: Code) -> int:
    """Return a new program. Raises Unsupported, OperationFailed."""
    instructions, license_ = _buffer(bytes(code)), _buffer(b"GPL\0")
    asked = struct.pack(
        "=IIQQIIQII16sII",
        kind,
        len(instructions) // 8,
        ctypes.addressof(instructions),
        ctypes.addressof(license_),
        *(0, 0, 0, 0, 0),
        b"netwright_dns",
        0,
        attach,
    )
    return _bpf(_PROG_LOAD, asked, "loading a program")


def link(program: int, target: int, attach: Attach) -> int:
    """Return a new link, which has a program asked as long as it is open. Raises Unsupported, OperationFailed."""
    return _bpf(_LINK_CREATE, struct.pack("=IIII", program, target, attach, 0), "attaching a program")


def _buffer(content: bytes) -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(content, len(content))


def _bpf(command: int, attributes: bytes, what: str) -> int:
    """Call bpf(2); return its result. Raises Unsupported, OperationFailed."""
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise Unsupported(f"{what}: bpf(2) has no number here that we know, on {platform.machine()}")
    asked = _buffer(attributes)
    result, failure = -1, errno.EAGAIN
    for _ in range(_ATTEMPTS):
        result = int(_libc.syscall(number, command, asked, len(asked)))
        failure = ctypes.get_errno()
        # The kernel gives up the verification of a program where a signal comes, and asks for another try.
        if result >= 0 or failure != errno.EAGAIN:
            break
    if result < 0:
        kind = Unsupported if failure in _UNSUPPORTED else OperationFailed
        raise kind(f"{what}: {os.strerror(failure)}", errno=failure)
    return result
