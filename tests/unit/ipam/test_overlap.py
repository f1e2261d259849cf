"""Which routes lead where networks are."""

from ipaddress import IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.host.queries import Route
from netwright.ipam.overlap import CATCH_ALL, Subnets
from netwright.model.names import Id

NET = Id("a" * 64)


def route(destination: str, link: str = "tun0") -> Route:
    return Route(destination=ip_network(destination), gateway=ip_address("192.0.2.1"), link=link, on_link=False)


def subnets(*texts: str) -> Subnets:
    return Subnets((ip_network(text), Id(text)) for text in texts)


@pytest.mark.parametrize(
    ("destination", "hit"),
    [
        ("10.1.0.0/16", True),
        ("10.0.0.0/8", True),
        ("10.1.2.0/24", True),
        ("10.1.2.3/32", True),
        ("10.2.0.0/16", False),
        ("10.0.0.0/16", False),
        ("fd00::/64", False),
    ],
)
def test_a_route_overlaps_where_it_is_around_a_subnet_or_within(destination: str, hit: bool) -> None:
    found = subnets("10.1.0.0/16").overlaps(route(destination))

    assert [overlap.network for overlap in found] == (["10.1.0.0/16"] if hit else [])


@pytest.mark.parametrize(
    "destination",
    ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/5", "::/0", "8000::/1", "2000::/3", "fc00::/7"],
)
def test_a_default_route_in_parts_overlaps_nothing(destination: str) -> None:
    assert subnets("10.1.0.0/16", "172.17.0.0/16", "2001:db8::/64", "fd00::/64").overlaps(route(destination)) == []


def test_link_local_addresses_belong_to_every_link_and_overlap_nothing() -> None:
    owned = subnets("fe80::/64", "169.254.0.0/16")

    assert [owned.overlaps(route(destination)) for destination in ("fe80::/64", "169.254.0.0/16")] == [[], []]


def test_a_route_may_overlap_several_networks_and_subnets_that_overlap_each_other() -> None:
    found = subnets("10.1.1.0/24", "10.1.2.0/24", "10.1.0.0/16", "10.2.0.0/16").overlaps(route("10.1.2.128/25"))

    assert {overlap.network for overlap in found} == {"10.1.2.0/24", "10.1.0.0/16"}


def test_the_same_way_to_a_place_is_the_same_overlap_whatever_its_gateway() -> None:
    owned = Subnets([(ip_network("10.1.0.0/16"), NET)])
    near = Route(destination=ip_network("10.0.0.0/8"), gateway=None, link="tun0", on_link=True)

    assert owned.overlaps(near)[0].key == owned.overlaps(route("10.0.0.0/8"))[0].key
    assert owned.overlaps(near)[0].key != owned.overlaps(route("10.0.0.0/8", link="tun1"))[0].key


_PREFIXES = st.builds(
    lambda number, length: IPv4Network((number << 16, length), strict=False),
    st.integers(0, 0xFFFF),
    st.integers(CATCH_ALL + 1, 32),
)


@given(st.lists(_PREFIXES, max_size=12), _PREFIXES)
@settings(max_examples=200)
def test_it_is_as_if_every_subnet_were_compared(owned: list[IPv4Network], destination: IPv4Network) -> None:
    index = Subnets((subnet, Id(str(place))) for place, subnet in enumerate(owned))

    found = {overlap.network for overlap in index.overlaps(route(str(destination)))}

    assert found == {Id(str(place)) for place, subnet in enumerate(owned) if subnet.overlaps(destination)}
