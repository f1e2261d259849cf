"""The default bridge's subnets, out of the daemon's options."""

from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address, ip_interface

import pytest
from tests.unit.ipam.networks import pool

from netwright.errors import InvalidInput
from netwright.ipam.default_bridge import DefaultBridgeAddresses, default_bridge_pools
from netwright.model.network import Pool


def pools(*present: str, **asked: object) -> list[Pool]:
    """Return the pools, without the mark that says that all are given."""
    found = default_bridge_pools(DefaultBridgeAddresses(**asked), [ip_interface(text) for text in present])  # type: ignore[arg-type]
    assert all(one.given for one in found)
    return [Pool(subnet=one.subnet, range=one.range, gateway=one.gateway, auxiliary=one.auxiliary) for one in found]


def test_without_options_all_is_left_to_ipam() -> None:
    assert pools() == []


def test_the_bridges_own_address_is_the_gateway_of_its_subnet() -> None:
    assert pools(bip=IPv4Interface("192.168.5.9/24"), bip6=IPv6Interface("fd00::9/64")) == [
        pool("192.168.5.0/24", gateway="192.168.5.9"),
        pool("fd00::/64", gateway="fd00::9"),
    ]


def test_a_fixed_range_lies_in_the_bridges_subnet() -> None:
    assert pools(bip=IPv4Interface("192.168.5.1/24"), fixed=IPv4Network("192.168.5.128/25")) == [
        pool("192.168.5.0/24", "192.168.5.128/25", "192.168.5.1")
    ]


def test_a_fixed_range_alone_is_the_subnet() -> None:
    assert pools(fixed=IPv4Network("10.20.0.0/16"), fixed6=IPv6Network("fd00:1::/64")) == [
        pool("10.20.0.0/16", "10.20.0.0/16"),
        pool("fd00:1::/64", "fd00:1::/64"),
    ]


def test_another_default_gateway_is_kept_from_containers() -> None:
    assert pools(bip=IPv4Interface("192.168.5.1/24"), gateway=ip_address("192.168.5.254")) == [
        pool("192.168.5.0/24", gateway="192.168.5.1", DefaultGatewayIPv4="192.168.5.254")
    ]


def test_a_default_gateway_that_is_the_bridge_itself_says_nothing_new() -> None:
    assert pools(bip=IPv4Interface("192.168.5.1/24"), gateway=ip_address("192.168.5.1")) == [
        pool("192.168.5.0/24", gateway="192.168.5.1")
    ]


@pytest.mark.parametrize("asked", [{}, {"bip": IPv4Interface("192.168.5.1/24")}])
def test_a_default_gateway_outside_of_the_subnet_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="default gateway ip must be part of the network"):
        pools(gateway=ip_address("192.168.6.1"), **asked)


class TestBridgeThatStandsThere:
    def test_its_addresses_are_used(self) -> None:
        assert pools("10.7.0.1/16", "fd07::1/64", "fe80::1/64") == [
            pool("10.7.0.0/16", gateway="10.7.0.1"),
            pool("fd07::/64", gateway="fd07::1"),
        ]

    def test_options_come_before_them(self) -> None:
        assert pools("10.7.0.1/16", bip=IPv4Interface("192.168.5.1/24")) == [
            pool("192.168.5.0/24", gateway="192.168.5.1")
        ]

    def test_of_several_that_one_is_used_whose_subnet_has_the_fixed_range(self) -> None:
        assert pools("10.7.0.1/16", "10.8.0.1/16", fixed=IPv4Network("10.8.4.0/24")) == [
            pool("10.8.0.0/16", "10.8.4.0/24", "10.8.0.1")
        ]
