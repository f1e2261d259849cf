"""What a bridge network and its endpoints mean on the machine, as values."""

from ipaddress import ip_address, ip_interface

import pytest
from tests.unit.drivers.examples import BRIDGE, MAC, NET, NETNS, POOLS, endpoint, network
from tests.unit.ipam.networks import pool

from netwright.drivers.bridge import BridgeDriver, BridgeSettings
from netwright.errors import Forbidden, InvalidInput
from netwright.firewall.intent import EndpointIntent, GatewayMode, NetworkIntent, PortIntent
from netwright.host.ops import (
    AddAddress,
    AddBridge,
    AddVeth,
    AnnounceAddress,
    DeleteLink,
    RetireLink,
    SetLinkMtu,
    SetLinkUp,
    SetSysctl,
)
from netwright.model.addressing import Mac
from netwright.model.network import Pool
from netwright.model.ports import Port, PortBinding, Protocol

GROUP = 77
DRIVER = BridgeDriver(BridgeSettings(group=GROUP))
GATEWAYS = [AddAddress(link=BRIDGE, address=ip_interface(text)) for text in ("10.0.0.1/24", "fd00::1/64")]
ISOLATED = {"bridge.gateway_mode_ipv4": "isolated", "bridge.gateway_mode_ipv6": "isolated"}


def no_ipv6(value: str, *, optional: bool) -> SetSysctl:
    return SetSysctl(key=f"net/ipv6/conf/{BRIDGE}/disable_ipv6", value=value, optional=optional)


class TestCheck:
    def test_one_subnet_for_each_family_is_good(self) -> None:
        DRIVER.check(network())

    @pytest.mark.parametrize("more", ["10.1.0.0/24", "fd01::/64"])
    def test_several_of_a_family_are_refused(self, more: str) -> None:
        with pytest.raises(Forbidden, match=r"^bridge driver doesn't support multiple subnets$"):
            DRIVER.check(network(pools=(*POOLS, pool(more))))

    @pytest.mark.parametrize(
        ("pools", "said"),
        [
            ((), "ipv4 pool is empty"),
            ((pool("0.0.0.0/0"),), "ipv4 pool is empty"),
            ((POOLS[0],), "ipv6 pool is empty"),
            ((POOLS[0], pool("::/0")), "ipv6 pool is empty"),
        ],
    )
    def test_a_family_without_a_subnet_is_refused(self, pools: tuple[Pool, ...], said: str) -> None:
        with pytest.raises(InvalidInput, match=f"^{said}$"):
            DRIVER.check(network(pools=pools))

    def test_of_the_link_local_prefix_the_whole_can_be_the_subnet_and_no_part(self) -> None:
        DRIVER.check(network(pools=(POOLS[0], pool("fe80::/64"))))
        with pytest.raises(InvalidInput, match="fe80::/80 clashes with the Link-Local prefix 'fe80::/64'"):
            DRIVER.check(network(pools=(POOLS[0], pool("fe80::/80"))))

    def test_options_are_looked_at(self) -> None:
        with pytest.raises(InvalidInput, match="unknown gateway mode x"):
            DRIVER.check(network({"bridge.gateway_mode_ipv4": "x"}))


class TestNetwork:
    def test_its_bridge_is_made_down_with_its_gateway_addresses(self) -> None:
        assert DRIVER.create_network(network()) == [
            AddBridge(name=BRIDGE, mac=Mac.derived(NET), mtu=1500, group=GROUP),
            SetSysctl(key=f"net/ipv6/conf/{BRIDGE}/accept_ra", value="0", optional=True),
            no_ipv6("0", optional=False),
            SetSysctl(key=f"net/ipv6/conf/{BRIDGE}/accept_dad", value="0"),
            *GATEWAYS,
        ]

    def test_without_ipv6_it_has_none_at_all(self) -> None:
        ops = DRIVER.create_network(network(ipv6=False))

        assert no_ipv6("1", optional=True) in ops
        assert GATEWAYS[1] not in ops

    def test_an_isolated_one_has_no_address_of_the_host(self) -> None:
        ops = DRIVER.create_network(network(ISOLATED, internal=True))

        assert not any(isinstance(op, AddAddress) for op in ops)
        assert no_ipv6("1", optional=True) in ops

    def test_addresses_can_be_left_to_the_admin(self) -> None:
        ops = DRIVER.create_network(network({"bridge.inhibit_ipv4": "true"}))

        assert [op for op in ops if isinstance(op, AddAddress)] == [GATEWAYS[1]]

    def test_an_mtu_is_the_bridges(self) -> None:
        assert DRIVER.create_network(network({"driver.mtu": "1400"}))[0] == AddBridge(
            name=BRIDGE, mac=Mac.derived(NET), mtu=1400, group=GROUP
        )

    def test_a_bridge_that_stood_there_is_used_and_left_standing(self) -> None:
        row = network({"driver.mtu": "1400"}, adopted=True)

        assert DRIVER.create_network(row)[0] == SetLinkMtu(name=BRIDGE, mtu=1400)
        assert DRIVER.delete_network(row) == ()
        assert not any(isinstance(op, SetLinkMtu) for op in DRIVER.create_network(network(adopted=True)))

    def test_it_comes_up_after_the_firewall_guards_loopback(self) -> None:
        local = SetSysctl(key=f"net/ipv4/conf/{BRIDGE}/route_localnet", value="1")
        up = SetLinkUp(name=BRIDGE)

        assert DRIVER.open_network(network()) == [local, up]
        assert DRIVER.open_network(network(internal=True)) == [up]
        assert BridgeDriver(BridgeSettings(group=GROUP, loopback_by_nat=False)).open_network(network()) == [up]

    def test_it_is_found_by_its_name_and_removed(self) -> None:
        assert list(DRIVER.links(network({"bridge.name": "mybr0"}))) == ["mybr0"]
        assert DRIVER.delete_network(network()) == (DeleteLink(name=BRIDGE),)

    def test_each_family_that_is_on_has_an_intent(self) -> None:
        row = network({"bridge.enable_icc": "false", "host_ipv6": "2001:db8::9", "bridge.gateway_mode_ipv4": "routed"})

        four, six = DRIVER.intents(row)

        assert four == NetworkIntent(
            network=NET, bridge=BRIDGE, subnet=POOLS[0].subnet, mode=GatewayMode.ROUTED, icc=False
        )
        assert six == NetworkIntent(
            network=NET, bridge=BRIDGE, subnet=POOLS[1].subnet, icc=False, snat_to=ip_address("2001:db8::9")
        )
        assert [
            intent.version for intent in DRIVER.intents(network(ipv6=False)) if isinstance(intent, NetworkIntent)
        ] == [4]


class TestGateway:
    def test_it_is_the_bridge_itself(self) -> None:
        assert (DRIVER.gateway(network(), 4), DRIVER.gateway(network(), 6)) == (POOLS[0].gateway, POOLS[1].gateway)

    def test_or_a_router_that_is_named_for_it(self) -> None:
        router = pool("10.0.0.0/24", gateway="10.0.0.1", DefaultGatewayIPv4="10.0.0.254")

        assert DRIVER.gateway(network(pools=(router,)), 4) == ip_address("10.0.0.254")

    def test_isolated_families_have_none_and_need_none(self) -> None:
        row = network(ISOLATED, internal=True)

        for version in (4, 6):
            assert DRIVER.gateway(row, version) is None
            assert not DRIVER.needs_gateway(row, version)

    def test_none_is_needed_of_ipv4_where_neither_bridge_nor_containers_would_use_it(self) -> None:
        inhibited = {"bridge.inhibit_ipv4": "true"}

        assert DRIVER.needs_gateway(network(inhibited), 4)
        assert DRIVER.needs_gateway(network(internal=True), 4)
        assert not DRIVER.needs_gateway(network(inhibited, internal=True), 4)
        assert DRIVER.needs_gateway(network(inhibited, internal=True), 6)


class TestEndpoint:
    def test_it_is_plugged_in_addressed_and_brought_up(self) -> None:
        first, *rest = DRIVER.attach(network(), endpoint(), NETNS)

        assert first == AddVeth(
            host_name="veth9",
            host_mac=Mac.derived("e" * 64 + "/host"),
            bridge=BRIDGE,
            name="eth0",
            mac=MAC,
            netns=NETNS,
            mtu=1500,
            group=GROUP,
        )
        assert rest == [
            SetSysctl(key="net/ipv6/conf/eth0/disable_ipv6", value="0", netns=NETNS),
            AddAddress(link="eth0", address=ip_interface("10.0.0.9/24"), netns=NETNS),
            AddAddress(link="eth0", address=ip_interface("fd00::9/64"), netns=NETNS),
            SetLinkUp(name="eth0", netns=NETNS),
            SetLinkUp(name="veth9"),
        ]

    def test_it_is_announced_with_all_its_addresses_as_often_as_docker_does(self) -> None:
        assert DRIVER.announce(network(), endpoint(), NETNS) == (
            AnnounceAddress(
                link="eth0",
                mac=MAC,
                addresses=(ip_address("10.0.0.9"), ip_address("fd00::9")),
                netns=NETNS,
                count=3,
                interval=1000,
            ),
        )
        assert not DRIVER.is_told_to_announce(network())

    def test_without_ipv6_none_is_switched_on(self) -> None:
        assert not any(isinstance(op, SetSysctl) for op in DRIVER.attach(network(), endpoint(ipv6=False), NETNS))

    def test_link_local_addresses_come_with_dockers_lengths(self) -> None:
        ops = DRIVER.attach(network(), endpoint(local=("169.254.8.8", "fe80::8")), NETNS)

        assert [str(op.address) for op in ops if isinstance(op, AddAddress)][2:] == ["169.254.8.8/16", "fe80::8/64"]

    def test_announcements_can_be_switched_off(self) -> None:
        assert DRIVER.announce(network({"advertise_addr_nmsgs": "0"}), endpoint(), NETNS) == ()

    @pytest.mark.parametrize("said", [{"advertise_addr_nmsgs": "3"}, {"advertise_addr_ms": "1000"}])
    def test_what_options_say_of_announcements_is_an_order_even_where_it_is_the_default(
        self, said: dict[str, str]
    ) -> None:
        assert DRIVER.is_told_to_announce(network(said))

    def test_the_networks_mtu_is_the_endpoints(self) -> None:
        (veth,) = (
            op for op in DRIVER.attach(network({"driver.mtu": "9000"}), endpoint(), NETNS) if isinstance(op, AddVeth)
        )

        assert veth.mtu == 9000

    def test_in_a_namespace_that_lives_on_its_end_is_retired_first(self) -> None:
        addresses = (ip_interface("10.0.0.9/24"), ip_interface("fd00::9/64"))

        assert DRIVER.detach(network(), endpoint(), NETNS) == (
            RetireLink(name="eth0", netns=NETNS, addresses=addresses),
            DeleteLink(name="veth9"),
        )
        assert DRIVER.detach(network(), endpoint(), None) == (DeleteLink(name="veth9"),)

    def test_a_mac_that_was_not_asked_for_is_the_endpoints_for_ever(self) -> None:
        first, again = (DRIVER.attach(network(), endpoint(mac=None), NETNS)[0] for _ in range(2))

        assert isinstance(first, AddVeth)
        assert first == again
        assert first.mac == Mac.derived("e" * 64)

    def test_neighbours_call_for_it_only_where_it_is_routed(self) -> None:
        routed = {"bridge.gateway_mode_ipv6": "routed"}

        assert DRIVER.called_for(network(routed), endpoint()) == (ip_address("fd00::9"),)
        assert DRIVER.called_for(network(), endpoint()) == ()
        assert DRIVER.called_for(network(routed), endpoint(ipv6=False)) == ()
        assert DRIVER.called_for(network(routed, internal=True), endpoint()) == ()

    def test_every_address_has_an_intent(self) -> None:
        intents = DRIVER.endpoint_intents(network(), endpoint(local=("fe80::8",)))

        assert [intent.address for intent in intents if isinstance(intent, EndpointIntent)] == [
            ip_address(text) for text in ("10.0.0.9", "fd00::9", "fe80::8")
        ]
        assert intents[0] == EndpointIntent(
            network=NET, bridge=BRIDGE, port="veth9", mac=MAC, address=ip_address("10.0.0.9")
        )

    def test_a_published_port_leads_to_its_address_of_the_same_family(self) -> None:
        port = Port(80, Protocol.TCP)
        both = tuple(PortBinding(port, ip_address(text), 8080) for text in ("0.0.0.0", "::"))

        def ports(*, ipv6: bool) -> list[tuple[str, str]]:
            intents = DRIVER.endpoint_intents(network(), endpoint(ipv6=ipv6, bindings=both))
            return [(str(i.host_ip), str(i.to_address)) for i in intents if isinstance(i, PortIntent)]

        assert ports(ipv6=True) == [("0.0.0.0", "10.0.0.9"), ("::", "fd00::9")]
        # What IPv6 clients send to a container without it, the relay carries.
        assert ports(ipv6=False) == [("0.0.0.0", "10.0.0.9")]


def test_what_options_say_of_names_bindings_and_modes_is_told() -> None:
    row = network(
        {
            "container_iface_prefix": "net",
            "bridge.host_binding_ipv4": "127.0.0.1",
            "bridge.gateway_mode_ipv6": "routed",
        }
    )

    assert DRIVER.interface_prefix(row) == "net"
    assert DRIVER.default_binding(row) == ip_address("127.0.0.1")
    assert (DRIVER.is_routed(row, 4), DRIVER.is_routed(row, 6)) == (False, True)
