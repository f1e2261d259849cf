"""Connection tracking: forgetting flows whose published port has another meaning now (linux/nfnetlink_conntrack.h)."""

import errno
import socket
import struct

from netwright.errors import OperationFailed
from netwright.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkError, NetlinkSocket
from netwright.kernel.netlink.wire import NLM_F_ACK, attribute, message, nested, octet
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

_CT_DELETE = (1 << 8) | 2
_TUPLE_ORIG, _FILTER = 1, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_DST, _V6_DST = 2, 4
_PROTO_NUM, _PROTO_DST_PORT = 1, 3
_FILTER_ORIG, _FILTER_REPLY = 1, 2
_BY_ADDRESS, _BY_PROTOCOL, _BY_PORT = 1 << 1, 1 << 3, 1 << 5

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}


def forget(protocol: Protocol, address: IPAddress | None, port: int) -> None:
    """Delete the entries whose original destination is this port, at an address or (None) at any of both families.

    The kernel does the filtering, so the cost does not grow with what we would have to read. Raises OperationFailed;
    content where there is no connection tracking.
    """
    versions = (4, 6) if address is None else (address.version,)
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        for version in versions:
            try:
                netlink.request([_deletion(protocol, version, address, port)])
            except NetlinkError as error:
                # No such entries; no connection tracking in this kernel or this namespace.
                if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL}:
                    raise OperationFailed(f"forgetting flows to port {port}: {error.strerror}") from error


def _deletion(protocol: Protocol, version: int, address: IPAddress | None, port: int) -> bytearray:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    flags = _BY_PROTOCOL | _BY_PORT
    destination = b""
    if address is not None:
        flags |= _BY_ADDRESS
        destination = nested(_TUPLE_IP, attribute(_V4_DST if version == 4 else _V6_DST, address.packed))
    transport = nested(
        _TUPLE_PROTO, octet(_PROTO_NUM, _NUMBERS[protocol]), attribute(_PROTO_DST_PORT, struct.pack("!H", port))
    )
    wanted = nested(
        _FILTER, attribute(_FILTER_ORIG, struct.pack("=I", flags)), attribute(_FILTER_REPLY, struct.pack("=I", 0))
    )
    body = struct.pack("=BBH", family, 0, 0) + nested(_TUPLE_ORIG, destination, transport) + wanted
    return message(_CT_DELETE, NLM_F_ACK, body)
