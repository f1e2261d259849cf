"""The messages of rtnetlink that the engine sends: functions from values to bytes (linux/rtnetlink.h, if_link.h)."""

import socket
import struct
from ipaddress import IPv4Interface, IPv6Interface

from netwright.kernel.netlink.wire import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    attribute,
    message,
    nested,
    number,
    octet,
    text,
)
from netwright.model.addressing import IPAddress, IPNetwork, Mac

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNETCONF = 80

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER = 1, 3, 4, 10
IFLA_LINKINFO, IFLA_GROUP, IFLA_NET_NS_FD, IFLA_LINK_NETNSID = 18, 27, 28, 37
IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES = 31, 32
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_BRPORT_MODE = 4
IFLA_BR_MCAST_SNOOPING = 23
IFLA_AF_SPEC, IFLA_INET6_ADDR_GEN_MODE = 26, 8
VETH_INFO_PEER = 1
ADDR_GEN_MODE_NONE = 1

IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_NODAD = 0x02
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_MULTIPATH, RTA_TABLE = 1, 4, 5, 9, 15
RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_NOWHERE = 0, 253, 255
RTN_UNICAST = 1

NDA_DST, NDA_PROTOCOL = 1, 12
NTF_PROXY = 0x08
PROXY_PROTOCOL = 78
"""The mark of our neighbour entries, the letter N (`ip -6 neigh show proxy`: proto 78)."""

IFF_UP = 0x1

_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_NDMSG = struct.Struct("=BxxxiHBB")

_NEW = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def link_header(*, family: int = socket.AF_UNSPEC, index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """Return a `struct ifinfomsg`."""
    return _IFINFO.pack(family, 0, index, flags, change)


def add_bridge(name: str, mac: Mac, mtu: int, group: int) -> bytearray:
    """Make a bridge, down, that keeps no account of multicast groups.

    Such an account (multicast snooping) is of use only where somebody asks for groups, and is passed over by the kernel
    else; but with every port that comes or goes it winds up the timers of all ports.
    """
    quiet = nested(IFLA_INFO_DATA, octet(IFLA_BR_MCAST_SNOOPING, 0))
    body = (
        link_header()
        + text(IFLA_IFNAME, name)
        + attribute(IFLA_ADDRESS, mac.octets)
        + number(IFLA_MTU, mtu)
        + number(IFLA_GROUP, group)
        + nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge"), quiet)
    )
    return message(RTM_NEWLINK, _NEW, body)


def add_veth(
    *, host: tuple[str, Mac], master: int, peer: tuple[str, Mac], netns: int, mtu: int, group: int
) -> bytearray:
    """Make a veth pair, both ends down: one here, on a bridge; the other in the namespace behind a descriptor.

    Each end has one queue: packets are handed to the other end without one, and the kernel's default, as many as the
    machine may ever have processors, costs a directory in sysfs each way for each of them (a third of the time on a
    machine with two).
    """
    one_queue = number(IFLA_NUM_TX_QUEUES, 1) + number(IFLA_NUM_RX_QUEUES, 1)
    peer_body = (
        link_header()
        + text(IFLA_IFNAME, peer[0])
        + attribute(IFLA_ADDRESS, peer[1].octets)
        + number(IFLA_MTU, mtu)
        + number(IFLA_NET_NS_FD, netns)
        + one_queue
    )
    body = (
        link_header()
        + text(IFLA_IFNAME, host[0])
        + attribute(IFLA_ADDRESS, host[1].octets)
        + number(IFLA_MTU, mtu)
        + number(IFLA_GROUP, group)
        + number(IFLA_MASTER, master)
        + one_queue
        + nested(
            IFLA_LINKINFO,
            text(IFLA_INFO_KIND, "veth"),
            nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer_body)),
        )
    )
    return message(RTM_NEWLINK, _NEW, body)


def set_up_port(name: str, *, hairpin: bool, ipv6: bool = True) -> bytearray:
    """Make a bridge's port of a link: it may send a frame back where it came from (hairpin), and is quiet itself.

    The kernel gives it no IPv6 address, and says nothing there, by itself. One without IPv6 knows nothing of that, and
    refuses it (EAFNOSUPPORT).
    """
    # Without NLM_F_CREATE this changes the link of that name, so its index need not be asked for.
    body = link_header() + text(IFLA_IFNAME, name)
    if hairpin:
        port = nested(IFLA_INFO_SLAVE_DATA, octet(IFLA_BRPORT_MODE, 1))
        body += nested(IFLA_LINKINFO, text(IFLA_INFO_SLAVE_KIND, "bridge"), port)
    if ipv6:
        body += nested(IFLA_AF_SPEC, nested(socket.AF_INET6, octet(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE)))
    return message(RTM_NEWLINK, NLM_F_ACK, body)


def join_bridge(name: str, master: int) -> bytearray:
    """Make a link a port of a bridge, and bring it up."""
    header = link_header(flags=IFF_UP, change=IFF_UP)
    return message(RTM_SETLINK, NLM_F_ACK, header + text(IFLA_IFNAME, name) + number(IFLA_MASTER, master))


def park_link(index: int, name: str, group: int) -> bytearray:
    """Take a link off its bridge, out of its group and off its name, in one request that does not wait."""
    body = link_header(index=index) + text(IFLA_IFNAME, name) + number(IFLA_MASTER, 0) + number(IFLA_GROUP, group)
    return message(RTM_SETLINK, NLM_F_ACK, body)


def rename_link(index: int, name: str) -> bytearray:
    """Give a link another name; it may be up."""
    return message(RTM_SETLINK, NLM_F_ACK, link_header(index=index) + text(IFLA_IFNAME, name))


def delete_group(group: int) -> bytearray:
    """Delete all links of a group; the kernel waits once for all of them."""
    return message(RTM_DELLINK, NLM_F_ACK, link_header() + number(IFLA_GROUP, group))


def delete_link(index: int) -> bytearray:
    """Delete one link; the kernel waits for its last users."""
    return message(RTM_DELLINK, NLM_F_ACK, link_header(index=index))


def set_up(name: str) -> bytearray:
    """Bring a link up."""
    return message(RTM_SETLINK, NLM_F_ACK, link_header(flags=IFF_UP, change=IFF_UP) + text(IFLA_IFNAME, name))


def set_down(index: int) -> bytearray:
    """Take a link down; the kernel waits for its last packets."""
    return message(RTM_SETLINK, NLM_F_ACK, link_header(index=index, change=IFF_UP))


def set_mtu(name: str, mtu: int) -> bytearray:
    """Set a link's MTU."""
    return message(RTM_SETLINK, NLM_F_ACK, link_header() + text(IFLA_IFNAME, name) + number(IFLA_MTU, mtu))


def _address(kind: int, flags: int, index: int, address: IPv4Interface | IPv6Interface) -> bytearray:
    header = _IFADDR.pack(_family(address.version), address.network.prefixlen, 0, 0, index)
    packed = address.ip.packed
    body = header + attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    if isinstance(address, IPv6Interface):
        body += number(IFA_FLAGS, IFA_F_NODAD)
    elif address.network.prefixlen < 31:
        body += attribute(IFA_BROADCAST, address.network.broadcast_address.packed)
    return message(kind, flags, body)


def add_address(index: int, address: IPv4Interface | IPv6Interface) -> bytearray:
    """Give a link an address; an IPv6 address is usable at once, without duplicate detection."""
    return _address(RTM_NEWADDR, _NEW, index, address)


def delete_address(index: int, address: IPv4Interface | IPv6Interface) -> bytearray:
    """Take an address from a link."""
    return _address(RTM_DELADDR, NLM_F_ACK, index, address)


def _route(
    kind: int, flags: int, version: int, destination: IPNetwork | None, gateway: IPAddress | None, index: int
) -> bytearray:
    scope = RT_SCOPE_UNIVERSE if gateway is not None or version == 6 else RT_SCOPE_LINK
    if kind == RTM_DELROUTE:
        scope = RT_SCOPE_NOWHERE
    length = 0 if destination is None else destination.prefixlen
    protocol = RTPROT_STATIC if kind == RTM_NEWROUTE else 0
    body = _RTMSG.pack(_family(version), length, 0, 0, RT_TABLE_MAIN, protocol, scope, RTN_UNICAST, 0)
    if destination is not None:
        body += attribute(RTA_DST, destination.network_address.packed)
    if gateway is not None:
        body += attribute(RTA_GATEWAY, gateway.packed)
    return message(kind, flags, body + number(RTA_OIF, index))


def replace_route(version: int, destination: IPNetwork | None, gateway: IPAddress | None, index: int) -> bytearray:
    """Set the route to a destination (None: default) through a gateway, or on-link without one."""
    flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE
    return _route(RTM_NEWROUTE, flags, version, destination, gateway, index)


def delete_route(version: int, destination: IPNetwork | None, index: int) -> bytearray:
    """Remove the route to a destination through a link."""
    return _route(RTM_DELROUTE, NLM_F_ACK, version, destination, None, index)


def _proxied_neighbour(kind: int, flags: int, index: int, address: IPAddress) -> bytearray:
    header = _NDMSG.pack(_family(address.version), index, 0, NTF_PROXY, 0)
    return message(kind, flags, header + attribute(NDA_DST, address.packed) + octet(NDA_PROTOCOL, PROXY_PROTOCOL))


def proxy_neighbour(index: int, address: IPAddress) -> bytearray:
    """Have this host answer for an address on a link."""
    return _proxied_neighbour(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, index, address)


def unproxy_neighbour(index: int, address: IPAddress) -> bytearray:
    """Have it stop."""
    return _proxied_neighbour(RTM_DELNEIGH, NLM_F_ACK, index, address)


def dump_proxied_neighbours() -> bytearray:
    """Ask for the IPv6 addresses that this host answers for."""
    return message(RTM_GETNEIGH, NLM_F_DUMP, _NDMSG.pack(socket.AF_INET6, 0, 0, NTF_PROXY, 0))


def dump_links() -> bytearray:
    """Ask for all links."""
    return message(RTM_GETLINK, NLM_F_DUMP, link_header())


def get_link(name: str) -> bytearray:
    """Ask for one link by its name."""
    return message(RTM_GETLINK, 0, link_header() + text(IFLA_IFNAME, name))


def dump_addresses(index: int = 0) -> bytearray:
    """Ask for the addresses of a link, or for all (0), of both families."""
    return message(RTM_GETADDR, NLM_F_DUMP, _IFADDR.pack(0, 0, 0, 0, index))


def dump_routes(family: int) -> bytearray:
    """Ask for the routes of a family's main table."""
    return message(RTM_GETROUTE, NLM_F_DUMP, _RTMSG.pack(family, 0, 0, 0, RT_TABLE_MAIN, 0, 0, 0, 0))
