"""The addresses of one subnet, compared with a list that is searched from end to end."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from netwright.errors import Forbidden, SystemFailure
from netwright.ipam.addresses import AddressSpace
from netwright.model.addressing import IPAddress


def space(subnet: str, dynamic: str | None = None, *, remembered: int = 1000) -> AddressSpace:
    return AddressSpace(ip_network(subnet), ip_network(dynamic) if dynamic else None, remembered=remembered)


def given_out(addresses: AddressSpace) -> list[str]:
    """Return all that can still be chosen, in order."""
    found = []
    while (address := addresses.take_any("someone")) is not None:
        found.append(str(address))
    return found


class TestWhatNoHostMayHave:
    def test_ipv4_keeps_network_and_broadcast_address(self) -> None:
        assert given_out(space("10.0.0.0/29")) == [f"10.0.0.{number}" for number in range(1, 7)]

    def test_ipv6_keeps_the_anycast_address_and_has_no_broadcast(self) -> None:
        assert given_out(space("fd00::/125")) == [f"fd00::{number}" for number in range(1, 8)]

    @pytest.mark.parametrize(
        ("subnet", "usable"),
        [
            ("10.0.0.0/31", ["10.0.0.0", "10.0.0.1"]),
            ("10.0.0.5/32", ["10.0.0.5"]),
            ("fd00::/127", ["fd00::", "fd00::1"]),
            ("fd00::5/128", ["fd00::5"]),
        ],
    )
    def test_links_between_two_and_single_addresses_keep_none(self, subnet: str, usable: list[str]) -> None:
        assert given_out(space(subnet)) == usable

    @pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.7"])
    def test_they_cannot_be_taken_nor_given_back(self, address: str) -> None:
        addresses = space("10.0.0.0/29")

        with pytest.raises(Forbidden, match="Address already in use"):
            addresses.take(ip_address(address), "web")
        addresses.release(ip_address(address))

        assert address not in given_out(addresses)

    def test_low_numbers_of_ipv6_are_no_ipv4_addresses(self) -> None:
        assert given_out(space("::/126")) == ["::1", "::2", "::3"]


class TestChoice:
    def test_addresses_that_were_never_used_come_first_in_order(self) -> None:
        addresses = space("10.0.0.0/29")

        first, second = addresses.take_any("a"), addresses.take_any("b")
        assert first is not None
        addresses.release(first)

        assert (str(first), str(second)) == ("10.0.0.1", "10.0.0.2")
        assert given_out(addresses) == ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.1"]

    def test_of_those_given_back_the_one_that_rested_longest_comes_first(self) -> None:
        addresses = space("10.0.0.0/29")
        given_out(addresses)

        for number in (4, 1, 6):
            addresses.release(ip_address(f"10.0.0.{number}"))

        assert given_out(addresses) == ["10.0.0.4", "10.0.0.1", "10.0.0.6"]

    def test_a_static_address_rests_as_well(self) -> None:
        addresses = space("10.0.0.0/29")
        addresses.take(ip_address("10.0.0.1"), "web")

        addresses.release(ip_address("10.0.0.1"))

        assert given_out(addresses)[-1] == "10.0.0.1"

    def test_a_static_address_is_passed_over(self) -> None:
        addresses = space("10.0.0.0/29")

        addresses.take(ip_address("10.0.0.2"), "web")

        assert "10.0.0.2" not in given_out(addresses)
        assert addresses.holder(ip_address("10.0.0.2")) == "web"

    def test_an_address_given_back_twice_is_free_once(self) -> None:
        addresses = space("10.0.0.0/30")
        given_out(addresses)

        addresses.release(ip_address("10.0.0.1"))
        addresses.release(ip_address("10.0.0.1"))

        assert given_out(addresses) == ["10.0.0.1"]

    def test_in_a_large_subnet_the_longest_rested_is_forgotten_and_comes_back_when_all_others_are_used(self) -> None:
        addresses = space("10.0.0.0/28", remembered=2)
        given_out(addresses)

        for number in (7, 3, 9, 5):
            addresses.release(ip_address(f"10.0.0.{number}"))

        assert addresses.free == 4
        assert given_out(addresses) == ["10.0.0.9", "10.0.0.5", "10.0.0.3", "10.0.0.7"]

    def test_a_subnet_of_any_size_costs_nothing_to_open(self) -> None:
        addresses = space("fd00::/8")

        assert str(addresses.take_any("a")) == "fd00::1"
        assert addresses.free == (1 << 120) - 2


class TestRange:
    def test_only_what_is_in_it_is_chosen(self) -> None:
        assert given_out(space("10.0.0.0/24", "10.0.0.8/30")) == ["10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11"]

    def test_at_the_edge_of_the_subnet_it_lacks_what_no_host_may_have(self) -> None:
        assert given_out(space("10.0.0.0/24", "10.0.0.252/30")) == ["10.0.0.252", "10.0.0.253", "10.0.0.254"]

    def test_outside_of_it_an_address_can_be_asked_for_and_is_never_chosen(self) -> None:
        addresses = space("10.0.0.0/24", "10.0.0.8/31")

        addresses.take(ip_address("10.0.0.99"), "web")
        addresses.release(ip_address("10.0.0.99"))

        assert addresses.free == 2
        assert given_out(addresses) == ["10.0.0.8", "10.0.0.9"]


class TestOwn:
    def test_it_is_never_given_out(self) -> None:
        addresses = space("10.0.0.0/29")

        addresses.keep(ip_address("10.0.0.1"), "the gateway")
        chosen = addresses.keep_any("the auxiliary address a")

        assert str(chosen) == "10.0.0.2"
        assert given_out(addresses) == ["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
        assert addresses.own(ip_address("10.0.0.2")) == "the auxiliary address a"

    @pytest.mark.parametrize(
        ("address", "why"), [("10.0.0.0", "the network address"), ("10.0.0.1", "taken"), ("10.0.0.2", "the gateway")]
    )
    def test_it_cannot_be_what_is_taken(self, address: str, why: str) -> None:
        addresses = space("10.0.0.0/29")
        addresses.take(ip_address("10.0.0.1"), "web")
        addresses.keep(ip_address("10.0.0.2"), "the gateway")

        with pytest.raises(SystemFailure, match=f"Address already in use: {address} is {why}"):
            addresses.keep(ip_address(address), "more")

    def test_of_a_full_range_there_is_none(self) -> None:
        addresses = space("10.0.0.0/24", "10.0.0.8/32")
        addresses.take_any("web")

        assert addresses.keep_any("the gateway") is None


class AgainstNaive(RuleBasedStateMachine):
    """A list of holders, searched from end to end, and the order in which addresses were given back."""

    @initialize(
        layout=st.sampled_from([("10.0.0.0/28", None), ("10.0.0.0/27", "10.0.0.8/29"), ("fd00::/124", None)]),
        own=st.sets(st.integers(1, 14), max_size=3),
    )
    def begin(self, layout: tuple[str, str | None], own: set[int]) -> None:
        self.space = space(layout[0], layout[1])
        self.first = self.space.subnet.network_address
        self.held: dict[IPAddress, str] = {}
        self.used: list[IPAddress] = []
        self.own = {self.first} | ({self.space.subnet.broadcast_address} if self.first.version == 4 else set())
        for number in own:
            self.space.keep(self.first + number, "the network's")
            self.own.add(self.first + number)

    def expected(self) -> IPAddress | None:
        free = [one for one in self.space.dynamic if one not in self.held and one not in self.own]
        unused = [one for one in free if one not in self.used]
        rested = [one for one in self.used if one in free]
        return next(iter([*unused, *rested]), None)

    @rule(holder=st.sampled_from(["a", "b"]))
    def take_any(self, holder: str) -> None:
        expected = self.expected()

        assert self.space.take_any(holder) == expected

        if expected is not None:
            self.held[expected] = holder

    @rule(number=st.integers(0, 31), holder=st.sampled_from(["a", "b"]))
    def take(self, number: int, holder: str) -> None:
        address = self.first + number
        if address not in self.space.subnet:
            return
        if address in self.held or address in self.own:
            with pytest.raises(Forbidden):
                self.space.take(address, holder)
        else:
            self.space.take(address, holder)
            self.held[address] = holder

    @rule(number=st.integers(0, 31))
    def release_any(self, number: int) -> None:
        self.give_back(self.first + number)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release_held(self, data: st.DataObject) -> None:
        self.give_back(data.draw(st.sampled_from(sorted(self.held))))

    def give_back(self, address: IPAddress) -> None:
        self.space.release(address)
        if self.held.pop(address, None) is not None:
            self.used = [one for one in self.used if one != address]
            self.used.append(address)

    @invariant()
    def counts_and_holders_agree(self) -> None:
        dynamic = [one for one in self.space.dynamic if one not in self.held and one not in self.own]
        assert (self.space.taken, self.space.free) == (len(self.held) + len(self.own), len(dynamic))
        for address in self.space.subnet:
            assert self.space.holder(address) == self.held.get(address)
            assert (self.space.own(address) is not None) == (address in self.own)


AgainstNaive.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstNaive = AgainstNaive.TestCase
