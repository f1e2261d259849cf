"""The engine's own IPAM: pools, gateways, reservations, and what a restart makes of the rows."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from tests.unit.ipam.networks import endpoint, network, pool

from netwright.errors import Forbidden, InvalidInput, NetwrightError, SystemFailure
from netwright.ipam.builtin import BuiltinIpam
from netwright.ipam.subnets import DEFAULT_SOURCES, Source, unique_local_source
from netwright.model.addressing import IPAddress, IPInterface, IPNetwork
from netwright.model.names import Id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool

WEB, DB = Id("web"), Id("db")
SOURCES = (*DEFAULT_SOURCES, unique_local_source("5f1b7e0c"))


def ipam(*sources: Source) -> BuiltinIpam:
    return BuiltinIpam(sources or SOURCES, lambda holder: f"container {holder}")


def made(by: BuiltinIpam, wanted: Network, *reserved: str) -> Network:
    """Return a network with the pools that IPAM has decided."""
    return replace(wanted, pools=by.choose_pools(wanted, [ip_network(text) for text in reserved]))


def shown(pools: tuple[Pool, ...]) -> list[tuple[str, str]]:
    return [(str(pool.subnet), str(pool.gateway)) for pool in pools]


class TestPools:
    def test_a_network_that_asks_for_nothing_gets_the_first_free_subnet_and_its_first_address_as_gateway(self) -> None:
        by = ipam()

        assert shown(made(by, network("a")).pools) == [("172.17.0.0/16", "172.17.0.1")]
        assert shown(made(by, network("b")).pools) == [("172.18.0.0/16", "172.18.0.1")]

    def test_each_family_that_is_on_gets_a_subnet_ipv4_first(self) -> None:
        both = made(ipam(), network("a", ipv6=True)).pools
        only6 = made(ipam(), network("a", ipv4=False, ipv6=True)).pools

        assert shown(both) == [("172.17.0.0/16", "172.17.0.1"), ("fd6f:dc5a:d0b0::/64", "fd6f:dc5a:d0b0::1")]
        assert only6 == both[1:]

    def test_what_is_asked_of_a_family_that_is_off_is_left_out(self) -> None:
        asked = (pool("10.0.0.0/24"), pool("fd00::/64"))

        assert [str(one.subnet) for one in made(ipam(), network("a", *asked)).pools] == ["10.0.0.0/24"]
        assert [str(one.subnet) for one in made(ipam(), network("b", *asked, ipv4=False, ipv6=True)).pools] == [
            "fd00::/64"
        ]

    def test_only_a_subnet_that_is_named_is_marked_as_given(self) -> None:
        named, automatic, sized = (
            made(ipam(), network("a", *asked)).pools[0] for asked in ((pool("10.0.0.0/24"),), (), (pool("0.0.0.0/26"),))
        )

        assert (named.given, automatic.given, sized.given) == (True, False, False)

    def test_a_length_alone_is_cut_from_the_pools(self) -> None:
        wanted = network("a", pool("0.0.0.0/26"), pool("::/80"), ipv6=True)

        assert shown(made(ipam(), wanted).pools) == [
            ("172.17.0.0/26", "172.17.0.1"),
            ("fd6f:dc5a:d0b0::/80", "fd6f:dc5a:d0b0::1"),
        ]

    def test_a_network_may_have_several_subnets_that_do_not_overlap(self) -> None:
        by = ipam()

        found = made(by, network("a", pool("10.0.0.0/24"), pool("0.0.0.0/24"), pool("0.0.0.0/24"))).pools

        assert [str(one.subnet) for one in found] == ["10.0.0.0/24", "172.17.0.0/24", "172.17.1.0/24"]
        with pytest.raises(Forbidden, match=r"10\.1\.0\.0/25 and 10\.1\.0\.0/24 of network b"):
            made(by, network("b", pool("10.1.0.0/24"), pool("10.1.0.0/25")))

    def test_a_range_hides_no_overlap(self) -> None:
        by = ipam()
        made(by, network("a", pool("10.0.0.0/16")))

        for wanted in (pool("10.0.0.0/16", "10.0.9.0/24"), pool("10.0.0.0/8", "10.9.0.0/16")):
            with pytest.raises(Forbidden, match=r"Pool overlaps with other one .* 10\.0\.0\.0/16 of network a"):
                made(by, network("b", wanted))

    def test_routes_of_the_host_do_not_forbid_a_named_subnet(self) -> None:
        assert made(ipam(), network("a", pool("10.0.0.0/24")), "10.0.0.0/16").pools[0].given

    def test_faults_are_told_before_anything_is_taken(self) -> None:
        by = ipam()

        with pytest.raises(InvalidInput, match=r"10\.9\.9\.9"):
            made(by, network("a", pool("10.0.0.0/24"), pool("10.1.0.0/24", gateway="10.9.9.9")))

        made(by, network("b", pool("10.0.0.0/24")))

    def test_a_network_that_failed_for_one_family_has_taken_nothing_of_the_other(self) -> None:
        by = ipam(Source(ip_network("10.0.0.0/24"), 24), Source(ip_network("fd00::/64"), 64))
        made(by, network("a", ipv4=False, ipv6=True))

        with pytest.raises(InvalidInput, match="all predefined address pools have been fully subnetted: fd00::/64"):
            made(by, network("b", ipv6=True))

        assert shown(made(by, network("c")).pools) == [("10.0.0.0/24", "10.0.0.1")]

    def test_a_network_that_is_forgotten_leaves_its_subnets(self) -> None:
        by = ipam()
        gone = made(by, network("a", pool("10.0.0.0/24"), pool("10.1.0.0/24")))

        by.forget(gone)
        by.forget(gone)

        made(by, network("b", pool("10.0.0.0/23")))
        made(by, network("c", pool("10.1.0.0/24")))


class TestGateways:
    def test_the_one_asked_for_is_kept(self) -> None:
        assert shown(made(ipam(), network("a", pool("10.0.0.0/24", gateway="10.0.0.254"))).pools) == [
            ("10.0.0.0/24", "10.0.0.254")
        ]

    def test_one_is_chosen_from_the_range(self) -> None:
        assert shown(made(ipam(), network("a", pool("10.0.0.0/24", "10.0.0.64/26"))).pools) == [
            ("10.0.0.0/24", "10.0.0.64")
        ]

    def test_auxiliary_addresses_are_not_chosen(self) -> None:
        assert shown(made(ipam(), network("a", pool("10.0.0.0/24", a="10.0.0.1", b="10.0.0.2"))).pools) == [
            ("10.0.0.0/24", "10.0.0.3")
        ]

    def test_none_is_chosen_for_a_family_that_needs_none(self) -> None:
        by = ipam()
        pools = by.choose_pools(network("a", pool("10.0.0.0/24"), ipv6=True), (), gateways=[6])

        assert (pools[0].gateway, str(pools[1].gateway)) == (None, "fd6f:dc5a:d0b0::1")
        assert by.reserve(network("a"), 4, None, WEB) == ip_interface("10.0.0.1/24")

    def test_one_that_is_asked_for_is_kept_even_if_none_is_needed(self) -> None:
        (only,) = ipam().choose_pools(network("a", pool("10.0.0.0/24", gateway="10.0.0.9")), (), gateways=())

        assert str(only.gateway) == "10.0.0.9"

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            (
                pool("10.0.0.0/24", gateway="10.0.0.0"),
                "gateway (10.0.0.0): Address already in use: 10.0.0.0 is the network address",
            ),
            (
                pool("10.0.0.0/24", gateway="10.0.0.255"),
                "gateway (10.0.0.255): Address already in use: 10.0.0.255 is the broadcast address",
            ),
            (
                pool("10.0.0.0/24", gateway="10.0.0.9", router="10.0.0.9"),
                "secondary ip address (router:10.0.0.9): Address already in use: 10.0.0.9 is the gateway",
            ),
            (
                pool("10.0.0.0/24", a="10.0.0.9", b="10.0.0.9"),
                "secondary ip address (b:10.0.0.9): Address already in use: 10.0.0.9 is the auxiliary address a",
            ),
            (
                pool("10.0.0.0/24", "10.0.0.8/32", printer="10.0.0.8"),
                "gateway (): no address of 10.0.0.8/32 is free",
            ),
        ],
    )
    def test_what_cannot_be_one_is_refused_and_nothing_stays_taken(self, wanted: Pool, said: str) -> None:
        by = ipam()

        with pytest.raises(SystemFailure) as refused:
            made(by, network("a", wanted))

        assert str(refused.value).removeprefix("failed to allocate ") == said
        made(by, network("b", pool("10.0.0.0/24")))

    def test_links_between_two_have_room_for_a_gateway_and_one_more(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.0/31")))

        assert shown(net.pools) == [("10.0.0.0/31", "10.0.0.0")]
        assert by.reserve(net, 4, None, WEB) == ip_interface("10.0.0.1/31")

    def test_a_single_address_is_the_gateway(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.5/32")))

        assert shown(net.pools) == [("10.0.0.5/32", "10.0.0.5")]
        with pytest.raises(SystemFailure, match="no available IPv4 addresses"):
            by.reserve(net, 4, None, WEB)


class TestReservations:
    def test_addresses_come_with_their_subnets_length(self) -> None:
        by = ipam()
        net = made(by, network("a", ipv6=True))

        assert by.reserve(net, 4, None, WEB) == IPv4Interface("172.17.0.2/16")
        assert by.reserve(net, 6, None, WEB) == IPv6Interface("fd6f:dc5a:d0b0::2/64")

    def test_a_second_subnet_serves_when_the_first_is_full(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.0/30"), pool("10.1.0.0/24")))

        assert [str(by.reserve(net, 4, None, WEB)) for _ in range(2)] == ["10.0.0.2/30", "10.1.0.2/24"]
        assert str(by.reserve(net, 4, ip_address("10.1.0.9"), DB)) == "10.1.0.9/24"

    def test_one_that_is_taken_is_refused_with_its_holder(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.0/24", router="10.0.0.7")))
        by.reserve(net, 4, ip_address("10.0.0.9"), WEB)

        for address, why in (
            ("10.0.0.9", "belongs to container web in network a"),
            ("10.0.0.1", "is the gateway of network a"),
            ("10.0.0.7", "is the auxiliary address router of network a"),
            ("10.0.0.255", "is the broadcast address of network a"),
        ):
            with pytest.raises(Forbidden) as refused:
                by.reserve(net, 4, ip_address(address), DB)
            assert str(refused.value) == f"Address already in use: {address} {why}"

    def test_the_holder_is_named_as_it_is_called_now(self) -> None:
        names = {WEB: "web"}
        by = BuiltinIpam(SOURCES, lambda holder: names[holder])
        net = made(by, network("a"))
        by.reserve(net, 4, ip_address("172.17.0.9"), WEB)

        names[WEB] = "old-web"

        with pytest.raises(Forbidden, match="belongs to old-web in"):
            by.reserve(net, 4, ip_address("172.17.0.9"), DB)

    def test_one_of_no_subnet_is_refused(self) -> None:
        by = ipam()

        with pytest.raises(InvalidInput, match=r"10\.9\.9\.9: It does not belong to any of this network's subnets"):
            by.reserve(made(by, network("a")), 4, ip_address("10.9.9.9"), WEB)

    def test_a_full_range_says_what_is_full_and_what_to_do(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.0/24", "10.0.0.8/31")))
        by.reserve(net, 4, None, WEB)

        with pytest.raises(SystemFailure) as refused:
            by.reserve(net, 4, None, DB)

        assert str(refused.value) == (
            "no available IPv4 addresses on this network's address pools: a (a): all of 10.0.0.8/31 are taken; remove "
            "containers, also stopped ones, or make the network with a larger --subnet or --ip-range"
        )
        assert by.reserve(net, 4, ip_address("10.0.0.99"), DB) == ip_interface("10.0.0.99/24")

    def test_one_that_is_given_back_can_be_taken(self) -> None:
        by = ipam()
        net = made(by, network("a"))
        by.reserve(net, 4, ip_address("172.17.0.9"), WEB)

        by.release(net.id, ip_address("172.17.0.9"))
        by.release(net.id, ip_address("172.17.0.9"))
        by.release(net.id, ip_address("10.9.9.9"))
        by.release(Id("gone"), ip_address("172.17.0.9"))

        assert by.reserve(net, 4, ip_address("172.17.0.9"), DB) is not None

    def test_the_gateway_is_never_given_back(self) -> None:
        by = ipam()
        net = made(by, network("a"))

        by.release(net.id, ip_address("172.17.0.1"))

        with pytest.raises(Forbidden):
            by.reserve(net, 4, ip_address("172.17.0.1"), WEB)

    def test_usage_counts_all_that_is_taken_and_what_the_range_has_left(self) -> None:
        by = ipam()
        net = made(by, network("a", pool("10.0.0.0/24", "10.0.0.64/26", printer="10.0.0.9"), ipv6=True))
        by.reserve(net, 4, None, WEB)
        by.reserve(net, 4, ip_address("10.0.0.200"), DB)

        assert by.usage(net) == {
            ip_network("10.0.0.0/24"): (6, 62),
            ip_network("fd6f:dc5a:d0b0::/64"): (2, (1 << 64) - 2),
        }


class TestRestoration:
    def test_what_is_taken_stays_taken_and_the_next_choice_is_the_same(self) -> None:
        before = ipam()
        net = made(before, network("a", pool("10.0.0.0/24", printer="10.0.0.3"), ipv6=True))
        for holder in (WEB, DB):
            before.reserve(net, 4, None, holder)
        before.reserve(net, 6, ip_address("fd6f:dc5a:d0b0::99"), WEB)

        after = ipam()
        after.restore(
            [net], [endpoint("a", "web", "10.0.0.2/24", "fd6f:dc5a:d0b0::99/64"), endpoint("a", "db", "10.0.0.4/24")]
        )

        assert after.usage(net) == before.usage(net)
        for version in (4, 6):
            assert after.reserve(net, version, None, WEB) == before.reserve(net, version, None, WEB)
        assert made(after, network("b", ipv6=True)).pools == made(before, network("b", ipv6=True)).pools
        with pytest.raises(Forbidden, match="belongs to container db"):
            after.reserve(net, 4, ip_address("10.0.0.4"), WEB)

    def test_an_isolated_network_gets_no_gateway_by_it(self) -> None:
        by = ipam()
        by.restore([network("a", pool("10.0.0.0/24"))], [])

        assert by.reserve(network("a"), 4, None, WEB) == ip_interface("10.0.0.1/24")


class AgainstNaive(RuleBasedStateMachine):
    """Networks and addresses as flat lists: whatever happens, nothing is given twice and nothing is lost."""

    networks = Bundle("networks")
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.sources = (Source(ip_network("10.0.0.0/26"), 29), Source(ip_network("fd00::/124"), 126))
        self.by = ipam(*self.sources)
        self.rows: dict[Id, Network] = {}
        self.leased: dict[tuple[Id, IPAddress], Id] = {}
        self.count = 0

    def subnets(self) -> list[IPNetwork]:
        return [pool.subnet for row in self.rows.values() for pool in row.pools]

    @rule(
        target=networks,
        ipv6=st.booleans(),
        asked=st.lists(st.sampled_from(["10.0.0.16/28", "10.0.0.8/30", "10.9.0.0/30", "0.0.0.0/30"]), max_size=2),
        reserved=st.lists(st.sampled_from(["10.0.0.0/30", "10.0.0.33/32", "fd00::4/128"]), max_size=2),
    )
    def create(self, *, ipv6: bool, asked: list[str], reserved: list[str]) -> object:
        self.count += 1
        wanted = network(f"n{self.count}", *map(pool, asked), ipv6=ipv6)
        before = self.subnets()
        try:
            row = made(self.by, wanted, *reserved)
        except NetwrightError:
            return multiple()
        for place, one in enumerate(row.pools):
            others = [*before, *(other.subnet for other in row.pools[:place])]
            assert not any(one.subnet.overlaps(other) for other in others)
            assert one.gateway is not None
            assert one.gateway in one.subnet
            if not one.given:
                assert any(one.subnet.overlaps(source.base) for source in self.sources)
                assert not any(one.subnet.overlaps(ip_network(text)) for text in reserved)
        self.rows[row.id] = row
        return row

    @rule(row=networks, version=st.sampled_from([4, 6]), holder=st.sampled_from([WEB, DB]), target=leases)
    def reserve_any(self, row: Network, version: int, holder: Id) -> object:
        if row.id not in self.rows or row.pool(version) is None:
            return multiple()
        free = [
            address
            for one in row.pools
            if one.subnet.version == version
            for address in one.subnet
            if self.may_have(row, address)
        ]
        if not free:
            with pytest.raises(SystemFailure):
                self.by.reserve(row, version, None, holder)
            return multiple()
        return self.lease(row, self.by.reserve(row, version, None, holder), holder)

    @rule(row=networks, number=st.integers(0, 15), holder=st.sampled_from([WEB, DB]), target=leases)
    def reserve_one(self, row: Network, number: int, holder: Id) -> object:
        address = row.pools[0].subnet.network_address + number
        if row.id not in self.rows or address not in row.pools[0].subnet:
            return multiple()
        if not self.may_have(row, address):
            with pytest.raises(Forbidden):
                self.by.reserve(row, 4, address, holder)
            return multiple()
        return self.lease(row, self.by.reserve(row, 4, address, holder), holder)

    def may_have(self, row: Network, address: IPAddress) -> bool:
        subnet = next(one.subnet for one in row.pools if address in one.subnet)
        own = {one.gateway for one in row.pools} | {subnet.network_address}
        if subnet.version == 4:
            own.add(subnet.broadcast_address)
        return address not in own and (row.id, address) not in self.leased

    def lease(self, row: Network, found: IPInterface | None, holder: Id) -> tuple[Network, IPAddress]:
        assert found is not None
        assert self.may_have(row, found.ip)
        assert found.network in [one.subnet for one in row.pools]
        self.leased[row.id, found.ip] = holder
        return row, found.ip

    @rule(lease=consumes(leases))
    def release(self, lease: tuple[Network, IPAddress]) -> None:
        row, address = lease
        self.by.release(row.id, address)
        self.leased.pop((row.id, address), None)

    @rule(row=consumes(networks))
    def remove(self, row: Network) -> None:
        self.by.forget(row)
        self.rows.pop(row.id, None)
        self.leased = {key: holder for key, holder in self.leased.items() if key[0] != row.id}

    @rule()
    def restart(self) -> None:
        """Nothing of what is taken is forgotten."""
        self.by = ipam(*self.sources)
        self.by.restore(self.rows.values(), [self.row_of(*key, holder) for key, holder in self.leased.items()])

    def row_of(self, on: Id, address: IPAddress, holder: Id) -> Endpoint:
        whole = ip_interface(address)
        return Endpoint(
            id=Id(f"{on}{address}"),
            network=on,
            sandbox=holder,
            spec=EndpointSpec(),
            order=0,
            ipv4=whole if isinstance(whole, IPv4Interface) else None,
            ipv6=whole if isinstance(whole, IPv6Interface) else None,
        )

    @invariant()
    def usage_counts_what_is_taken(self) -> None:
        for row in self.rows.values():
            for subnet, (taken, free) in self.by.usage(row).items():
                kept = [address for address in subnet if not self.may_have(row, address)]
                assert (taken, free) == (len(kept), subnet.num_addresses - len(kept))


AgainstNaive.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAgainstNaive = AgainstNaive.TestCase
