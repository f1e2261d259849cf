"""Rows to JSON and back."""

from datetime import UTC, datetime
from ipaddress import IPv4Interface, ip_address

import pytest

from netwright.model.addressing import Mac
from netwright.model.names import new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox
from netwright.model.ports import Port, PortBinding, Protocol
from netwright.store.codec import decode, encode

ENDPOINT = Endpoint(
    id=new_id(),
    network=new_id(),
    sandbox=new_id(),
    spec=EndpointSpec(ipv4=ip_address("192.0.2.7"), mac=Mac.parse("02:00:5e:00:00:07"), aliases=("web",)),
    order=3,
    mac=Mac.parse("02:ff:5e:00:00:01"),
    ipv4=IPv4Interface("192.0.2.7/24"),
    gateway4=ip_address("192.0.2.1"),
    bindings=(PortBinding(Port(80, Protocol.TCP), ip_address("::"), 8080),),
)
NETWORK = Network(id=new_id(), name="blue", driver="bridge", created=datetime(2026, 1, 2, tzinfo=UTC))
SANDBOX = Sandbox(id=new_id(), owner=new_id(), name="web", hostname="web", sysctls={"net/ipv4/x": "1"})


@pytest.mark.parametrize("row", [ENDPOINT, NETWORK, SANDBOX], ids=lambda row: type(row).__name__)
def test_a_row_comes_back_as_it_was(row: object) -> None:
    assert decode(type(row), encode(row)) == row
