"""Leads what is sent to 127.0.0.11:53 in a namespace to sockets on other ports, without a rule of any firewall.

A BPF program of the type sk_lookup (kernel documentation: bpf/prog_sk_lookup) is asked by the kernel which socket a
packet is for, after established connections and before what is bound to the port. So port 53 stays free for the
container's own servers, its firewall sees the port that was asked, nothing is tracked, and no flush of rules undoes it.
"""

import os
import socket
import struct
import sys

from netwright.kernel import bpf

ADDRESS = "127.0.0.11"
PORT = 53

_FAMILY, _PROTOCOL, _LOCAL_IP4, _LOCAL_PORT = 8, 12, 40, 60
"""Offsets in `struct bpf_sk_lookup` (linux/bpf.h)."""

_PASS = 1


def attach(namespace: int, datagrams: socket.socket, streams: socket.socket) -> int:
    """Lead port 53 of a namespace to two sockets in it; return the link, which holds as long as it is open.

    The stream socket must listen already. A second link on one namespace is allowed and takes over without a gap.
    Raises bpf.Unsupported where the kernel has no sk_lookup (before 5.9) or forbids it, else OperationFailed.
    """
    sockets = bpf.create_map(bpf.MapType.SOCKMAP, 4, 8, 2)
    try:
        for key, end in enumerate((datagrams, streams)):
            bpf.put(sockets, struct.pack("=I", key), struct.pack("=Q", end.fileno()))
        program = bpf.load(bpf.ProgramType.SK_LOOKUP, bpf.Attach.SK_LOOKUP, _program(sockets))
    finally:
        os.close(sockets)
    try:
        return bpf.link(program, namespace, bpf.Attach.SK_LOOKUP)
    finally:
        os.close(program)


def _program(sockets: int) -> bpf.Code:
    """Return the program: IPv4 to our address and port goes to socket 0 for UDP and 1 for TCP; all else passes."""
    code, context, found = bpf.Code(), 6, 7
    code.move(context, 1)
    for offset, wanted in (
        (_FAMILY, socket.AF_INET),
        (_LOCAL_IP4, int.from_bytes(socket.inet_aton(ADDRESS), sys.byteorder)),
        (_LOCAL_PORT, PORT),
    ):
        code.load(2, bpf.WORD, context, offset)
        code.go_if(bpf.NOT_EQUAL, 2, wanted, "pass")
    code.load(2, bpf.WORD, context, _PROTOCOL)
    code.number(3, 0)
    code.go_if(bpf.EQUAL, 2, socket.IPPROTO_UDP, "look")
    code.number(3, 1)
    code.go_if(bpf.NOT_EQUAL, 2, socket.IPPROTO_TCP, "pass")
    code.label("look")
    code.store(bpf.WORD, bpf.FRAME, -4, 3)
    code.map(1, sockets)
    code.move(2, bpf.FRAME)
    code.compute(bpf.ADD, 2, -4)
    code.call(bpf.MAP_LOOKUP_ELEM)
    code.go_if(bpf.EQUAL, 0, 0, "pass")
    code.move(found, 0)
    code.move(1, context)
    code.move(2, found)
    code.number(3, 0)
    code.call(bpf.SK_ASSIGN)
    code.move(1, found)
    code.call(bpf.SK_RELEASE)
    code.label("pass")
    code.leave(_PASS)
    return code
