"""The options of a bridge network, as users write them."""

from ipaddress import ip_address

import pytest
from tests.unit.drivers.examples import BRIDGE, network

from netwright.drivers.bridge_options import BridgeOptions
from netwright.errors import InvalidInput
from netwright.firewall.intent import GatewayMode

PREFIX = "com.docker.network."


def parsed(name: str, value: str, *, internal: bool = False) -> BridgeOptions:
    return BridgeOptions.parse(network({name: value}, internal=internal))


def test_a_network_without_options_is_dockers_default() -> None:
    assert BridgeOptions.parse(network()) == BridgeOptions(name=BRIDGE)


@pytest.mark.parametrize(
    ("name", "value", "field", "meaning"),
    [
        ("bridge.name", "mybr0", "name", "mybr0"),
        ("bridge.name", "", "name", BRIDGE),
        ("bridge.enable_ip_masquerade", "false", "masquerade", False),
        ("bridge.enable_icc", "F", "icc", False),
        ("bridge.enable_icc", "1", "icc", True),
        ("bridge.host_binding_ipv4", "127.0.0.1", "host_binding", ip_address("127.0.0.1")),
        ("bridge.host_binding_ipv4", "::1", "host_binding", ip_address("::1")),
        ("bridge.inhibit_ipv4", "true", "inhibit_ipv4", True),
        ("bridge.default_bridge", "true", "default", True),
        ("bridge.gateway_mode_ipv4", "nat-unprotected", "mode4", GatewayMode.NAT_UNPROTECTED),
        ("bridge.gateway_mode_ipv6", "routed", "mode6", GatewayMode.ROUTED),
        ("bridge.trusted_host_interfaces", "eth1:wg0", "trusted", ("eth1", "wg0")),
        ("bridge.trusted_host_interfaces", "", "trusted", ()),
        ("driver.mtu", "1400", "mtu", 1400),
        ("driver.mtu", "0", "mtu", 0),
        ("container_iface_prefix", "net", "prefix", "net"),
        ("host_ipv4", "192.0.2.9", "snat4", ip_address("192.0.2.9")),
        ("host_ipv6", "2001:db8::9", "snat6", ip_address("2001:db8::9")),
        ("advertise_addr_nmsgs", "0", "announcements", 0),
        ("advertise_addr_ms", "2000", "announcement_interval", 2000),
    ],
)
def test_an_option_means_what_it_means_to_docker(name: str, value: str, field: str, meaning: object) -> None:
    assert getattr(parsed(name, value), field) == meaning


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("bridge.enable_icc", "yes", '(strconv.ParseBool: parsing "yes": invalid syntax)'),
        ("bridge.enable_icc", "", '(strconv.ParseBool: parsing "": invalid syntax)'),
        ("driver.mtu", "big", '(strconv.Atoi: parsing "big": invalid syntax)'),
        ("driver.mtu", "-1", "(it must be between 0 and 65535)"),
        ("advertise_addr_nmsgs", "4", "(it must be between 0 and 3)"),
        ("advertise_addr_ms", "99", "(it must be between 100 and 2000)"),
        ("bridge.host_binding_ipv4", "here", "(not an IP address)"),
        ("host_ipv4", "2001:db8::9", "(not an IPv4 address)"),
        ("host_ipv6", "192.0.2.9", "(not an IPv6 address)"),
        ("bridge.gateway_mode_ipv4", "nta", "(unknown gateway mode nta)"),
    ],
)
def test_a_value_that_means_nothing_is_refused_in_dockers_words(name: str, value: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parsed(name, value)

    assert str(refused.value) == f"failed to parse {PREFIX}{name} value: {value} {why}"


@pytest.mark.parametrize("name", ["bridge.name", "container_iface_prefix"])
@pytest.mark.parametrize("value", ["a-name-too-long-", "a/b", "a b", "a:b", ".."])
def test_what_the_kernel_takes_for_no_name_is_none(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match="an interface name has up to 15 characters"):
        parsed(name, value)


@pytest.mark.parametrize("version", [4, 6])
def test_only_an_internal_network_can_be_isolated(version: int) -> None:
    option = f"bridge.gateway_mode_ipv{version}"

    assert parsed(option, "isolated", internal=True).mode(version) is GatewayMode.ISOLATED
    with pytest.raises(InvalidInput) as refused:
        parsed(option, "isolated")
    assert str(refused.value) == "gateway mode 'isolated' can only be used for an internal network"


def test_families_have_modes_of_their_own() -> None:
    options = parsed("bridge.gateway_mode_ipv6", "routed")

    assert (options.mode(4), options.mode(6)) == (GatewayMode.NAT, GatewayMode.ROUTED)
