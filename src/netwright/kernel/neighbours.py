"""Addresses that this host answers for in place of their owners (NDP proxy): made, removed, listed."""

import errno
import socket
import struct
from ipaddress import ip_address

from netwright.host import ops
from netwright.host.queries import ProxiedNeighbour
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.socket import NetlinkError
from netwright.kernel.netlink.wire import attributes
from netwright.kernel.stack import Stack, refused
from netwright.model.addressing import IPAddress

_NDMSG = struct.Struct("=BxxxiHBB")


def proxy(home: Stack, op: ops.ProxyNeighbour) -> None:
    """Answer for an address on a link; content when it is so already."""
    try:
        home.netlink.request([rt.proxy_neighbour(home.index(op.link), op.address)])
    except NetlinkError as error:
        raise refused(f"answering for {op.address} on {op.link}", error) from error


def unproxy(home: Stack, op: ops.UnproxyNeighbour) -> None:
    """Stop answering for an address, on whatever links; content when nobody does."""
    batch = [rt.unproxy_neighbour(index, address) for index, address in _listing(home) if address == op.address]
    if not batch:
        return
    try:
        home.netlink.request(batch, content=(errno.ENOENT, errno.ENODEV))
    except NetlinkError as error:
        raise refused(f"no longer answering for {op.address}", error) from error


def proxied(home: Stack) -> tuple[ProxiedNeighbour, ...]:
    """Return what an engine has this host answer for; not what the admin has."""
    found = _listing(home)
    if not found:
        return ()
    names = {link.index: link.name for link in home.links(addresses=False)}
    return tuple(ProxiedNeighbour(link=names.get(index, ""), address=address) for index, address in found)


def _listing(home: Stack) -> list[tuple[int, IPAddress]]:
    """Return the entries that carry our mark, as (index of the link, address)."""
    found = []
    for kind, body in home.netlink.dump(rt.dump_proxied_neighbours()):
        if kind != rt.RTM_NEWNEIGH:
            continue
        family, index, _, flags, _ = _NDMSG.unpack_from(body)
        held = attributes(body, _NDMSG.size)
        marked = held[rt.NDA_PROTOCOL][0] == rt.PROXY_PROTOCOL if rt.NDA_PROTOCOL in held else False
        if family == socket.AF_INET6 and flags & rt.NTF_PROXY and marked:
            found.append((index, ip_address(held[rt.NDA_DST])))
    return found
