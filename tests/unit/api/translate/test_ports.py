"""Ports between Docker's maps and ours."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest
from msgspec import structs
from tests.unit.api.examples import attachment

from netwright.api.translate.ports import granted, read_bindings, read_exposed, show_bindings, summary
from netwright.api.wire.containers import Nothing, PortBinding
from netwright.errors import InvalidInput
from netwright.model.ports import Port
from netwright.model.ports import PortBinding as Granted

HTTP, DNS = Port.parse("80"), Port.parse("53/udp")


def test_wishes_survive_the_way_there_and_back() -> None:
    asked = {
        "80/tcp": [
            PortBinding(host_ip="127.0.0.1", host_port="8080"),
            PortBinding(host_ip="::1", host_port="8000-8010"),
        ],
        "53/udp": [PortBinding()],
    }

    assert show_bindings(read_bindings(asked)) == asked


@pytest.mark.parametrize("nothing", [None, []])
def test_no_bindings_are_one_binding_to_any_port(nothing: list[PortBinding] | None) -> None:
    (request,) = read_bindings({"80": nothing})

    assert (request.port, request.host_ip, request.first, request.last) == (HTTP, None, 0, 0)


def test_port_zero_means_any_port() -> None:
    (request,) = read_bindings({"80/tcp": [PortBinding(host_port="0")]})

    assert (request.first, request.last) == (0, 0)


@pytest.mark.parametrize(
    ("key", "binding", "words"),
    [
        ("http", PortBinding(), 'invalid port specification: "http"'),
        ("80-90/tcp", PortBinding(), 'invalid port specification: "80-90/tcp"'),
        ("80/icmp", PortBinding(), "invalid proto: icmp"),
        ("80/tcp", PortBinding(host_port="70000"), 'invalid port specification: "70000"'),
        ("80/tcp", PortBinding(host_port="90-80"), 'invalid port specification: "90-80"'),
        ("80/tcp", PortBinding(host_ip="1.2.3"), "invalid IP address: 1.2.3"),
        (
            "0/tcp",
            PortBinding(host_port="80"),
            'invalid port specification: "0/tcp": a container\'s port is between 1 and 65535',
        ),
        ("9" * 5000, PortBinding(), f'invalid port specification: "{"9" * 5000}"'),
    ],
)
def test_what_is_no_wish_is_refused(key: str, binding: PortBinding, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_bindings({key: [binding]})

    assert str(refused.value) == words


def test_exposed_ranges_are_written_out() -> None:
    exposed = read_exposed({"8000-8002/udp": Nothing(), "80": Nothing()})

    assert [str(port) for port in exposed] == ["8000/udp", "8001/udp", "8002/udp", "80/tcp"]


@pytest.mark.parametrize("key", ["", "/tcp", "80/x", "a-b"])
def test_what_is_no_exposed_port_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        read_exposed({key: Nothing()})


def test_published_and_merely_exposed_ports_are_told_apart() -> None:
    item = attachment()
    bindings = (Granted(HTTP, IPv4Address("0.0.0.0"), 8080), Granted(HTTP, ip_address("::"), 8080))
    item = structs.replace(item, endpoint=replace(item.endpoint, bindings=bindings))

    shown = granted([item], [DNS, HTTP])

    assert shown["53/udp"] is None
    assert shown["80/tcp"] == [PortBinding(host_ip=ip, host_port="8080") for ip in ("0.0.0.0", "::")]
    assert [(port.ip, port.private_port, port.public_port, port.type) for port in summary([item], [DNS, HTTP])] == [
        ("", 53, 0, "udp"),
        ("0.0.0.0", 80, 8080, "tcp"),
        ("::", 80, 8080, "tcp"),
    ]


def test_a_routed_port_has_no_host_port() -> None:
    item = attachment()
    item = structs.replace(item, endpoint=replace(item.endpoint, bindings=(Granted(HTTP, IPv4Address("0.0.0.0"), 0),)))

    assert granted([item], []) == {"80/tcp": [PortBinding(host_ip="0.0.0.0", host_port="")]}


def test_nothing_is_published_by_what_does_not_run() -> None:
    item = attachment(is_open=False)

    assert granted([item], [HTTP]) == {}
    assert granted([], [HTTP]) == {}
