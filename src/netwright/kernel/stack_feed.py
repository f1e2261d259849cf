"""The kernel's own news of the host's network stack, heard by the event loop.

A socket that is a member of rtnetlink's groups is told of every change of links, addresses, routes and forwarding. Most
of it is of no interest here, as all that comes of an endpoint that is attached: a filter in the kernel drops it before
anybody is woken.
"""

import socket
import struct
from collections.abc import Iterator, Mapping

from netwright.host.notices import (
    AddressVanished,
    ForwardingOff,
    LinkDown,
    Notice,
    PortAppeared,
    RouteAppeared,
    RouteVanished,
)
from netwright.kernel.feed import Feed
from netwright.kernel.filter import (
    DROP,
    JUMP,
    JUMP_IF_ANY,
    JUMP_IF_EQUAL,
    KEEP,
    LOAD_BYTE,
    LOAD_HALF,
    LOAD_WORD,
    Instruction,
    attach,
    load_attribute,
)
from netwright.kernel.links import is_parked, parked_group
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.wire import HEADER, as_number, as_text, attributes, messages
from netwright.kernel.routes import read_route

_GROUPS = (1, 7, 11, 5, 9, 24, 25)
"""RTNLGRP_LINK; IPV4_ROUTE and IPV6_ROUTE; IPV4_IFADDR and IPV6_IFADDR; IPV4_NETCONF and IPV6_NETCONF."""
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_NETCONF_HEADER = 4
_NETCONFA_IFINDEX, _NETCONFA_FORWARDING = 1, 2
_ALL_LINKS = 0xFFFFFFFF

# Offsets into struct nlmsghdr and what is behind it: ifi_flags and ifi_change of struct ifinfomsg and its attributes,
# rtm_table of struct rtmsg, and the value of the first attribute behind struct netconfmsg, NETCONFA_IFINDEX. All hold
# numbers in the host's byte order.
_TYPE, _FAMILY, _FLAGS, _CHANGED = 4, HEADER.size, HEADER.size + 8, HEADER.size + 12
_ATTRIBUTES, _TABLE, _IFINDEX = HEADER.size + _IFINFO.size, HEADER.size + 4, HEADER.size + _NETCONF_HEADER + 4
_NEW = 0xFFFFFFFF
"""What the kernel says to have changed of a link that was just made."""


def _if_of(kind: int, *, yes: int) -> Instruction:
    return Instruction(JUMP_IF_EQUAL, socket.htons(kind), yes=yes)


def _filter(group: int) -> tuple[Instruction, ...]:
    """Return what keeps routes of the main table, links and addresses that go, and forwarding of all links at once.

    And of links what `_links` says.
    """
    return (
        Instruction(LOAD_HALF, _TYPE),
        _if_of(rt.RTM_NEWROUTE, yes=6),
        _if_of(rt.RTM_DELROUTE, yes=5),
        _if_of(rt.RTM_NEWNETCONF, yes=6),
        _if_of(rt.RTM_DELLINK, yes=7),
        _if_of(rt.RTM_DELADDR, yes=6),
        _if_of(rt.RTM_NEWLINK, yes=7),
        DROP,
        Instruction(LOAD_BYTE, _TABLE),
        Instruction(JUMP_IF_EQUAL, rt.RT_TABLE_MAIN, yes=2, no=3),
        Instruction(LOAD_WORD, _IFINDEX),
        Instruction(JUMP_IF_EQUAL, _ALL_LINKS, no=1),
        KEEP,
        DROP,
        *_links(group),
    )


def _links(group: int) -> tuple[Instruction, ...]:
    """Return what keeps links that go down or are made down, and those that have a master; of a group only the first.

    Ours are always made down, and those on their way out keep their master for a moment.
    """
    down = (
        Instruction(LOAD_WORD, _FLAGS),
        Instruction(JUMP_IF_ANY, socket.htonl(rt.IFF_UP), no=1),
        DROP,
        Instruction(LOAD_WORD, _CHANGED),
        Instruction(JUMP_IF_ANY, socket.htonl(rt.IFF_UP), yes=1),
        DROP,
        Instruction(JUMP_IF_EQUAL, _NEW, yes=1),
        KEEP,
        *load_attribute(rt.IFLA_GROUP, _ATTRIBUTES, otherwise=KEEP),
        Instruction(JUMP_IF_EQUAL, socket.htonl(group), no=1),
        DROP,
        KEEP,
    )
    whose = (
        *load_attribute(rt.IFLA_GROUP, _ATTRIBUTES, otherwise=KEEP),
        Instruction(JUMP_IF_EQUAL, socket.htonl(group), yes=2),
        Instruction(JUMP_IF_EQUAL, socket.htonl(parked_group(group)), yes=1),
        KEEP,
    )
    no_master = Instruction(JUMP, 2 + len(whose))
    return (
        Instruction(LOAD_BYTE, _FAMILY),
        Instruction(JUMP_IF_EQUAL, socket.AF_UNSPEC, no=len(load_attribute(0, 0, KEEP)) + len(whose)),
        *load_attribute(rt.IFLA_MASTER, _ATTRIBUTES, otherwise=no_master),
        *whose,
        *down,
    )


class StackFeed(Feed):
    """Tells what happens to the stack of the engine's own network namespace; `group` tags the engine's own links."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self._group = group

    def _open(self) -> socket.socket:
        news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        attach(news, _filter(self._group))
        news.bind((0, sum(1 << group - 1 for group in _GROUPS)))
        return news

    def _take(self, datagram: bytes, news: socket.socket) -> None:  # noqa: ARG002 - nothing more is asked of it
        for notice in read_notices(datagram):
            self._tell(notice)


def read_notices(datagram: bytes) -> Iterator[Notice]:
    """Yield what the messages of a datagram tell, but nothing of links that were taken out of service."""
    for notice in _all_notices(datagram):
        match notice:
            case RouteAppeared(route) | RouteVanished(route) if is_parked(route.link):
                continue
            case LinkDown(link) | AddressVanished(link) if is_parked(link):
                continue
            case _:
                yield notice


def _all_notices(datagram: bytes) -> Iterator[Notice]:
    for kind, _, _, body in messages(datagram):
        if kind in {rt.RTM_NEWROUTE, rt.RTM_DELROUTE}:
            route = read_route(body, _name)
            if route is not None:
                yield RouteAppeared(route) if kind == rt.RTM_NEWROUTE else RouteVanished(route)
        elif kind in {rt.RTM_NEWLINK, rt.RTM_DELLINK}:
            yield from _of_link(kind, body)
        elif kind == rt.RTM_DELADDR:
            *_, index = _IFADDR.unpack_from(body)
            if (name := _name(index)) is not None:
                yield AddressVanished(name)
        elif kind == rt.RTM_NEWNETCONF:
            found = attributes(body, _NETCONF_HEADER)
            if _number(found, _NETCONFA_IFINDEX) == _ALL_LINKS and _number(found, _NETCONFA_FORWARDING) == 0:
                yield ForwardingOff(4 if body[0] == socket.AF_INET else 6)


def _of_link(kind: int, body: bytes) -> Iterator[Notice]:
    family, _, _, flags, changed = _IFINFO.unpack_from(body)
    # A message of another family is about a bridge's port, not about the link itself.
    if family != socket.AF_UNSPEC:
        return
    found = attributes(body, _IFINFO.size)
    if kind == rt.RTM_DELLINK or (changed & rt.IFF_UP and not flags & rt.IFF_UP):
        yield LinkDown(as_text(found[rt.IFLA_IFNAME]))
    if kind == rt.RTM_NEWLINK and (bridge := _name(_number(found, rt.IFLA_MASTER) or 0)) is not None:
        yield PortAppeared(bridge)


def _number(found: Mapping[int, bytes], kind: int) -> int | None:
    return as_number(found[kind]) if kind in found else None


def _name(index: int) -> str | None:
    try:
        return socket.if_indextoname(index)
    except OSError:
        # It is gone already; the news of that is on its way.
        return None
