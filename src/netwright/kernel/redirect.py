"""Leads what is sent to 127.0.0.11:53 in a namespace to sockets on other ports, without a rule of any firewall.

A BPF program of the type sk_lookup (kernel documentation: bpf/prog_sk_lookup) is asked by the kernel which socket a
packet is for, after established connections and before what is bound to the port. So port 53 stays free for the
container's own servers, its firewall sees the port that was asked, nothing is tracked, and no flush of rules undoes it.

The program is written out here as instructions, so that no compiler is needed. It lives as long as the link, which is a
descriptor; program and map go with it.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

from netwright.errors import OperationFailed

ADDRESS = "127.0.0.11"
PORT = 53

_SYSCALL = {"x86_64": 321, "i686": 357, "aarch64": 280, "riscv64": 280, "armv7l": 386, "s390x": 351, "ppc64le": 361}

_MAP_CREATE, _MAP_UPDATE_ELEM, _PROG_LOAD, _LINK_CREATE = 0, 2, 5, 28
_MAP_TYPE_SOCKMAP = 15
_PROG_TYPE_SK_LOOKUP = 30
_ATTACH_SK_LOOKUP = 36
_MAP_LOOKUP_ELEM, _SK_ASSIGN, _SK_RELEASE = 1, 124, 86
"""Functions of the kernel that the program calls."""

_FAMILY, _PROTOCOL, _LOCAL_IP4, _LOCAL_PORT = 8, 12, 40, 60
"""Offsets in `struct bpf_sk_lookup` (linux/bpf.h)."""

_ATTEMPTS = 5
_TO_PASS = -1
"""An offset that stands for the last two instructions, which let a packet go its way."""

_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES, errno.E2BIG})
"""What a kernel says that has no such program, no BPF at all, or does not let us."""

_libc = ctypes.CDLL(None, use_errno=True)


class Unsupported(OperationFailed):
    """This kernel does not lead packets to sockets by a program."""


def attach(namespace: int, datagrams: socket.socket, streams: socket.socket) -> int:
    """Lead port 53 of a namespace to two sockets in it; return the link, which holds as long as it is open.

    The stream socket must listen already. A second link on one namespace is allowed and takes over without a gap.
    Raises Unsupported where the kernel has no sk_lookup (before 5.9) or forbids it, else OperationFailed.
    """
    sockets = _bpf(_MAP_CREATE, struct.pack("=IIIII", _MAP_TYPE_SOCKMAP, 4, 8, 2, 0), "a map of sockets")
    try:
        for key, end in enumerate((datagrams, streams)):
            _put(sockets, key, end.fileno())
        program = _load(sockets)
    finally:
        os.close(sockets)
    try:
        asked = struct.pack("=IIII", program, namespace, _ATTACH_SK_LOOKUP, 0)
        return _bpf(_LINK_CREATE, asked, "attaching a program to a namespace")
    finally:
        os.close(program)


def _put(sockets: int, key: int, descriptor: int) -> None:
    index, value = ctypes.c_uint32(key), ctypes.c_uint64(descriptor)
    asked = struct.pack("=IxxxxQQQ", sockets, ctypes.addressof(index), ctypes.addressof(value), 0)
    _bpf(_MAP_UPDATE_ELEM, asked, "putting a socket into a map")


def _load(sockets: int) -> int:
    code = ctypes.create_string_buffer(_program(sockets))
    license_ = ctypes.create_string_buffer(b"GPL")
    asked = struct.pack(
        "=IIQQIIQII16sII",
        _PROG_TYPE_SK_LOOKUP,
        (len(code) - 1) // 8,
        ctypes.addressof(code),
        ctypes.addressof(license_),
        *(0, 0, 0, 0, 0),
        b"netwright_dns",
        0,
        _ATTACH_SK_LOOKUP,
    )
    return _bpf(_PROG_LOAD, asked, "loading a program")


def _program(sockets: int) -> bytes:
    """Return the program: IPv4 to our address and port goes to socket 0 for UDP and 1 for TCP; all else passes."""
    address = int.from_bytes(socket.inet_aton(ADDRESS), sys.byteorder)
    load, store = 0x61, 0x63  # r = *(u32 *)(r + offset), *(u32 *)(r + offset) = r
    move, number, add = 0xBF, 0xB7, 0x07  # r = r, r = constant, r += constant
    unless, where, call, leave = 0x55, 0x15, 0x85, 0x95  # if r != constant goto, if r == constant goto, call, exit
    # Each is an operation, the registers that it changes and reads, an offset, a constant.
    instructions = [
        (move, 6, 1, 0, 0),
        (load, 2, 6, _FAMILY, 0),
        (unless, 2, 0, _TO_PASS, socket.AF_INET),
        (load, 2, 6, _LOCAL_IP4, 0),
        (unless, 2, 0, _TO_PASS, address),
        (load, 2, 6, _LOCAL_PORT, 0),
        (unless, 2, 0, _TO_PASS, PORT),
        (load, 2, 6, _PROTOCOL, 0),
        (number, 3, 0, 0, 0),
        (where, 2, 0, 2, socket.IPPROTO_UDP),
        (number, 3, 0, 0, 1),
        (unless, 2, 0, _TO_PASS, socket.IPPROTO_TCP),
        (store, 10, 3, -4, 0),
        (0x18, 1, 1, 0, sockets),  # r1 = the map, in two halves
        (0x00, 0, 0, 0, 0),
        (move, 2, 10, 0, 0),
        (add, 2, 0, 0, -4),
        (call, 0, 0, 0, _MAP_LOOKUP_ELEM),
        (where, 0, 0, _TO_PASS, 0),
        (move, 7, 0, 0, 0),
        (move, 1, 6, 0, 0),
        (move, 2, 7, 0, 0),
        (number, 3, 0, 0, 0),
        (call, 0, 0, 0, _SK_ASSIGN),
        (move, 1, 7, 0, 0),
        (call, 0, 0, 0, _SK_RELEASE),
        (number, 0, 0, 0, 1),  # SK_PASS
        (leave, 0, 0, 0, 0),
    ]
    code = bytearray()
    for place, (operation, target, source, offset, constant) in enumerate(instructions):
        registers = source << 4 | target if sys.byteorder == "little" else target << 4 | source
        jump = len(instructions) - 3 - place if offset == _TO_PASS else offset
        code += struct.pack("=BBhi", operation, registers, jump, constant)
    return bytes(code)


def _bpf(command: int, attributes: bytes, what: str) -> int:
    """Call bpf(2); return its result. Raises Unsupported, OperationFailed."""
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise Unsupported(f"{what}: bpf(2) has no number here that we know, on {platform.machine()}")
    asked = ctypes.create_string_buffer(attributes, len(attributes))
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
