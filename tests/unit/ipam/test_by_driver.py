"""Each network keeps to the IPAM driver that it was made with."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from tests.unit.ipam.networks import endpoint, network, pool

from netwright.errors import Forbidden, NotFound
from netwright.ipam.builtin import BuiltinIpam
from netwright.ipam.by_driver import IpamByDriver
from netwright.ipam.null import NullIpam
from netwright.ipam.subnets import DEFAULT_SOURCES
from netwright.model.names import Id
from netwright.model.network import Network

WEB = Id("web")


def ipam() -> IpamByDriver:
    return IpamByDriver({"default": BuiltinIpam(DEFAULT_SOURCES, str), "null": NullIpam()})


def made(by: IpamByDriver, wanted: Network) -> Network:
    return replace(wanted, pools=by.choose_pools(wanted, ()))


def test_networks_are_served_by_the_driver_that_they_name() -> None:
    by = ipam()
    ours, nobodys = made(by, network("a")), made(by, network("b", ipam_driver="null"))

    assert by.reserve(ours, 4, None, WEB) == ip_interface("172.17.0.2/16")
    assert by.reserve(nobodys, 4, None, WEB) is None
    assert list(by.usage(ours)) == [ip_network("172.17.0.0/16")]
    assert by.usage(nobodys) == {}


def test_a_driver_that_there_is_not_is_refused() -> None:
    with pytest.raises(NotFound, match=r'^plugin "defualt" not found$'):
        made(ipam(), network("a", ipam_driver="defualt"))


def test_addresses_go_back_to_the_driver_they_came_from() -> None:
    by = ipam()
    net = made(by, network("a"))
    by.reserve(net, 4, ip_address("172.17.0.9"), WEB)

    by.release(net.id, ip_address("172.17.0.9"))
    by.release(Id("gone"), ip_address("172.17.0.9"))

    assert by.reserve(net, 4, ip_address("172.17.0.9"), Id("db")) is not None


def test_a_network_that_is_forgotten_leaves_its_subnet() -> None:
    by = ipam()
    net = made(by, network("a", pool("10.0.0.0/24")))

    by.forget(net)
    by.forget(net)
    by.forget(network("never"))

    made(by, network("b", pool("10.0.0.0/24")))


def test_rows_are_restored_to_their_drivers() -> None:
    by = ipam()
    ours, nobodys = network("a", pool("10.0.0.0/24")), network("b", pool("0.0.0.0/0"), ipam_driver="null")
    without = network("host")

    by.restore(
        [ours, nobodys, without], [endpoint("a", "web", "10.0.0.9/24"), endpoint("b", "web"), endpoint("host", "x")]
    )

    with pytest.raises(Forbidden, match=r"10\.0\.0\.9 belongs to web"):
        by.reserve(ours, 4, ip_address("10.0.0.9"), Id("db"))
    assert by.reserve(nobodys, 4, None, WEB) is None
