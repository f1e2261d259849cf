"""Which subnets automatic networks get."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import Forbidden, InvalidInput
from netwright.ipam.subnets import DEFAULT_SOURCES, Source, SubnetSpace, sources_with, unique_local_source
from netwright.model.addressing import IPNetwork

ENGINE = "5f1b7e0c"


def source(base: str, size: int) -> Source:
    return Source(ip_network(base), size)


def net(text: str) -> IPNetwork:
    return ip_network(text)


def chosen(space: SubnetSpace, count: int, *reserved: str, version: int = 4, length: int = 0) -> list[str]:
    """Return the subnets that the next networks get."""
    blocked = [ip_network(text) for text in reserved]
    return [str(space.choose(version, length, blocked, f"n{number}")) for number in range(count)]


class TestDefaults:
    def test_they_are_dockers_in_dockers_order_and_then_small_ones(self) -> None:
        found = chosen(SubnetSpace(DEFAULT_SOURCES), 32)

        assert found[:15] == [f"172.{number}.0.0/16" for number in range(17, 32)]
        assert found[15:31] == [f"192.168.{number}.0/20" for number in range(0, 256, 16)]
        assert found[31] == "10.64.0.0/24"

    def test_they_are_enough_for_a_thousand_networks_where_vpn_and_lan_take_what_docker_has(self) -> None:
        found = chosen(SubnetSpace(DEFAULT_SOURCES), 1000, "172.16.0.0/12", "192.168.0.0/16")

        assert len(set(found)) == 1000

    def test_ipv6_comes_from_a_prefix_that_is_the_engines_own_and_dockers_for_the_same_id(self) -> None:
        # The SHA-256 of the id begins with f03c11 6fdc5ad0b0: the last five of eight bytes are the global id.
        assert str(unique_local_source(ENGINE).base) == "fd6f:dc5a:d0b0::/48"
        assert unique_local_source(ENGINE).size == 64
        assert unique_local_source(ENGINE) != unique_local_source("another")


class TestGivenPools:
    def test_those_of_one_family_leave_the_defaults_of_the_other(self) -> None:
        only4 = sources_with([source("10.10.0.0/16", 24)], ENGINE)
        only6 = sources_with([source("fd12::/48", 64)], ENGINE)

        assert only4 == (source("10.10.0.0/16", 24), unique_local_source(ENGINE))
        assert only6 == (source("fd12::/48", 64), *DEFAULT_SOURCES)

    def test_they_go_by_address(self) -> None:
        given_pools = [source("192.168.0.0/24", 26), source("fd12::/48", 64), source("10.10.0.0/16", 24)]

        assert [str(one.base) for one in sources_with(given_pools, ENGINE)] == [
            "10.10.0.0/16",
            "192.168.0.0/24",
            "fd12::/48",
        ]

    def test_one_within_another_is_left_out(self) -> None:
        given_pools = [source("10.10.4.0/24", 28), source("10.10.0.0/16", 24), source("10.10.0.0/16", 28)]

        assert sources_with(given_pools, ENGINE)[:-1] == (source("10.10.0.0/16", 24),)

    @pytest.mark.parametrize("size", [15, 33])
    def test_a_size_that_does_not_fit_is_refused(self, size: int) -> None:
        with pytest.raises(InvalidInput, match=f"10.10.0.0/16 has a smaller prefix .* size of that pool ./{size}"):
            source("10.10.0.0/16", size)


class TestReserved:
    def test_what_overlaps_them_is_passed_over(self) -> None:
        space = SubnetSpace([source("10.0.0.0/22", 24)])

        assert chosen(space, 2, "10.0.0.7/32", "10.0.2.0/25") == ["10.0.1.0/24", "10.0.3.0/24"]

    def test_one_around_the_whole_pool_closes_it(self) -> None:
        space = SubnetSpace([source("10.0.0.0/22", 24), source("10.9.0.0/22", 24)])

        assert chosen(space, 1, "10.0.0.0/21") == ["10.9.0.0/24"]

    @pytest.mark.parametrize("everything", [("0.0.0.0/1", "128.0.0.0/1"), ("0.0.0.0/0",), ("10.0.0.0/7",)])
    def test_default_routes_in_disguise_count_for_nothing(self, everything: tuple[str, ...]) -> None:
        assert chosen(SubnetSpace([source("10.0.0.0/22", 24)]), 1, *everything) == ["10.0.0.0/24"]

    def test_a_large_network_of_the_hosts_is_no_default_route(self) -> None:
        space = SubnetSpace([source("10.0.0.0/22", 24), source("172.17.0.0/16", 16)])

        assert chosen(space, 1, "10.0.0.0/8") == ["172.17.0.0/16"]

    def test_those_of_the_other_family_count_for_nothing(self) -> None:
        assert chosen(SubnetSpace([source("10.0.0.0/22", 24)]), 1, "fd00::/8", "::a00:0/120") == ["10.0.0.0/24"]


class TestLengths:
    def test_a_length_is_cut_from_the_first_pool_that_has_room(self) -> None:
        space = SubnetSpace([source("10.0.0.0/24", 24), source("10.1.0.0/16", 24)])

        assert chosen(space, 3, length=26) == ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]
        assert chosen(space, 1) == ["10.1.0.0/24"]
        assert chosen(space, 1, length=20) == ["10.1.16.0/20"]

    def test_one_larger_than_any_pool_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match=r"invalid address pool.*10\.0\.0\.0/24.*/20.*--subnet"):
            SubnetSpace([source("10.0.0.0/24", 24)]).choose(4, 20, [], "net")

    def test_single_addresses_can_be_subnets(self) -> None:
        assert chosen(SubnetSpace([source("10.0.0.0/31", 31)]), 2, length=32) == ["10.0.0.0/32", "10.0.0.1/32"]

    def test_ipv6_is_cut_to_any_length(self) -> None:
        space = SubnetSpace([source("fd12::/48", 64)])

        assert chosen(space, 2, version=6, length=96) == ["fd12::/96", "fd12::1:0:0/96"]
        assert chosen(space, 1, version=6) == ["fd12:0:0:1::/64"]


class TestNamed:
    def test_one_that_overlaps_is_refused_by_name(self) -> None:
        space = SubnetSpace(DEFAULT_SOURCES)
        space.hold(net("10.0.0.0/16"), "blue")

        for other in ("10.0.0.0/16", "10.0.4.0/24", "10.0.0.0/8"):
            with pytest.raises(Forbidden) as refused:
                space.hold(net(other), "red")
            assert str(refused.value) == (
                "invalid pool request: Pool overlaps with other one on this address space: "
                f"{other} and 10.0.0.0/16 of network blue"
            )

    def test_one_that_was_given_back_is_free(self) -> None:
        space = SubnetSpace([source("10.0.0.0/23", 24)])
        chosen(space, 2)

        space.let_go(net("10.0.0.0/24"))

        assert chosen(space, 1) == ["10.0.0.0/24"]


class TestExhaustion:
    def test_the_error_says_who_holds_what_and_how_to_get_more(self) -> None:
        space = SubnetSpace([source("10.0.0.0/21", 24)])
        space.hold(net("10.0.0.0/24"), "blue")
        space.hold(net("10.0.2.0/23"), "red")

        with pytest.raises(InvalidInput) as refused:
            chosen(space, 4, "10.0.4.0/22", "172.16.0.0/12")

        # The last free one has gone to n0.
        assert str(refused.value) == (
            "all predefined address pools have been fully subnetted: 10.0.0.0/21 (10.0.0.0/24 by network blue, "
            "10.0.1.0/24 by network n0, 10.0.2.0/23 by network red, 10.0.4.0/22 by a route or nameserver of the host); "
            "give the engine more with --default-address-pool base=CIDR,size=N, or this network a subnet of its own "
            "with --subnet"
        )

    def test_of_many_a_few_are_named(self) -> None:
        space = SubnetSpace([source("10.0.0.0/16", 24)])

        with pytest.raises(InvalidInput, match=r"10\.0\.4\.0/24 by network n4, 251 more by other networks\)"):
            chosen(space, 257)


blocks = st.builds(
    lambda length, block: ip_network(((10 << 24) + ((block % (1 << (length - 20))) << (32 - length)), length)),
    st.integers(20, 32),
    st.integers(0, 4095),
)


@given(held=st.lists(blocks, max_size=12), reserved=st.lists(blocks, max_size=6), length=st.integers(22, 28))
def test_the_choice_is_the_first_that_touches_nothing(
    held: list[IPNetwork], reserved: list[IPNetwork], length: int
) -> None:
    space = SubnetSpace([source("10.0.0.0/20", 24)])
    kept: list[IPNetwork] = []
    for subnet in held:
        if not any(subnet.overlaps(other) for other in kept):
            space.hold(subnet, "held")
            kept.append(subnet)
    taken = [*kept, *reserved]
    naive = (block for block in net("10.0.0.0/20").subnets(new_prefix=length) if not any(map(block.overlaps, taken)))

    for expected in naive:
        assert space.choose(4, length, reserved, "new") == expected
    with pytest.raises(InvalidInput):
        space.choose(4, length, reserved, "new")
