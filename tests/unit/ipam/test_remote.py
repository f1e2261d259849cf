"""The IPAM plugin protocol: the bytes of requests, and what answers mean."""

from ipaddress import ip_address, ip_interface, ip_network

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import SystemFailure
from netwright.ipam import remote
from netwright.model.addressing import Mac
from netwright.model.network import Pool

GATEWAY = "com.docker.network.gateway"


def wire(request: object) -> str:
    return msgspec.json.encode(request).decode()


@pytest.mark.parametrize(
    ("pool", "options", "shape"),
    [
        (
            Pool(subnet=ip_network("10.123.0.0/24")),
            {"ip": "1"},
            '{"AddressSpace":"rl","Pool":"10.123.0.0/24","SubPool":"","Options":{"ip":"1"},"V6":false}',
        ),
        (
            Pool(subnet=ip_network("0.0.0.0/0")),
            None,
            '{"AddressSpace":"rl","Pool":"","SubPool":"","Options":null,"V6":false}',
        ),
        (
            Pool(subnet=ip_network("0.0.0.0/26")),
            {},
            '{"AddressSpace":"rl","Pool":"0.0.0.0/26","SubPool":"","Options":{},"V6":false}',
        ),
        (Pool(subnet=ip_network("::/0")), {}, '{"AddressSpace":"rl","Pool":"","SubPool":"","Options":{},"V6":true}'),
        (
            Pool(subnet=ip_network("fd00::/64"), range=ip_network("fd00::/80")),
            {},
            '{"AddressSpace":"rl","Pool":"fd00::/64","SubPool":"fd00::/80","Options":{},"V6":true}',
        ),
    ],
)
def test_a_pool_is_asked_for_as_docker_does(pool: Pool, options: dict[str, str] | None, shape: str) -> None:
    assert wire(remote.pool_wanted("rl", pool, options)) == shape


def test_addresses_are_asked_for_and_given_back_as_docker_does() -> None:
    mac = Mac.parse("02:42:c1:2f:78:43")

    assert wire(remote.address_wanted("pool1", None, remote.GATEWAY_OPTIONS)) == (
        '{"PoolID":"pool1","Address":"","Options":{"RequestAddressType":"com.docker.network.gateway"}}'
    )
    assert wire(remote.address_wanted("pool1", ip_address("10.123.0.9"), None)) == (
        '{"PoolID":"pool1","Address":"10.123.0.9","Options":null}'
    )
    assert remote.endpoint_options("web", None) == {"com.docker.network.endpoint.name": "web"}
    assert remote.endpoint_options("web", mac) == {
        "com.docker.network.endpoint.name": "web",
        "com.docker.network.endpoint.macaddress": "02:42:c1:2f:78:43",
    }
    assert wire(remote.AddressGivenBack(pool_id="p", address="::1")) == '{"PoolID":"p","Address":"::1"}'
    assert wire(remote.PoolGivenBack(pool_id="p")) == '{"PoolID":"p"}'


def test_answers_are_read_by_dockers_names() -> None:
    able = msgspec.json.decode(
        b'{"RequiresMACAddress": true, "RequiresRequestReplay": true}', type=remote.CapabilitiesSaid
    )
    pool = msgspec.json.decode(
        b'{"PoolID": "id", "Pool": "10.1.0.0/24", "Data": {"com.docker.network.gateway": "10.1.0.7/24"}}',
        type=remote.PoolSaid,
    )

    assert (able.requires_mac_address, able.requires_request_replay) == (True, True)
    assert remote.read_pool(pool, 4) == remote.GivenPool(
        id="id", subnet=ip_network("10.1.0.0/24"), gateway=ip_address("10.1.0.7")
    )


def test_an_error_in_an_answer_is_raised_in_dockers_words() -> None:
    with pytest.raises(SystemFailure, match=r"^remote: no room$"):
        remote.check(remote.Answer(error="no room"))
    remote.check(remote.Answer())


@pytest.mark.parametrize(
    ("pool", "data", "version", "said"),
    [
        ("", None, 4, "no subnet"),
        ("10.1", None, 4, "no subnet"),
        ("fd00::/64", None, 4, "IPv4 pool was asked for"),
        ("10.1.0.0/24", {GATEWAY: "nonsense"}, 4, r"failed to parse gateway address \(nonsense\)"),
        ("10.1.0.0/24", {GATEWAY: "10.2.0.1/24"}, 4, "not in its pool"),
    ],
)
def test_pools_that_make_no_sense_are_refused(pool: str, data: dict[str, str] | None, version: int, said: str) -> None:
    with pytest.raises(SystemFailure, match=said):
        remote.read_pool(remote.PoolSaid(pool_id="p", pool=pool, data=data), version)


@pytest.mark.parametrize(
    ("address", "wanted", "said"),
    [
        ("", None, "gave no address"),
        ("nonsense", None, "no address"),
        ("10.1.0.7", None, "without the length of its prefix"),
        ("10.2.0.7/24", None, "not in its pool"),
        ("fd00::1/64", None, "not in its pool"),
        ("10.1.0.7/24", "10.1.0.8", "where 10.1.0.8 was asked for"),
    ],
)
def test_addresses_that_make_no_sense_are_refused(address: str, wanted: str | None, said: str) -> None:
    with pytest.raises(SystemFailure, match=said):
        remote.read_address(
            remote.AddressSaid(address=address), ip_network("10.1.0.0/24"), ip_address(wanted) if wanted else None
        )


@given(st.ip_addresses(), st.data())
def test_an_address_in_its_pool_is_read_as_it_is_written(address: object, data: st.DataObject) -> None:
    bits = ip_address(str(address)).max_prefixlen
    text = f"{address}/{data.draw(st.integers(0, bits))}"

    assert remote.read_address(remote.AddressSaid(address=text), ip_interface(text).network, None) == ip_interface(text)
