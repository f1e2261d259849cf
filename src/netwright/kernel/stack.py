"""One network stack as a worker sees it for the time of a batch: a netlink conversation, and what it can be asked."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from ipaddress import ip_interface

from netwright.errors import OperationFailed
from netwright.host.queries import Link, Route
from netwright.kernel import netns
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.socket import NetlinkError, NetlinkSocket
from netwright.kernel.netlink.wire import as_number, as_text, attributes
from netwright.kernel.routes import link_index, read_route
from netwright.model.addressing import IPInterface, Mac

_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")

_SIOCGIFNAME = 0x8910
_SIOCGIFINDEX = 0x8933
_IFREQ = struct.Struct("=16si20x")
"""`struct ifreq`: a name and, here, an index."""
_NAME_LENGTH = 15


class Stack:
    """A network stack; `descriptor` is its namespace, or None for the worker's own."""

    def __init__(self, descriptor: int | None, home: int) -> None:
        self.descriptor = descriptor
        # The names of links by index, as last seen at a look at the routes: they decide only what is left out there.
        self._names: dict[int, str | None] = {}
        if descriptor is None:
            self.netlink = NetlinkSocket()
        else:
            with netns.visit(descriptor, home):
                self.netlink = NetlinkSocket()

    @classmethod
    def pinned(cls, path: str, home: int) -> "Stack":
        """Open the stack pinned at a path. Raises OperationFailed."""
        descriptor = netns.open_pinned(path)
        try:
            return cls(descriptor, home)
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Let the namespace go."""
        self.netlink.close()
        if self.descriptor is not None:
            os.close(self.descriptor)

    def index(self, name: str) -> int:
        """Return a link's index. Raises OperationFailed where there is none of this name."""
        found = self.find(name)
        if found is None:
            raise OperationFailed(f"there is no interface {name}", errno=errno.ENODEV)
        return found

    def find(self, name: str) -> int | None:
        """Return a link's index, or None."""
        # An ioctl does not care what kind of socket it is asked on, and costs a tenth of a netlink question.
        encoded = name.encode()
        if len(encoded) > _NAME_LENGTH:
            return None
        try:
            answer = fcntl.ioctl(self.netlink.fileno(), _SIOCGIFINDEX, _IFREQ.pack(encoded, 0))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return int(_IFREQ.unpack(answer)[1])

    def name(self, index: int) -> str | None:
        """Return the name of a link, or None."""
        try:
            answer = fcntl.ioctl(self.netlink.fileno(), _SIOCGIFNAME, _IFREQ.pack(b"", index))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return as_text(_IFREQ.unpack(answer)[0])

    def link(self, name: str) -> Link | None:
        """Return a link with its addresses, or None."""
        try:
            body = self.netlink.get(rt.get_link(name))
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        _, _, index, _, _ = _IFINFO.unpack_from(body)
        return _link(body, self._addresses(index))

    def links(self, *, addresses: bool = True) -> list[Link]:
        """Return all links, with their addresses where wanted."""
        held = self._addresses() if addresses else {}
        return [_link(body, held) for kind, body in self.netlink.dump(rt.dump_links()) if kind == rt.RTM_NEWLINK]

    def addresses(self, index: int) -> Sequence[IPInterface]:
        """Return the addresses of one link."""
        return self._addresses(index).get(index, ())

    def _addresses(self, index: int = 0) -> dict[int, list[IPInterface]]:
        held: dict[int, list[IPInterface]] = {}
        for kind, body in self.netlink.dump(rt.dump_addresses(index)):
            if kind != rt.RTM_NEWADDR:
                continue
            _, length, _, _, link = _IFADDR.unpack_from(body)
            found = attributes(body, _IFADDR.size)
            packed = found.get(rt.IFA_LOCAL) or found[rt.IFA_ADDRESS]
            held.setdefault(link, []).append(ip_interface((packed, length)))
        return held

    def routes(self, but_through: AbstractSet[str] = frozenset()) -> list[Route]:
        """Return the unicast routes of the main table, both families, without those through links left out.

        Those are hardly looked at: a host of many networks has a route through each, and is asked at every new one.
        """
        names: dict[int, str | None] = {}
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind, body in self.netlink.dump(rt.dump_routes(family)):
                if kind != rt.RTM_NEWROUTE:
                    continue
                index = link_index(body)
                if index not in names:
                    names[index] = self._names.get(index) or self.name(index)
                if names[index] not in but_through and (route := read_route(body, self.name)) is not None:
                    found.append(route)
        self._names = names
        return found


def _link(body: bytes, held: dict[int, list[IPInterface]]) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(body)
    found = attributes(body, _IFINFO.size)
    information = attributes(found.get(rt.IFLA_LINKINFO, b""))
    mac = found.get(rt.IFLA_ADDRESS, b"")
    netnsid = found.get(rt.IFLA_LINK_NETNSID)
    return Link(
        index=index,
        name=as_text(found[rt.IFLA_IFNAME]),
        kind=as_text(information.get(rt.IFLA_INFO_KIND, b"")),
        mac=Mac(mac) if len(mac) == 6 else None,
        mtu=as_number(found[rt.IFLA_MTU]),
        group=as_number(found[rt.IFLA_GROUP]),
        up=bool(flags & rt.IFF_UP),
        master=as_number(found[rt.IFLA_MASTER]) if rt.IFLA_MASTER in found else 0,
        peer_netns=as_number(netnsid) if netnsid is not None else None,
        addresses=tuple(held.get(index, ())),
    )


def refused(what: str, error: NetlinkError) -> OperationFailed:
    """Return a netlink error as the failure of an operation."""
    return OperationFailed(f"{what}: {error.strerror}", errno=error.errno)
