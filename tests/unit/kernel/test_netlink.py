"""The bytes of netlink: held to the kernel's layout, and to what pyroute2 reads and writes."""

import struct
from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink import nlmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink import wire
from netwright.model.addressing import Mac

MAC, OTHER = Mac.parse("02:00:00:00:00:01"), Mac.parse("02:00:00:00:00:02")


def read(kind: Callable[[bytes], Any], encoded: bytearray) -> Any:
    """Read a message as pyroute2 does."""
    found = kind(bytes(encoded))
    found.decode()
    return found


def test_a_message_is_a_header_and_a_body() -> None:
    # length 20, RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, no sequence number, no port id, then the body
    assert wire.message(18, wire.NLM_F_ACK, b"body") == struct.pack("=IHHII", 20, 18, 0x5, 0, 0) + b"body"


def test_an_attribute_is_padded_to_four_bytes_and_its_length_is_not() -> None:
    assert wire.attribute(3, b"eth0\0").hex() == "09000300" + "6574683000" + "000000"
    assert wire.text(3, "eth").hex() == "08000300" + "65746800"
    assert wire.number(4, 1500).hex() == "08000400" + "dc050000"
    assert wire.octet(4, 1).hex() == "05000400" + "01" + "000000"
    assert wire.nested(18, wire.octet(1, 7)).hex() == "0c001280" + "0500010007000000"


def test_a_sequence_number_is_written_into_its_place() -> None:
    encoded = wire.message(18, 0, b"")
    wire.number_message(encoded, 0x01020304)
    assert encoded[8:12] == struct.pack("=I", 0x01020304)


@pytest.mark.parametrize("flags", [0, wire.NLM_F_ACK])
def test_a_message_is_acknowledged_as_it_is_wanted(flags: int) -> None:
    encoded = wire.message(18, flags | wire.NLM_F_CREATE, b"")
    wire.acknowledge(encoded, wanted=False)
    assert encoded == wire.message(18, wire.NLM_F_CREATE, b"")
    wire.acknowledge(encoded, wanted=True)
    assert encoded == wire.message(18, wire.NLM_F_CREATE | wire.NLM_F_ACK, b"")


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8))
def test_attributes_come_back_as_they_were(wanted: dict[int, bytes]) -> None:
    encoded = b"".join(wire.attribute(kind, value) for kind, value in wanted.items())
    assert wire.attributes(encoded) == wanted


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=30)), max_size=6))
def test_messages_come_back_as_they_were(wanted: list[tuple[int, bytes]]) -> None:
    data = b""
    for kind, body in wanted:
        encoded = wire.message(kind, 0, body)
        data += bytes(encoded) + bytes(-len(encoded) % 4)
    assert [(kind, body) for kind, _, _, body in wire.messages(data)] == wanted


@given(st.binary(max_size=80))
def test_garbage_is_read_without_an_end_or_an_error(data: bytes) -> None:
    list(wire.messages(data))
    wire.attributes(data)


def test_nested_attributes_say_so_and_are_read_whether_they_do_or_not() -> None:
    inner = wire.octet(1, 7)
    assert wire.attributes(wire.nested(18, inner)) == wire.attributes(wire.attribute(18, inner)) == {18: inner}


def test_a_bridge_is_asked_for_as_pyroute2_reads_it() -> None:
    found = read(ifinfmsg, rt.add_bridge("br0", MAC, 1400, 0x4E570001))
    assert found["header"]["type"] == rt.RTM_NEWLINK
    assert found["header"]["flags"] == 0x605  # request, acknowledge, exclusive, create
    assert found["flags"] == found["change"] == 0
    given_back = {name: found.get_attr(name) for name in ("IFLA_IFNAME", "IFLA_ADDRESS", "IFLA_MTU", "IFLA_GROUP")}
    assert given_back == {
        "IFLA_IFNAME": "br0",
        "IFLA_ADDRESS": str(MAC),
        "IFLA_MTU": 1400,
        "IFLA_GROUP": 0x4E570001,
    }
    information = found.get_attr("IFLA_LINKINFO")
    assert information.get_attr("IFLA_INFO_KIND") == "bridge"
    assert information.get_attr("IFLA_INFO_DATA").get_attr("IFLA_BR_MCAST_SNOOPING") == 0


def test_a_pair_is_asked_for_in_one_message_with_both_ends_in_it() -> None:
    encoded = rt.add_veth(host=("veth1", MAC), master=7, peer=("eth0", OTHER), netns=9, mtu=1400, group=5)
    found = read(ifinfmsg, encoded)
    assert found["flags"] == found["change"] == 0
    assert [found.get_attr(f"IFLA_{name}") for name in ("IFNAME", "ADDRESS", "MASTER", "GROUP", "MTU")] == [
        "veth1",
        str(MAC),
        7,
        5,
        1400,
    ]
    queues = ("IFLA_NUM_TX_QUEUES", "IFLA_NUM_RX_QUEUES")
    assert [found.get_attr(name) for name in queues] == [1, 1]
    information = found.get_attr("IFLA_LINKINFO")
    assert information.get_attr("IFLA_INFO_KIND") == "veth"
    peer = information.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert peer["flags"] == peer["change"] == 0
    assert [peer.get_attr(f"IFLA_{name}") for name in ("IFNAME", "ADDRESS", "NET_NS_FD", "MTU")] == [
        "eth0",
        str(OTHER),
        9,
        1400,
    ]
    assert [peer.get_attr(name) for name in queues] == [1, 1]


def test_a_bridge_port_is_set_up_as_pyroute2_reads_it() -> None:
    found = read(ifinfmsg, rt.set_up_port("veth1", hairpin=True))
    assert found["header"]["flags"] == 0x5  # without NLM_F_CREATE: a link that is there
    port = found.get_attr("IFLA_LINKINFO")
    assert port.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge"
    assert port.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_MODE") == 1
    assert found.get_attr("IFLA_AF_SPEC").get_attr("AF_INET6").get_attr("IFLA_INET6_ADDR_GEN_MODE") == 1

    plain = read(ifinfmsg, rt.set_up_port("veth1", hairpin=False, ipv6=False))
    assert [plain.get_attr(name) for name in ("IFLA_LINKINFO", "IFLA_AF_SPEC")] == [None, None]


@pytest.mark.parametrize(
    ("encoded", "index", "flags", "change", "attributes"),
    [
        (rt.park_link(7, "nwx7", 9), 7, 0, 0, {"IFLA_IFNAME": "nwx7", "IFLA_MASTER": 0, "IFLA_GROUP": 9}),
        (rt.rename_link(7, "nwx7"), 7, 0, 0, {"IFLA_IFNAME": "nwx7"}),
        (rt.delete_group(9), 0, 0, 0, {"IFLA_GROUP": 9}),
        (rt.delete_link(7), 7, 0, 0, {}),
        (rt.set_up("eth0"), 0, 1, 1, {"IFLA_IFNAME": "eth0"}),
        (rt.set_down(7), 7, 0, 1, {}),
        (rt.set_mtu("eth0", 1300), 0, 0, 0, {"IFLA_IFNAME": "eth0", "IFLA_MTU": 1300}),
    ],
)
def test_a_link_is_changed_as_pyroute2_reads_it(
    encoded: bytearray, index: int, flags: int, change: int, attributes: dict[str, object]
) -> None:
    found = read(ifinfmsg, encoded)
    assert (found["index"], found["flags"], found["change"]) == (index, flags, change)
    assert dict(found["attrs"]) == attributes


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("10.9.0.2/24", {"IFA_BROADCAST": "10.9.0.255"}),
        ("10.9.0.2/31", {}),
        ("10.9.0.2/32", {}),
        ("fd09::2/64", {"IFA_FLAGS": rt.IFA_F_NODAD}),
    ],
)
def test_an_address_is_given_as_pyroute2_reads_it(text: str, more: dict[str, object]) -> None:
    address = ip_interface(text)
    found = read(ifaddrmsg, rt.add_address(7, address))
    assert (found["family"], found["prefixlen"], found["index"]) == (
        2 if address.version == 4 else 10,
        address.network.prefixlen,
        7,
    )
    assert dict(found["attrs"]) == {"IFA_LOCAL": str(address.ip), "IFA_ADDRESS": str(address.ip)} | more
    assert read(ifaddrmsg, rt.delete_address(7, address))["header"]["type"] == rt.RTM_DELADDR


@pytest.mark.parametrize(
    ("version", "to", "gateway", "scope"),
    [
        (4, None, "10.9.0.1", rt.RT_SCOPE_UNIVERSE),
        (4, "10.77.0.0/16", None, rt.RT_SCOPE_LINK),
        (6, None, "fd09::1", rt.RT_SCOPE_UNIVERSE),
        (6, "fd77::/48", None, rt.RT_SCOPE_UNIVERSE),
    ],
)
def test_a_route_is_set_as_pyroute2_reads_it(version: int, to: str | None, gateway: str | None, scope: int) -> None:
    destination = None if to is None else ip_network(to)
    router = None if gateway is None else ip_address(gateway)
    found = read(rtmsg, rt.replace_route(version, destination, router, 7))
    assert found["header"]["flags"] == 0x505  # request, acknowledge, create, replace
    assert (found["dst_len"], found["table"], found["scope"], found["type"], found["proto"]) == (
        0 if destination is None else destination.prefixlen,
        rt.RT_TABLE_MAIN,
        scope,
        rt.RTN_UNICAST,
        rt.RTPROT_STATIC,
    )
    wanted = {"RTA_DST": to and to.partition("/")[0], "RTA_GATEWAY": gateway, "RTA_OIF": 7}
    assert dict(found["attrs"]) == {name: value for name, value in wanted.items() if value is not None}
    gone = read(rtmsg, rt.delete_route(version, destination, 7))
    assert (gone["header"]["type"], gone["scope"]) == (rt.RTM_DELROUTE, rt.RT_SCOPE_NOWHERE)


def test_what_pyroute2_writes_is_read() -> None:
    wanted = ifinfmsg()
    wanted["index"], wanted["attrs"] = 7, [("IFLA_IFNAME", "eth0"), ("IFLA_MTU", 1400), ("IFLA_ADDRESS", str(MAC))]
    wanted["header"]["type"], wanted["header"]["sequence_number"] = rt.RTM_NEWLINK, 42
    wanted.encode()
    ((kind, _, sequence, body),) = wire.messages(bytes(wanted.data))
    assert (kind, sequence) == (rt.RTM_NEWLINK, 42)
    found = wire.attributes(body, len(rt.link_header()))
    assert wire.as_text(found[rt.IFLA_IFNAME]) == "eth0"
    assert wire.as_number(found[rt.IFLA_MTU]) == 1400
    assert found[rt.IFLA_ADDRESS] == MAC.octets


def test_listings_are_asked_for_with_the_flags_of_a_listing() -> None:
    for encoded in (rt.dump_links(), rt.dump_addresses(7), rt.dump_routes(2)):
        assert read(nlmsg, encoded)["header"]["flags"] == 0x301
