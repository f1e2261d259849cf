"""The kernel's own news of routes, heard by the event loop.

A socket that is a member of rtnetlink's groups for links and routes is told of every change. Most news of links (an
attached endpoint makes several) are of no interest here: a filter in the kernel drops them before anybody is woken.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterator

from netwright.host.notices import LinkDown, Notice, NoticesMissed, RouteAppeared, RouteVanished
from netwright.kernel.filter import DROP, JUMP_IF_ANY, JUMP_IF_EQUAL, KEEP, LOAD_HALF, LOAD_WORD, Instruction, attach
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.wire import HEADER, as_text, attributes, messages
from netwright.kernel.routes import read_route

_RTMGRP_LINK, _RTMGRP_IPV4_ROUTE, _RTMGRP_IPV6_ROUTE = 0x1, 0x40, 0x400
_IFINFO = struct.Struct("=BxHiII")
_DATAGRAM = 1 << 16
_TURN = 64
"""How many messages are read before the event loop gets its turn again."""

# Offsets into struct nlmsghdr and the struct ifinfomsg behind it; both hold numbers in the host's byte order.
_TYPE, _FLAGS = 4, HEADER.size + 8
_FILTER = (
    Instruction(LOAD_HALF, _TYPE),
    Instruction(JUMP_IF_EQUAL, socket.htons(rt.RTM_NEWROUTE), yes=5),
    Instruction(JUMP_IF_EQUAL, socket.htons(rt.RTM_DELROUTE), yes=4),
    Instruction(JUMP_IF_EQUAL, socket.htons(rt.RTM_DELLINK), yes=3),
    Instruction(JUMP_IF_EQUAL, socket.htons(rt.RTM_NEWLINK), no=3),
    Instruction(LOAD_WORD, _FLAGS),
    Instruction(JUMP_IF_ANY, socket.htonl(rt.IFF_UP), yes=1),
    KEEP,
    DROP,
)
"""Routes, links that go, and links that are not up."""


class RouteFeed:
    """Tells what happens to routes of the engine's own network namespace."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._tell: Callable[[Notice], None] = lambda _: None

    def start(self, tell: Callable[[Notice], None]) -> None:
        """Have a function called with all that happens from now on, within the running event loop."""
        self._tell = tell
        self._socket = _open()
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read, self._socket)

    def close(self) -> None:
        """Hear no more; content when repeated."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self, news: socket.socket) -> None:
        for _ in range(_TURN):
            try:
                datagram = news.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # The kernel had more to tell than the socket holds, and says so once.
                self._tell(NoticesMissed())
                continue
            for notice in read_notices(datagram):
                self._tell(notice)


def _open() -> socket.socket:
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    attach(news, _FILTER)
    news.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_ROUTE))
    return news


def read_notices(datagram: bytes) -> Iterator[Notice]:
    """Yield what the messages of a datagram tell."""
    for kind, _, _, body in messages(datagram):
        if kind in {rt.RTM_NEWROUTE, rt.RTM_DELROUTE}:
            route = read_route(body, _name)
            if route is not None:
                yield RouteAppeared(route) if kind == rt.RTM_NEWROUTE else RouteVanished(route)
        elif kind in {rt.RTM_NEWLINK, rt.RTM_DELLINK}:
            family, _, _, flags, _ = _IFINFO.unpack_from(body)
            # A message of another family is about a bridge's port, not about the link itself.
            if family == socket.AF_UNSPEC and (kind == rt.RTM_DELLINK or not flags & rt.IFF_UP):
                yield LinkDown(as_text(attributes(body, _IFINFO.size)[rt.IFLA_IFNAME]))


def _name(index: int) -> str | None:
    try:
        return socket.if_indextoname(index)
    except OSError:
        # It is gone already; the news of that is on its way.
        return None
