"""Networks between JSON and facts."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import msgspec
import pytest
from tests.unit.api.examples import CONTAINER, attachment
from tests.unit.api.fake_networks import network
from tests.unit.api.golden import agrees

from netwright.api.translate.networks import read_create, show_network
from netwright.api.versions import NEWEST, ApiVersion
from netwright.api.wire.networks import NetworkCreate
from netwright.api.wire.shape import decode
from netwright.controller.api import NetworkRequest
from netwright.errors import InvalidInput
from netwright.model.addressing import IPNetwork

V1_47 = ApiVersion(1, 47)


def read(version: ApiVersion = NEWEST, /, **body: Any) -> NetworkRequest:
    """Return the network that is asked for; the daemon's own options ask for an MTU."""
    asked = decode(NetworkCreate, msgspec.json.encode({"Name": "mine", **body}))
    return read_create(asked, version, {"com.docker.network.driver.mtu": "1400"})


def ipam(*configs: Mapping[str, object]) -> dict[str, Any]:
    """Return the part of a body that asks for pools."""
    return {"IPAM": {"Driver": "default", "Options": {}, "Config": list(configs)}}


def test_a_name_alone_is_a_bridge_of_ipv4() -> None:
    request = read()

    assert (request.driver, request.ipv4, request.ipv6, request.pools) == ("bridge", True, False, ())
    assert (request.ipam_driver, request.ipam_options) == ("default", None)
    assert request.options == {"com.docker.network.driver.mtu": "1400"}


def test_a_network_is_read_whole() -> None:
    config = {
        "Subnet": "10.1.0.0/16",
        "IPRange": "10.1.5.0/24",
        "Gateway": "10.1.0.1",
        "AuxiliaryAddresses": {"router": "10.1.0.9"},
    }

    request = read(
        Driver="macvlan",
        EnableIPv4=True,
        EnableIPv6=True,
        Internal=True,
        Attachable=True,
        ConfigOnly=True,
        ConfigFrom={"Network": "other"},
        Options={"com.docker.network.driver.mtu": "9000"},
        Labels={"a": "b"},
        **ipam(config),
    )

    (pool,) = request.pools
    assert (str(pool.subnet), str(pool.range), str(pool.gateway)) == ("10.1.0.0/16", "10.1.5.0/24", "10.1.0.1")
    assert {name: str(address) for name, address in pool.auxiliary.items()} == {"router": "10.1.0.9"}
    assert (request.driver, request.ipv6, request.internal, request.attachable) == ("macvlan", True, True, True)
    assert (request.config_only, request.config_from, request.ipam_options) == (True, "other", {})
    assert (request.options, request.labels) == ({"com.docker.network.driver.mtu": "9000"}, {"a": "b"})


def test_ipv4_cannot_be_refused_by_clients_that_do_not_know_it_can() -> None:
    assert read(V1_47, EnableIPv4=False).ipv4
    assert not read(NEWEST, EnableIPv4=False).ipv4


def test_a_driver_option_says_whether_there_is_ipv6_unless_the_body_does() -> None:
    option = {"com.docker.network.enable_ipv6": "true"}

    assert read(Options=option).ipv6
    assert not read(Options=option, EnableIPv6=False).ipv6
    with pytest.raises(InvalidInput) as refused:
        read(Options={"com.docker.network.enable_ipv6": "yes"})
    assert str(refused.value) == 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool'


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"Subnet": "10.1.0.1/16"}, "invalid subnet 10.1.0.1/16: it should be 10.1.0.0/16"),
        ({"Subnet": "10.1.0.0"}, "invalid subnet 10.1.0.0: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.0/255.255.0.0"}, "invalid subnet 10.1.0.0/255.255.0.0: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.0/33"}, "invalid subnet 10.1.0.0/33: invalid CIDR block notation"),
        ({"Subnet": "x"}, "invalid subnet x: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.0/016"}, "invalid subnet 10.1.0.0/016: invalid CIDR block notation"),
        ({"Subnet": "fe80::%eth0/64"}, "invalid subnet fe80::%eth0/64: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.0/16", "IPRange": "x"}, "invalid ip-range x: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.0/16", "IPRange": "10.2.0.1/24"}, "invalid ip-range 10.2.0.1/24: it should be 10.2.0.0/24"),
        ({"Subnet": "10.1.0.0/16", "IPRange": "10.2.0.1/24"}, "10.1.0.0/16 doesn't contain ip-range"),
        ({"Subnet": "10.1.0.0/16", "Gateway": "x"}, "invalid gateway x: invalid address"),
        ({"Subnet": "fe80::/64", "Gateway": "fe80::1%eth0"}, "invalid gateway fe80::1%eth0: invalid address"),
    ],
)
def test_pools_that_cannot_be_meant_are_refused(config: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(EnableIPv6=True, **ipam(config))

    assert fault in str(refused.value)


def test_pools_of_ipv6_count_for_nothing_while_it_is_off() -> None:
    (pool,) = read(**ipam({"Subnet": "2001:db8::1/64", "IPRange": "2001:db9::/96"})).pools

    assert str(pool.subnet) == "2001:db8::/64"
    with pytest.raises(InvalidInput):
        read(EnableIPv6=True, **ipam({"Subnet": "2001:db8::1/64"}))


def test_all_faults_of_all_pools_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        read(**ipam({"Subnet": "x"}, {"Subnet": "y"}))

    assert str(refused.value).count("\n") == 2


def test_a_range_is_told_as_it_was_written() -> None:
    with pytest.raises(InvalidInput) as refused:
        read(**ipam({"Subnet": "10.0.0.0/8", "IPRange": "192.168.0.1/24", "Gateway": "192.168.0.1"}))

    assert str(refused.value).splitlines() == [
        "invalid network config:",
        "invalid ip-range 192.168.0.1/24: it should be 192.168.0.0/24",
        "invalid ip-range 192.168.0.1/24: parent subnet 10.0.0.0/8 doesn't contain ip-range",
        "invalid gateway 192.168.0.1: parent subnet 10.0.0.0/8 doesn't contain this address",
    ]


def test_what_is_asked_of_ipv6_is_not_looked_at_where_it_is_off() -> None:
    config = {"Subnet": "fd00::1/64", "Gateway": "10.0.0.1"}

    assert [str(pool.subnet) for pool in read(**ipam(config)).pools] == ["fd00::/64"]
    with pytest.raises(InvalidInput, match="it should be fd00::/64"):
        read(EnableIPv6=True, **ipam(config))


def test_a_gateway_needs_a_subnet_around_it() -> None:
    with pytest.raises(InvalidInput, match=r"invalid gateway 10\.0\.0\.1: .* name one with --subnet"):
        read(**ipam({"Gateway": "10.0.0.1"}))


def test_a_network_is_as_docker_shows_it() -> None:
    agrees("network-51", show_network(network("bridge"), ApiVersion(1, 51), [attachment()]))
    usage: dict[IPNetwork, tuple[int, int]]
    usage = {IPv4Network("172.17.0.0/16"): (4, 65532), IPv6Network("fd00::/48"): (3, 1 << 80)}
    agrees("network-52", show_network(network("bridge"), NEWEST, [attachment()], usage))


def test_only_what_runs_is_shown_on_a_network() -> None:
    shown = show_network(network("bridge"), NEWEST, [attachment()]).containers
    assert isinstance(shown, dict)
    assert list(shown) == [CONTAINER]
    assert show_network(network("bridge"), NEWEST, [attachment(is_open=False)]).containers == {}


def test_older_clients_are_not_told_of_ipv4() -> None:
    assert "EnableIPv4" not in msgspec.to_builtins(show_network(network("bridge"), V1_47))
    assert msgspec.to_builtins(show_network(network("bridge"), NEWEST))["EnableIPv4"] is True
