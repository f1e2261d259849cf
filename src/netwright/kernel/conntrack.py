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
_PROTO_NUM = 1
_FILTER_ORIG, _FILTER_REPLY = 1, 2
_BY_PROTOCOL = 1 << 3

_FAMILY_HEADER = 4
_BATCH = 256
"""Deletions in one system call: their acknowledgements fit into the socket's buffer."""

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}

_ABSENT = frozenset({errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL})
"""What a kernel answers that has no connection tracking, or no window to it."""


@dataclass(frozen=True, slots=True)
class _End:
    """The numbers under which an end of a flow's first packet is written down, and filtered by."""

    ipv4: int
    ipv6: int
    port: int
    by_address: int
    by_port: int


_SOURCE = _End(ipv4=1, ipv6=3, port=2, by_address=1 << 0, by_port=1 << 4)
_DESTINATION = _End(ipv4=2, ipv6=4, port=3, by_address=1 << 1, by_port=1 << 5)


@dataclass(frozen=True, slots=True)
class _Place:
    """An end of a flow's first packet, before any translation; None stands for any address or port."""

    end: _End
    protocol: Protocol
    version: int
    address: IPAddress | None
    port: int | None


def forget(protocol: Protocol, address: IPAddress | None, port: int | None, *, sent: bool = False) -> int:
    """Delete the entries whose original destination is this port, at an address or (None) at any address of this host.

    Without a port those to all ports of an address; with `sent` those whose original source it is instead. A
    container's flows to the same port of somebody else (53!) are none of these. Returns how many there were. Raises
    OperationFailed; content where there is no connection tracking.
    """
    end = _SOURCE if sent else _DESTINATION
    versions = (4, 6) if address is None else (address.version,)
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as netlink:
            return sum(_forget(netlink, _Place(end, protocol, version, address, port)) for version in versions)
    except OSError as error:
        if error.errno in _ABSENT:
            return 0
        where = address if port is None else f"port {port}"
        raise OperationFailed(f"forgetting flows to {where}: {error.strerror}", errno=error.errno) from error


def _forget(netlink: NetlinkSocket, place: _Place) -> int:
    family = socket.AF_INET if place.version == 4 else socket.AF_INET6
    header = struct.pack("=BBH", family, 0, 0)
    listing = netlink.dump(message(_CT_GET, NLM_F_DUMP, header + _wanted(place)))
    found = [entry for _, body in listing if _is_there(entry := attributes(body, _FAMILY_HEADER), place)]
    for first in range(0, len(found), _BATCH):
        deletions = [_deletion(header, entry) for entry in found[first : first + _BATCH]]
        # An entry may end by itself in between.
        netlink.request(deletions, content={errno.ENOENT})
    return len(found)


def _wanted(place: _Place) -> bytes:
    """Return the attributes that limit a listing to an end.

    Not to an IPv6 address: asked for one, the kernel (up to 6.18 at least) lists all the others.
    """
    flags = _BY_PROTOCOL
    where = number = b""
    if place.port is not None:
        flags |= place.end.by_port
        number = attribute(place.end.port, struct.pack("!H", place.port))
    if place.address is not None and place.version == 4:
        flags |= place.end.by_address
        where = nested(_TUPLE_IP, attribute(place.end.ipv4, place.address.packed))
    transport = nested(_TUPLE_PROTO, octet(_PROTO_NUM, _NUMBERS[place.protocol]), number)
    by = nested(_FILTER, attribute(_FILTER_ORIG, struct.pack("=I", flags)), attribute(_FILTER_REPLY, bytes(4)))
    return nested(_TUPLE_ORIG, where, transport) + by


def _is_there(entry: Mapping[int, bytes], place: _Place) -> bool:
    """Tell whether an entry is one of those asked for: kernels that cannot filter a listing list everything."""
    original = attributes(entry[_TUPLE_ORIG])
    transport = attributes(original[_TUPLE_PROTO])
    if transport[_PROTO_NUM][0] != _NUMBERS[place.protocol]:
        return False
    if place.port not in {None, int.from_bytes(transport[place.end.port], "big")}:
        return False
    address = attributes(original[_TUPLE_IP])[place.end.ipv4 if place.version == 4 else place.end.ipv6]
    return _is_ours(address) if place.address is None else address == place.address.packed


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
