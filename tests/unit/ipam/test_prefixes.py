"""The tree of held prefixes, compared with a list that is searched from end to end."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.ipam.prefixes import Held, PrefixTree
from netwright.model.addressing import IPNetwork

BASE = IPv4Network("10.0.0.0/24")
"""All prefixes of the properties lie here, so that they meet."""


@st.composite
def prefixes(draw: st.DrawFn) -> IPNetwork:
    # Mostly such as fill it, or little is ever full.
    length = draw(st.one_of(st.integers(26, 28), st.integers(24, 32)))
    block = draw(st.integers(0, (1 << (length - 24)) - 1))
    return IPv4Network((int(BASE.network_address) + (block << (32 - length)), length))


class Naive:
    """Held prefixes as a list."""

    def __init__(self) -> None:
        self.held: dict[IPNetwork, str] = {}

    def overlapping(self, prefix: IPNetwork) -> list[Held]:
        return [Held(other, self.held[other]) for other in sorted(self.held) if other.overlaps(prefix)]

    def first_free(self, length: int, start: int) -> int | None:
        for block in BASE.subnets(new_prefix=length):
            if int(block.network_address) >= start and not self.overlapping(block):
                return int(block.network_address)
        return None


def filled(wanted: list[IPNetwork], let_go: list[int]) -> tuple[PrefixTree, Naive]:
    """Return a tree and a list in which the prefixes that do not overlap earlier ones were held, and some let go."""
    tree, naive = PrefixTree(32), Naive()
    for number, prefix in enumerate(wanted):
        if not naive.overlapping(prefix):
            tree.hold(prefix, f"n{number}")
            naive.held[prefix] = f"n{number}"
    for place in let_go:
        if naive.held:
            gone = list(naive.held)[place % len(naive.held)]
            tree.let_go(gone)
            del naive.held[gone]
    return tree, naive


FILLINGS = {"wanted": st.lists(prefixes(), max_size=40), "let_go": st.lists(st.integers(0, 99), max_size=20)}


@given(**FILLINGS, asked=prefixes())
def test_what_overlaps_a_prefix_is_found(wanted: list[IPNetwork], let_go: list[int], asked: IPNetwork) -> None:
    tree, naive = filled(wanted, let_go)

    assert list(tree.within(asked)) == naive.overlapping(asked)
    assert tree.overlapping(asked) == next(iter(naive.overlapping(asked)), None)


@given(**FILLINGS, length=st.integers(24, 32), start=st.integers(-1, 256))
def test_the_first_free_block_is_that_of_a_search(
    wanted: list[IPNetwork], let_go: list[int], length: int, start: int
) -> None:
    tree, naive = filled(wanted, let_go)
    behind = int(BASE.network_address) + start

    assert tree.first_free(BASE, length, behind) == naive.first_free(length, behind)


@given(**FILLINGS)
def test_a_tree_that_gave_everything_back_is_as_new(wanted: list[IPNetwork], let_go: list[int]) -> None:
    tree, naive = filled(wanted, let_go)
    for prefix in naive.held:
        tree.let_go(prefix)

    assert list(tree.within(IPv4Network("0.0.0.0/0"))) == []
    assert tree.first_free(IPv4Network("0.0.0.0/0"), 0, 0) == 0


def test_what_is_let_go_deep_below_is_found_from_far_above() -> None:
    tree = PrefixTree(32)
    for prefix in ("10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/25"):
        tree.hold(IPv4Network(prefix), prefix)

    tree.let_go(IPv4Network("10.0.0.64/26"))

    assert tree.first_free(BASE, 26, 0) == int(BASE.network_address) + 64


def test_nothing_is_free_within_what_is_held() -> None:
    tree = PrefixTree(32)
    tree.hold(IPv4Network("10.0.0.0/8"), "wide")

    assert tree.first_free(BASE, 28, 0) is None
    assert tree.overlapping(BASE) == Held(IPv4Network("10.0.0.0/8"), "wide")


@pytest.mark.parametrize("prefix", ["10.0.0.0/25", "10.0.0.0/23", "10.9.0.0/24", "0.0.0.0/0"])
def test_letting_go_of_what_is_not_held_changes_nothing(prefix: str) -> None:
    tree = PrefixTree(32)
    tree.hold(BASE, "own")

    tree.let_go(IPv4Network(prefix))

    assert tree.overlapping(BASE) == Held(BASE, "own")
    assert tree.first_free(IPv4Network("10.0.0.0/23"), 24, 0) == int(BASE.network_address) + 256


def test_the_whole_of_a_family_can_be_held() -> None:
    tree = PrefixTree(128)
    everything = IPv6Network("::/0")
    tree.hold(everything, "all")

    assert tree.first_free(everything, 64, 0) is None
    tree.let_go(everything)
    assert tree.first_free(everything, 0, 0) == 0


def test_blocks_of_ipv6_are_found_at_any_length() -> None:
    tree = PrefixTree(128)
    base = ip_network("fd00::/48")
    tree.hold(ip_network("fd00::/64"), "first")

    assert tree.first_free(base, 64, int(base.network_address)) == int(ip_network("fd00:0:0:1::/64").network_address)
    assert tree.first_free(base, 128, 0) == int(ip_network("fd00:0:0:1::/64").network_address)
    assert tree.first_free(base, 48, 0) is None
