"""The kernel's routes as values (linux/rtnetlink.h)."""

import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from netwright.host.queries import Route
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.wire import as_number, attributes

_RTMSG = struct.Struct("=BBBBBBBBI")
_RTNH = struct.Struct("=HBBi")
_RTM_F_CLONED = 0x200


def read_route(body: bytes, name_of: Callable[[int], str | None]) -> Route | None:
    """Return the route of a message; None where it is not of the main table, or leads nowhere, or its link is gone.

    `name_of` gives the name of the link with an index.
    """
    family, length, _, _, table, _, _, kind, flags = _RTMSG.unpack_from(body)
    found = attributes(body, _RTMSG.size)
    table = as_number(found[rt.RTA_TABLE]) if rt.RTA_TABLE in found else table
    if table != rt.RT_TABLE_MAIN or kind != rt.RTN_UNICAST or flags & _RTM_F_CLONED:
        return None
    zero = bytes(4 if family == socket.AF_INET else 16)
    index, gateway = _first_hop(found)
    # Whoever hears of a route whose link is gone hears of that end next.
    link = name_of(index) if index else ""
    if link is None:
        return None
    return Route(
        destination=ip_network((found.get(rt.RTA_DST, zero), length)),
        gateway=None if gateway is None else ip_address(gateway),
        link=link,
        on_link=gateway is None and length > 0,
    )


def link_index(body: bytes) -> int:
    """Return the index of the link that the route of a message leaves by; 0 where it leaves by none."""
    return _first_hop(attributes(body, _RTMSG.size))[0]


def _first_hop(found: dict[int, bytes]) -> tuple[int, bytes | None]:
    """Return the index of the link that a route leaves by, and its gateway; of several ways the first."""
    several = found.get(rt.RTA_MULTIPATH)
    if several is not None:
        length, _, _, index = _RTNH.unpack_from(several)
        return index, attributes(several[:length], _RTNH.size).get(rt.RTA_GATEWAY)
    index = as_number(found[rt.RTA_OIF]) if rt.RTA_OIF in found else 0
    return index, found.get(rt.RTA_GATEWAY)
