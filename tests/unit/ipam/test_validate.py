"""What is wrong with a pool, in Docker's words."""

from ipaddress import ip_address, ip_interface

import pytest
from tests.unit.ipam.networks import pool

from netwright.errors import InvalidInput
from netwright.ipam.validate import PoolWish, check_pools, is_automatic, wish_faults


def wish(subnet: str = "", span: str = "", gateway: str = "", **auxiliary: str) -> PoolWish:
    return PoolWish(
        subnet=ip_interface(subnet) if subnet else None,
        range=ip_interface(span) if span else None,
        gateway=ip_address(gateway) if gateway else None,
        auxiliary={name: ip_address(address) for name, address in auxiliary.items()},
    )


@pytest.mark.parametrize(
    "good",
    [
        wish(),
        wish("10.0.0.0/8", "10.10.0.0/16", "10.10.0.1", router="10.1.2.3"),
        wish("10.0.0.0/24", "10.0.0.0/24"),
        wish("10.0.0.0/31", gateway="10.0.0.1"),
        wish("10.0.0.5/32"),
        wish("fd00::/64", "fd00::8000:0/97", "fd00::1", router="fd00::2"),
        wish("fd00::5/128"),
        wish("0.0.0.0/0"),
        wish("0.0.0.0/26"),
        wish("::/64"),
    ],
)
def test_what_can_be_meant_has_no_faults(good: PoolWish) -> None:
    assert wish_faults(good) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (wish("10.1.2.3/24"), "invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24"),
        (wish("fd00::1/64"), "invalid subnet fd00::1/64: it should be fd00::/64"),
        (wish("10.0.0.0/8", "10.10.10.0/16"), "invalid ip-range 10.10.10.0/16: it should be 10.10.0.0/16"),
        (
            wish("10.10.10.0/24", "10.0.0.0/8"),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.10.10.0/24",
        ),
        (
            wish("10.0.0.0/24", "10.9.0.0/25"),
            "invalid ip-range 10.9.0.0/25: parent subnet 10.0.0.0/24 doesn't contain ip-range",
        ),
        (wish("10.0.0.0/24", "fd00::/64"), "invalid ip-range fd00::/64: parent subnet is an IPv4 block"),
        (wish("fd00::/64", "10.0.0.0/24"), "invalid ip-range 10.0.0.0/24: parent subnet is an IPv6 block"),
        (wish("10.0.0.0/24", gateway="fd00::1"), "invalid gateway fd00::1: parent subnet is an IPv4 block"),
        (
            wish("10.0.0.0/24", gateway="10.9.0.1"),
            "invalid gateway 10.9.0.1: parent subnet 10.0.0.0/24 doesn't contain this address",
        ),
        (wish("fd00::/64", a="10.9.0.1"), "invalid auxiliary address a: parent subnet is an IPv6 block"),
        (
            wish("10.0.0.0/24", a="10.9.0.1"),
            "invalid auxiliary address a: parent subnet 10.0.0.0/24 doesn't contain this address",
        ),
    ],
)
def test_a_fault_is_told_in_dockers_words(wrong: PoolWish, fault: str) -> None:
    assert wish_faults(wrong) == [fault]


def test_ipv4_in_ipv6_clothes_is_refused_with_what_to_write() -> None:
    mapped, gateway = ip_interface("::ffff:10.0.0.9/120"), ip_address("::ffff:10.0.0.1")

    assert wish_faults(PoolWish(subnet=mapped, gateway=gateway)) == [
        f"invalid subnet {mapped}: an IPv4 prefix in IPv6 clothes: write 10.0.0.0/24",
        f"invalid gateway {gateway}: {gateway} is an IPv4 address in IPv6 clothes: write 10.0.0.1",
    ]


def test_all_faults_are_told_in_order() -> None:
    wrong = wish("10.0.0.1/8", "192.168.0.1/7", "192.168.0.1", DefaultGatewayIPv4="192.168.0.1")

    assert wish_faults(wrong) == [
        "invalid subnet 10.0.0.1/8: it should be 10.0.0.0/8",
        "invalid ip-range 192.168.0.1/7: CIDR block is bigger than its parent subnet 10.0.0.1/8",
        "invalid ip-range 192.168.0.1/7: it should be 192.0.0.0/7",
        "invalid ip-range 192.168.0.1/7: parent subnet 10.0.0.1/8 doesn't contain ip-range",
        "invalid gateway 192.168.0.1: parent subnet 10.0.0.1/8 doesn't contain this address",
        "invalid auxiliary address DefaultGatewayIPv4: parent subnet 10.0.0.1/8 doesn't contain this address",
    ]


@pytest.mark.parametrize("subnet", ["", "0.0.0.0/0", "0.0.0.0/26"])
def test_of_a_subnet_that_the_engine_chooses_nothing_can_be_named(subnet: str) -> None:
    faults = wish_faults(wish(subnet, "10.0.0.0/28", "10.0.0.1", a="10.0.0.2"))

    parent = subnet or "0.0.0.0/0"
    cure = "the engine chooses this subnet; name one with --subnet"
    assert faults == [
        f"invalid ip-range 10.0.0.0/28: invalid address subpool: {cure}",
        f"invalid gateway 10.0.0.1: parent subnet {parent} doesn't contain this address: {cure}",
        f"invalid auxiliary address a: parent subnet {parent} doesn't contain this address: {cure}",
    ]


def test_a_length_with_a_host_part_is_a_fault() -> None:
    assert wish_faults(wish("0.0.0.1/24")) == ["invalid subnet 0.0.0.1/24: it should be 0.0.0.0/24"]


def test_a_network_has_the_faults_of_all_its_pools() -> None:
    wrong = [pool("10.0.0.0/24", gateway="10.9.0.1"), pool("10.1.0.0/24"), pool("10.2.0.0/24", "10.9.0.0/25")]

    with pytest.raises(InvalidInput) as refused:
        check_pools(wrong)

    assert str(refused.value).splitlines() == [
        "invalid network config:",
        "invalid gateway 10.9.0.1: parent subnet 10.0.0.0/24 doesn't contain this address",
        "invalid ip-range 10.9.0.0/25: parent subnet 10.2.0.0/24 doesn't contain ip-range",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (wish("10.1.2.3/24", "10.1.2.9/28", "10.1.2.1"), pool("10.1.2.0/24", "10.1.2.0/28", "10.1.2.1")),
        (wish(gateway="fd00::1"), pool("::/0", gateway="fd00::1")),
        (wish(span="10.0.0.0/28"), pool("0.0.0.0/0", "10.0.0.0/28")),
        (wish(a="10.0.0.1"), pool("0.0.0.0/0", a="10.0.0.1")),
        (wish(), None),
    ],
)
def test_a_wish_is_read_as_the_pool_that_is_meant(asked: PoolWish, expected: object) -> None:
    assert asked.pool == expected


@pytest.mark.parametrize(
    ("subnet", "automatic"), [("0.0.0.0/0", True), ("0.0.0.0/26", True), ("::/64", True), ("10.0.0.0/8", False)]
)
def test_a_subnet_of_zeros_is_one_that_the_engine_chooses(subnet: str, automatic: bool) -> None:
    assert is_automatic(pool(subnet)) is automatic
