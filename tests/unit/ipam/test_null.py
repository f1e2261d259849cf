"""Networks without addresses."""

from ipaddress import ip_address, ip_network

import pytest
from tests.unit.ipam.networks import endpoint, network, pool

from netwright.errors import InvalidInput
from netwright.ipam.null import NullIpam
from netwright.model.names import Id
from netwright.model.network import Pool

ANY4, ANY6 = Pool(subnet=ip_network("0.0.0.0/0")), Pool(subnet=ip_network("::/0"))


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "pools"), [(True, False, (ANY4,)), (True, True, (ANY4, ANY6)), (False, True, (ANY6,))]
)
def test_each_family_has_any_subnet_and_no_gateway(ipv4: bool, ipv6: bool, pools: tuple[Pool, ...]) -> None:
    assert NullIpam().choose_pools(network("a", ipv4=ipv4, ipv6=ipv6), ()) == pools


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (pool("10.0.0.0/24"), "null ipam driver does not handle specific address pool requests"),
        (pool("0.0.0.0/24"), "null ipam driver does not handle specific address pool requests"),
        (pool("::/64"), "null ipam driver does not handle specific address pool requests"),
        (pool("0.0.0.0/0", "10.0.0.0/28"), "null ipam driver does not handle specific address subpool requests"),
    ],
)
def test_a_subnet_cannot_be_asked_for(asked: Pool, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        NullIpam().choose_pools(network("a", asked, ipv6=True), ())

    assert str(refused.value) == said


def test_several_networks_have_the_same() -> None:
    ipam = NullIpam()

    assert ipam.choose_pools(network("a"), ()) == ipam.choose_pools(network("b"), ())


def test_nobody_gets_an_address() -> None:
    ipam, net = NullIpam(), network("a", ANY4)
    ipam.restore([net], [endpoint("a", "web")])

    assert ipam.reserve(net, 4, None, Id("web")) is None
    assert ipam.usage(net) == {}
    with pytest.raises(InvalidInput, match=r"invalid address 10\.0\.0\.9: network a gives out no addresses"):
        ipam.reserve(net, 4, ip_address("10.0.0.9"), Id("web"))
