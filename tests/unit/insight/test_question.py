"""Who wants to reach what, as it is written."""

from ipaddress import ip_address

import pytest

from netwright.errors import InvalidInput
from netwright.insight.question import Target, parse_sender, parse_target
from netwright.model.ports import Protocol


@pytest.mark.parametrize(
    ("text", "address", "name", "protocol", "port"),
    [
        (":8080", None, "", Protocol.TCP, 8080),
        ("web:80", None, "web", Protocol.TCP, 80),
        ("192.0.2.1:53/udp", ip_address("192.0.2.1"), "", Protocol.UDP, 53),
        ("[2001:db8::1]:443", ip_address("2001:db8::1"), "", Protocol.TCP, 443),
    ],
)
def test_a_target_is_an_address_a_container_or_this_host(
    text: str, address: object, name: str, protocol: Protocol, port: int
) -> None:
    assert parse_target(text) == Target(address=address, name=name, protocol=protocol, port=port)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "web", "web:", ":x", ":80/icmp", ":99999"])
def test_a_target_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_target(text)


def test_a_sender_is_an_address_or_a_name() -> None:
    assert parse_sender("[2001:db8::1]") == ip_address("2001:db8::1")
    assert parse_sender("web") == "web"
    with pytest.raises(InvalidInput, match="an address, a container, or host"):
        parse_sender(" ")
