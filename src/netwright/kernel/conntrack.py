"""Connection tracking: forgetting flows whose published port has another meaning now (linux/nfnetlink_conntrack.h).

The flows of a port are listed, filtered by the kernel (from Linux 5.8), and then deleted one by one by all that names
them. Newer kernels can filter a deletion as well, but not that of Debian 12, and none says how many went.
"""

import errno
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from netwright.errors import OperationFailed
from netwright.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from netwright.kernel.netlink.wire import (
    NLM_F_ACK,
    NLM_F_DUMP,
    attribute,
    attributes,
    message,
    nested,
    octet,
)
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

_CT_GET, _CT_DELETE = (1 << 8) | 1, (1 << 8) | 2
_TUPLE_ORIG, _ID, _ZONE, _FILTER = 1, 12, 18, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_DST, _V6_DST = 2, 4
_PROTO_NUM, _PROTO_DST_PORT = 1, 3
_FILTER_ORIG, _FILTER_REPLY = 1, 2
_BY_ADDRESS, _BY_PROTOCOL, _BY_PORT = 1 << 1, 1 << 3, 1 << 5

_FAMILY_HEADER = 4
_BATCH = 256
"""Deletions in one system call: their acknowledgements fit into the socket's buffer."""

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}

_ABSENT = frozenset({errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL})
"""What a kernel answers that has no connection tracking, or no window to it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What an entry's first packet was sent to, before any translation; `address` None stands for any."""

    protocol: Protocol
    version: int
    address: IPAddress | None
    port: int


def forget(protocol: Protocol, address: IPAddress | None, port: int) -> int:
    """Delete the entries whose original destination is this port, at an address or (None) at any address of this host.

    A container's flows to the same port of somebody else (53!) are none of these. Returns how many there were. Raises
    OperationFailed; content where there is no connection tracking.
    """
    versions = (4, 6) if address is None else (address.version,)
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            return sum(_forget(netlink, Destination(protocol, version, address, port)) for version in versions)
    except OSError as error:
        if error.errno in _ABSENT:
            return 0
        raise OperationFailed(f"forgetting flows to port {port}: {error.strerror}", errno=error.errno) from error


def _forget(netlink: NetlinkSocket, destination: Destination) -> int:
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    header = struct.pack("=BBH", family, 0, 0)
    listing = netlink.dump(message(_CT_GET, NLM_F_DUMP, header + _wanted(destination)))
    found = [entry for _, body in listing if _is_for(entry := attributes(body, _FAMILY_HEADER), destination)]
    for first in range(0, len(found), _BATCH):
        deletions = [_deletion(header, entry) for entry in found[first : first + _BATCH]]
        # An entry may end by itself in between.
        netlink.request(deletions, content={errno.ENOENT})
    return len(found)


def _wanted(destination: Destination) -> bytes:
    """Return the attributes that limit a listing to a destination.

    Not to an IPv6 address: asked for one, the kernel (up to 6.18 at least) lists all the others.
    """
    flags = _BY_PROTOCOL | _BY_PORT
    where = b""
    if destination.address is not None and destination.version == 4:
        flags |= _BY_ADDRESS
        where = nested(_TUPLE_IP, attribute(_V4_DST, destination.address.packed))
    transport = nested(
        _TUPLE_PROTO,
        octet(_PROTO_NUM, _NUMBERS[destination.protocol]),
        attribute(_PROTO_DST_PORT, struct.pack("!H", destination.port)),
    )
    by = nested(_FILTER, attribute(_FILTER_ORIG, struct.pack("=I", flags)), attribute(_FILTER_REPLY, bytes(4)))
    return nested(_TUPLE_ORIG, where, transport) + by


def _is_for(entry: Mapping[int, bytes], destination: Destination) -> bool:
    """Tell whether an entry is one of those asked for: kernels that cannot filter a listing list everything."""
    original = attributes(entry[_TUPLE_ORIG])
    transport = attributes(original[_TUPLE_PROTO])
    if transport[_PROTO_NUM][0] != _NUMBERS[destination.protocol]:
        return False
    if int.from_bytes(transport[_PROTO_DST_PORT], "big") != destination.port:
        return False
    sent_to = attributes(original[_TUPLE_IP])[_V4_DST if destination.version == 4 else _V6_DST]
    if destination.address is None:
        return _is_ours(sent_to)
    return sent_to == destination.address.packed


def _is_ours(packed: bytes) -> bool:
    """Tell whether an address is one of this host's, by trying to bind to it: a socket cannot have another's."""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((socket.inet_ntop(family, packed), 0))
        except OSError as error:
            # A link-local address needs its interface to be bound to, which the entry does not know: EINVAL.
            return error.errno != errno.EADDRNOTAVAIL
    return True


def _deletion(header: bytes, entry: Mapping[int, bytes]) -> bytearray:
    """Return what deletes exactly this entry, and not one that has taken its place since."""
    named = nested(_TUPLE_ORIG, entry[_TUPLE_ORIG]) + attribute(_ID, entry[_ID])
    if _ZONE in entry:
        named += attribute(_ZONE, entry[_ZONE])
    return message(_CT_DELETE, NLM_F_ACK, header + named)
