"""Networks as facts."""

from ipaddress import ip_network

import pytest
from tests.unit.ipam.networks import network, pool


@pytest.mark.parametrize(("version", "first"), [(4, "10.0.0.0/24"), (6, "fd00::/64")])
def test_of_several_pools_of_a_family_the_first_is_the_networks(version: int, first: str) -> None:
    row = network("a", pool("10.0.0.0/24"), pool("fd00::/64"), pool("10.1.0.0/24"), pool("fd01::/64"))

    found = row.pool(version)

    assert found is not None
    assert found.subnet == ip_network(first)


def test_a_network_without_pools_of_a_family_has_none() -> None:
    assert network("a", pool("10.0.0.0/24")).pool(6) is None
