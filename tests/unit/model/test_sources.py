"""Who may connect, as it is written and as it is shown."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import InvalidInput
from netwright.model.sources import EVERYBODY, Sources, SourceSet, read_networks

addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["any"], "any"),
        (["10.0.0.0/8, any"], "any"),
        (["host"], "host"),
        (["lan", "host"], "host, lan"),
        (["203.0.113.7"], "203.0.113.7"),
        (["203.0.113.0/25", "203.0.113.128/25"], "203.0.113.0/24"),
        (["10.0.0.0/8,10.1.0.0/16"], "10.0.0.0/8"),
        (["10.0.0.1-10.0.0.6"], "10.0.0.1, 10.0.0.2/31, 10.0.0.4/31, 10.0.0.6"),
        (["host, 2001:db8::/32 ,10.0.0.1"], "host, 10.0.0.1, 2001:db8::/32"),
        (["office, 10.0.0.1,lan", "home-2"], "lan, home-2, office, 10.0.0.1"),
    ],
)
def test_words_of_both_families_are_read_together_and_joined(texts: list[str], shown: str) -> None:
    assert str(Sources.parse(texts)) == shown


@pytest.mark.parametrize(
    "text",
    ["", " , ", "no body", "10.0.0.1/24", "10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1-", "300.0.0.1", "@x"],
)
def test_what_makes_no_sense_is_refused_with_what_would(text: str) -> None:
    with pytest.raises(InvalidInput, match="any, host, lan, addresses, prefixes and ranges"):
        Sources.parse([text])


@given(words=st.lists(addresses, min_size=1, max_size=8))
def test_everybody_named_is_in_and_nobody_twice(words: list[object]) -> None:
    sources = Sources.parse(map(str, words))
    for word in words:
        address = ip_address(str(word))
        assert sum(address in network for network in sources.networks if network.version == address.version) == 1
    assert sum(network.num_addresses for network in sources.networks) == len(set(words))


@given(words=st.lists(addresses.map(str) | st.sampled_from(["host", "lan", "any", "office"]), min_size=1, max_size=6))
def test_what_is_shown_is_read_back_as_the_same(words: list[str]) -> None:
    sources = Sources.parse(words)
    assert Sources.parse([str(sources)]) == sources


def test_everybody_is_the_default() -> None:
    assert Sources.parse(["any"]) == EVERYBODY == Sources()
    assert Sources.parse(["0.0.0.0/0"]).networks == (ip_network("0.0.0.0/0"),)


@pytest.mark.parametrize("name", ["", "any", "host", "lan", "1st", "a.b", "a b", "-x", "x" * 41, "fe80::1"])
def test_a_set_needs_a_name_that_is_nothing_else(name: str) -> None:
    with pytest.raises(InvalidInput, match="no name for a set of sources"):
        SourceSet.named(name, [])


@pytest.mark.parametrize("member", ["host", "any", "office", "10.0.0.1/24"])
def test_only_addresses_are_in_a_set(member: str) -> None:
    with pytest.raises(InvalidInput, match=r"name addresses, prefixes and ranges of addresses$"):
        SourceSet.named("office", [member])


def test_a_set_gives_up_parts_of_what_is_in_it() -> None:
    office = SourceSet.named("office", ["10.0.0.0/30", "2001:db8::/64"])
    without = office.changed(read_networks(["10.9.0.0/16"]), read_networks(["10.0.0.1", "2001:db8::/48", "192.0.2.1"]))
    assert without.members == ("10.0.0.0", "10.0.0.2/31", "10.9.0.0/16")
    assert without.changed((), without.networks).members == ()


@given(kept=st.lists(addresses, max_size=6), gone=st.lists(addresses, max_size=6))
def test_who_left_is_out_and_all_others_are_in(kept: list[object], gone: list[object]) -> None:
    office = SourceSet.named("office", map(str, [*kept, *gone]))
    left = office.changed((), read_networks(map(str, gone)))
    assert set(left.networks) == set(read_networks(map(str, set(kept) - set(gone))))
