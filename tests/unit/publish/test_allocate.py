"""Choosing host ports: what is wished for, what is free, and what the relay must serve."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import InvalidInput, SystemFailure
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec
from netwright.model.ports import Port, PortBinding, PortRequest, Protocol
from netwright.publish.allocate import (
    EPHEMERAL_TRIES,
    HostPorts,
    Reach,
    RelayPolicy,
    Wish,
    opened,
    preferred_numbers,
    wishes,
)

TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
WEB = Port(80, TCP)
LOOPBACK4, LOOPBACK6 = ip_address("127.0.0.1"), ip_address("::1")
LAN4, LAN6 = ip_address("192.0.2.1"), ip_address("2001:db8::1")
BOTH = (ANY_IPV4, ANY_IPV6)


def wished(*requests: PortRequest, reach: Reach | None = None, exposed: tuple[Port, ...] = ()) -> list[Wish]:
    return wishes(requests, exposed, publish_all=bool(exposed), reach=reach or Reach())


def bound(number: int, address: IPAddress = ANY_IPV4, port: Port = WEB) -> PortBinding:
    return PortBinding(port, address, number)


def wish(first: int = 0, last: int = 0, *addresses: IPAddress, port: Port = WEB) -> Wish:
    return Wish(port=port, addresses=addresses or (ANY_IPV4,), first=first, last=last or first)


class TestWishes:
    def test_a_port_without_an_address_is_wished_for_in_both_families_under_one_number(self) -> None:
        assert wished(PortRequest(WEB)) == [Wish(port=WEB, addresses=BOTH)]

    def test_a_host_without_ipv6_has_no_part_of_it(self) -> None:
        assert wished(PortRequest(WEB), reach=Reach(host6=False)) == [Wish(port=WEB, addresses=(ANY_IPV4,))]

    @pytest.mark.parametrize("default", [LAN4, LAN6, ANY_IPV6])
    def test_another_default_address_stands_alone(self, default: IPAddress) -> None:
        assert wished(PortRequest(WEB), reach=Reach(default=default))[0].addresses == (default,)

    @pytest.mark.parametrize("address", [ANY_IPV4, LOOPBACK4, ANY_IPV6, LOOPBACK6])
    def test_an_address_that_is_asked_for_stands_alone(self, address: IPAddress) -> None:
        assert wished(PortRequest(WEB, address), reach=Reach(default=LAN4))[0].addresses == (address,)

    def test_ipv4_addresses_do_not_lead_to_an_endpoint_without_it(self) -> None:
        reach = Reach(endpoint4=False, endpoint6=True)
        assert wished(PortRequest(WEB), reach=reach)[0].addresses == (ANY_IPV6,)
        assert wished(PortRequest(WEB, LOOPBACK4), reach=reach) == []

    def test_ipv6_addresses_lead_to_an_endpoint_without_it_but_for_sctp(self) -> None:
        only4 = Reach(endpoint4=True, endpoint6=False)
        assert wished(PortRequest(WEB, LOOPBACK6), reach=only4)[0].addresses == (LOOPBACK6,)
        assert wished(PortRequest(Port(80, SCTP)), reach=only4)[0].addresses == (ANY_IPV4,)
        assert wished(PortRequest(Port(80, SCTP)), reach=Reach(endpoint6=True))[0].addresses == BOTH

    def test_a_family_that_is_routed_has_no_host_ports(self) -> None:
        request = PortRequest(WEB)
        assert wished(request, reach=Reach(endpoint6=True, routed6=True))[0].addresses == (ANY_IPV4,)
        assert wished(request, reach=Reach(endpoint6=True, routed4=True))[0].addresses == (ANY_IPV6,)
        assert wished(PortRequest(WEB, LOOPBACK6), reach=Reach(endpoint6=True, routed6=True)) == []
        assert wished(request, reach=Reach(endpoint6=True, routed4=True, routed6=True)) == []

    def test_all_that_is_exposed_is_published_but_for_what_is_published_by_name(self) -> None:
        dns = Port(53, UDP)
        assert wished(PortRequest(WEB, None, 8080, 8080), exposed=(WEB, dns)) == [
            Wish(port=WEB, addresses=BOTH, first=8080, last=8080),
            Wish(port=dns, addresses=BOTH),
        ]

    def test_nothing_exposed_is_published_unasked(self) -> None:
        assert wishes((), [WEB], publish_all=False, reach=Reach()) == []

    def test_fixed_numbers_come_first_then_dockers_order(self) -> None:
        requests = [
            PortRequest(Port(90, TCP)),
            PortRequest(Port(80, TCP), None, 8000, 8010),
            PortRequest(Port(80, UDP)),
            PortRequest(Port(80, TCP)),
            PortRequest(Port(99, SCTP), None, 8005, 8005),
            PortRequest(Port(99, UDP), None, 8005, 8005),
            PortRequest(Port(99, UDP), None, 8004, 8004),
        ]
        assert [(w.port.number, w.port.protocol, w.first) for w in wished(*requests)] == [
            (99, UDP, 8004),
            (99, UDP, 8005),
            (99, SCTP, 8005),
            (80, TCP, 0),
            (80, TCP, 8000),
            (80, UDP, 0),
            (90, TCP, 0),
        ]

    def test_requests_that_differ_in_the_address_alone_get_one_number(self) -> None:
        found = wished(PortRequest(WEB, LOOPBACK6), PortRequest(WEB, LAN4), PortRequest(WEB, LOOPBACK4))
        assert found == [Wish(port=WEB, addresses=(LOOPBACK4, LAN4, LOOPBACK6))]

    def test_an_address_beside_the_one_that_stands_for_all_is_covered(self) -> None:
        found = wished(
            PortRequest(WEB, LOOPBACK4, 80, 80), PortRequest(WEB, None, 80, 80), PortRequest(WEB, None, 80, 80)
        )
        assert found == [Wish(port=WEB, addresses=BOTH, first=80, last=80)]

    def test_container_port_zero_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="invalid container port 0"):
            wished(PortRequest(Port(0, TCP)))


class TestCandidates:
    def test_a_fixed_number_is_the_only_one(self) -> None:
        assert list(HostPorts().candidates(wish(8080), preferred=(9090,))) == [8080]

    def test_a_number_that_is_taken_is_refused_in_dockers_words_and_says_by_whom(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(8080)])
        with pytest.raises(SystemFailure) as refusal:
            next(ports.candidates(wish(8080)))
        assert str(refusal.value) == "Bind for 0.0.0.0:8080 failed: port is already allocated (to web)"

    def test_bindings_that_are_added_stand_beside_those_that_are_there(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(8000)])
        ports.add(Id("e1"), "web", [bound(8001)])
        assert list(ports.candidates(wish(8000, 8002))) == [8002]
        ports.drop(Id("e1"))
        assert list(ports.candidates(wish(8000, 8002))) == [8000, 8001, 8002]

    def test_ipv6_is_written_in_brackets(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(8080, ANY_IPV6)])
        with pytest.raises(SystemFailure, match=r"^Bind for \[::1\]:8080 failed: port is already allocated"):
            next(ports.candidates(wish(8080, 8080, LOOPBACK6)))

    def test_a_range_is_tried_from_its_start_around_what_is_taken(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(8001)])
        assert list(ports.candidates(wish(8000, 8003))) == [8000, 8002, 8003]

    def test_a_range_without_a_free_number_is_refused_in_dockers_words(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(8000), bound(8001)])
        with pytest.raises(SystemFailure, match=r"^all ports are allocated"):
            next(ports.candidates(wish(8000, 8001)))

    def test_what_was_had_before_is_tried_first(self) -> None:
        ports = HostPorts(ephemeral=range(100, 200))
        assert next(ports.candidates(wish(8000, 8009), preferred=(8005,))) == 8005
        assert list(islice(ports.candidates(wish(), preferred=(150,)), 2)) == [150, 100]

    def test_what_was_had_before_is_not_tried_where_it_is_taken_or_outside(self) -> None:
        ports = HostPorts(ephemeral=range(100, 200))
        ports.put(Id("e1"), "web", [bound(150)])
        assert next(ports.candidates(wish(), preferred=(150,))) == 100
        assert next(ports.candidates(wish(8000, 8009), preferred=(9000,))) == 8000

    def test_free_choice_goes_round_and_leaves_reserved_numbers_alone(self) -> None:
        ports = HostPorts(ephemeral=range(100, 104), avoided=frozenset({102}))
        chosen = [next(ports.candidates(wish())) for _ in range(5)]
        assert chosen == [100, 101, 103, 100, 101]

    def test_a_number_of_before_does_not_move_the_choice(self) -> None:
        ports = HostPorts(ephemeral=range(100, 104))
        assert next(ports.candidates(wish(), preferred=(8081, 102))) == 102
        assert next(ports.candidates(wish())) == 100

    def test_reserved_numbers_are_granted_where_they_are_asked_for(self) -> None:
        ports = HostPorts(avoided=frozenset({8080, 8081}))
        assert list(ports.candidates(wish(8080))) == [8080]
        assert list(ports.candidates(wish(8080, 8081))) == [8080, 8081]

    def test_free_choice_tries_some_in_a_row_and_gives_up(self) -> None:
        ports = HostPorts(ephemeral=range(100, 200))
        assert list(ports.candidates(wish())) == list(range(100, 100 + EPHEMERAL_TRIES))
        assert next(ports.candidates(wish())) == 100 + EPHEMERAL_TRIES

    def test_free_choice_is_of_a_number_that_is_free_at_all_addresses(self) -> None:
        ports = HostPorts(ephemeral=range(100, 103))
        ports.put(Id("e1"), "web", [bound(100, LOOPBACK6), bound(101, LAN4)])
        assert list(ports.candidates(wish(0, 0, *BOTH))) == [102]


class TestHostPorts:
    @pytest.mark.parametrize(
        ("asked", "free"),
        [(ANY_IPV4, False), (LAN4, False), (LOOPBACK4, True), (ANY_IPV6, True), (LOOPBACK6, True)],
    )
    def test_one_address_stands_in_the_way_of_itself_and_of_all(self, asked: IPAddress, free: bool) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(80, LAN4)])
        assert (ports.holder(TCP, asked, 80) is None) is free

    def test_all_addresses_stand_in_the_way_of_each(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(80)])
        assert [ports.holder(TCP, address, 80) for address in (ANY_IPV4, LAN4, LOOPBACK4)] == ["web"] * 3

    def test_other_protocols_and_numbers_are_free(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(80)])
        assert (ports.holder(UDP, ANY_IPV4, 80), ports.holder(TCP, ANY_IPV4, 81)) == (None, None)

    def test_an_endpoints_bindings_are_replaced_as_a_whole(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(80), bound(81)])
        ports.put(Id("e1"), "www", [bound(81), bound(82)])
        assert [ports.holder(TCP, ANY_IPV4, number) for number in (80, 81, 82)] == [None, "www", "www"]

    def test_ports_that_are_opened_directly_take_no_number(self) -> None:
        ports = HostPorts()
        ports.put(Id("e1"), "web", [bound(0)])
        assert ports.holder(TCP, ANY_IPV4, 0) is None

    def test_dropping_what_is_not_there_is_content(self) -> None:
        HostPorts().drop(Id("e1"))


ADDRESSES = st.sampled_from([ANY_IPV4, LAN4, LOOPBACK4, ANY_IPV6, LAN6, LOOPBACK6])
NUMBERS = st.integers(100, 104)
BINDINGS = st.builds(PortBinding, port=st.sampled_from([WEB, Port(53, UDP)]), host_ip=ADDRESSES, host_port=NUMBERS)
CHANGES = st.lists(st.tuples(st.sampled_from(["e1", "e2", "e3"]), st.lists(BINDINGS, max_size=4)), max_size=12)


def told(changes: list[tuple[str, list[PortBinding]]]) -> tuple[HostPorts, Mapping[str, list[PortBinding]]]:
    """Return the index after changes, and plainly who has what; an empty list is a removal."""
    ports, rows = HostPorts(ephemeral=range(100, 105)), {}
    for endpoint, bindings in changes:
        rows[endpoint] = bindings
        if bindings:
            ports.put(Id(endpoint), endpoint, bindings)
        else:
            ports.drop(Id(endpoint))
    return ports, rows


def clash(one: IPAddress, other: IPAddress) -> bool:
    return one.version == other.version and (one == other or one.is_unspecified or other.is_unspecified)


@given(CHANGES, BINDINGS)
def test_the_index_agrees_with_the_rows_whatever_came_and_went(
    changes: list[tuple[str, list[PortBinding]]], asked: PortBinding
) -> None:
    ports, rows = told(changes)
    holders = {
        endpoint
        for endpoint, bindings in rows.items()
        for binding in bindings
        if binding.port.protocol is asked.port.protocol
        and binding.host_port == asked.host_port
        and clash(binding.host_ip, asked.host_ip)
    }
    found = ports.holder(asked.port.protocol, asked.host_ip, asked.host_port)
    assert found in holders if holders else found is None


@given(CHANGES)
def test_an_index_from_which_all_is_dropped_is_an_empty_one(changes: list[tuple[str, list[PortBinding]]]) -> None:
    ports, rows = told(changes)
    for endpoint in rows:
        ports.drop(Id(endpoint))
    assert ports == HostPorts(ephemeral=range(100, 105))


@given(CHANGES, st.lists(ADDRESSES, min_size=1, unique=True), NUMBERS, NUMBERS, st.integers(0, 104))
def test_candidates_are_exactly_what_is_free_and_wished_for(
    changes: list[tuple[str, list[PortBinding]]], addresses: list[IPAddress], first: int, last: int, preferred: int
) -> None:
    ports, _ = told(changes)
    free = {
        number
        for number in range(first, last + 1)
        if all(ports.holder(TCP, address, number) is None for address in addresses)
    }
    asked = Wish(port=WEB, addresses=tuple(addresses), first=first, last=max(first, last))
    try:
        found = list(ports.candidates(asked, (preferred,)))
    except SystemFailure:
        found = []
    if first <= last:
        assert sorted(found) == sorted(free)
        if preferred in free and first < last:
            assert found[0] == preferred


@given(st.lists(st.builds(PortRequest, st.builds(Port, NUMBERS, st.sampled_from(Protocol)), st.none() | ADDRESSES)))
def test_no_wish_is_in_its_own_way_and_no_request_is_lost(requests: list[PortRequest]) -> None:
    found = wished(*requests, reach=Reach(endpoint6=True))
    for one in found:
        for address in one.addresses:
            assert sum(clash(address, other) for other in one.addresses) == 1
    for request in requests:
        served = [one for one in found if one.port == request.port]
        assert len(served) == 1
        for address in BOTH if request.host_ip is None else (request.host_ip,):
            assert address in served[0].addresses or (ANY_IPV4, ANY_IPV6)[address.version == 6] in served[0].addresses


ENDPOINT = Endpoint(
    id=Id("e1"),
    network=Id("n1"),
    sandbox=Id("s1"),
    spec=EndpointSpec(),
    order=0,
    ipv4=IPv4Interface("172.17.0.2/16"),
    ipv6=IPv6Interface("fd00::2/64"),
)
ONLY4 = replace(ENDPOINT, ipv6=None)
ONLY6 = replace(ENDPOINT, ipv4=None)


class TestRelayPolicy:
    @pytest.mark.parametrize("address", [ANY_IPV4, LOOPBACK4, LAN4, LAN6])
    def test_the_kernel_does_what_it_can(self, address: IPAddress) -> None:
        assert RelayPolicy().target(bound(80, address), ENDPOINT) is None

    @pytest.mark.parametrize("address", [ANY_IPV6, LOOPBACK6])
    def test_ipv6_loopback_goes_by_the_relay(self, address: IPAddress) -> None:
        assert str(RelayPolicy().target(bound(80, address), ENDPOINT)) == "fd00::2"

    @pytest.mark.parametrize("address", [ANY_IPV6, LOOPBACK6, LAN6])
    def test_ipv6_to_an_endpoint_without_it_goes_by_the_relay(self, address: IPAddress) -> None:
        assert str(RelayPolicy().target(bound(80, address), ONLY4)) == "172.17.0.2"

    def test_all_of_a_family_goes_by_the_relay_where_nothing_translates_it(self) -> None:
        policy = RelayPolicy(always4=True)
        assert str(policy.target(bound(80, LAN4), ENDPOINT)) == "172.17.0.2"
        assert policy.target(bound(80, LAN6), ENDPOINT) is None
        assert str(RelayPolicy(always6=True).target(bound(80, LAN6), ENDPOINT)) == "fd00::2"

    def test_an_ipv4_address_leads_to_an_endpoint_without_it_too(self) -> None:
        assert str(RelayPolicy().target(bound(80, LAN4), ONLY6)) == "fd00::2"

    def test_sctp_and_what_has_no_host_port_never_goes_by_the_relay(self) -> None:
        policy = RelayPolicy(always4=True, always6=True)
        assert policy.target(bound(80, ANY_IPV6, Port(80, SCTP)), ENDPOINT) is None
        assert policy.target(bound(0, ANY_IPV6), ENDPOINT) is None


def test_the_numbers_of_before_are_all_those_of_a_wishs_port_at_its_addresses() -> None:
    before = [
        bound(8080, ANY_IPV4, WEB),
        bound(32768, ANY_IPV6, WEB),
        bound(8080, ANY_IPV6, WEB),
        bound(32769, ANY_IPV4, Port(81, TCP)),
        bound(0, ANY_IPV4, WEB),
    ]
    assert preferred_numbers(wish(0, 0, *BOTH), before) == [8080, 32768]
    assert preferred_numbers(wish(0, 0, LOOPBACK4), before) == []


def test_each_family_has_the_default_address_of_its_own_gateways_network() -> None:
    reach = Reach(default=LAN4, default6=ANY_IPV4, endpoint6=True)

    assert [wish.addresses for wish in wished(PortRequest(WEB), reach=reach)] == [(LAN4, ANY_IPV6)]


def test_where_endpoints_are_reached_directly_all_ports_asked_for_in_the_family_are_opened() -> None:
    other = Port(81, TCP)
    named = PortRequest(WEB, LOOPBACK6, 8080, 8080)

    assert list(opened([named, PortRequest(WEB), PortRequest(WEB)], [other], 4, publish_all=False)) == [WEB]
    assert list(opened([named], [other], 4, publish_all=True)) == [other]
    assert list(opened([named], [WEB, other], 6, publish_all=True)) == [WEB, other]
