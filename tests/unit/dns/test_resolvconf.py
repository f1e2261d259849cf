"""resolv.conf of every kind of sandbox, as Docker writes it."""

from ipaddress import ip_address

import pytest

from netwright.dns.resolvconf import (
    ETC,
    RESOLVED,
    Overrides,
    base_path,
    for_default_bridge,
    for_embedded,
    for_host,
    names_embedded,
    parse,
)

HOST = """\
# of the host
nameserver 127.0.0.1
nameserver 192.0.2.53
nameserver fe80::1%eth0
domain old.test
search example.test lab.test
options timeout:2 ndots:3
sortlist 192.0.2.0
"""
DNS = (ip_address("9.9.9.9"),)


def servers(text: str) -> list[str]:
    return [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]


def test_the_hosts_own_stack_has_the_hosts_own_file_to_the_letter() -> None:
    assert for_host(HOST, Overrides(), ETC) == HOST


def test_what_is_asked_for_replaces_its_part_of_the_hosts_file() -> None:
    text = for_host(HOST, Overrides(servers=DNS), ETC)

    assert servers(text) == ["9.9.9.9"]
    assert "search example.test lab.test\n" in text
    assert "# Overrides: [nameservers]\n" in text


def test_the_default_bridge_leaves_out_servers_that_cannot_be_reached_from_it() -> None:
    assert servers(for_default_bridge(parse(HOST), Overrides(), ETC, ipv6=False)) == ["192.0.2.53"]
    assert servers(for_default_bridge(parse(HOST), Overrides(), ETC, ipv6=True)) == ["192.0.2.53", "fe80::1%eth0"]


def test_where_no_server_is_left_there_are_public_ones() -> None:
    local = parse("nameserver ::1\nnameserver 127.0.0.53\n")

    assert servers(for_default_bridge(local, Overrides(), ETC, ipv6=False)) == ["8.8.8.8", "8.8.4.4"]
    assert servers(for_default_bridge(local, Overrides(), ETC, ipv6=True))[2:] == [
        "2001:4860:4860::8888",
        "2001:4860:4860::8844",
    ]
    assert "# Used default nameservers.\n" in for_default_bridge(local, Overrides(), ETC, ipv6=False)


def test_servers_that_were_asked_for_are_taken_as_they_are() -> None:
    text = for_default_bridge(parse(HOST), Overrides(servers=(ip_address("127.0.0.1"),)), ETC, ipv6=False)

    assert servers(text) == ["127.0.0.1"]


def test_a_search_of_a_dot_means_none() -> None:
    assert "search" not in for_host(HOST, Overrides(search=(".",)), ETC).replace("[search]", "")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("", "options ndots:0"),
        ("options timeout:2", "options timeout:2 ndots:0"),
        ("options ndots:3", "options ndots:3"),
        ("options ndots:x rotate", "options rotate ndots:0"),
    ],
)
def test_the_embedded_resolver_is_asked_for_short_names_first(options: str, line: str) -> None:
    text = for_embedded(parse(f"nameserver 192.0.2.53\n{options}\n"), Overrides(), ETC)

    assert servers(text) == ["127.0.0.11"]
    assert line in text.splitlines()
    assert "# ExtServers: [host(192.0.2.53)]\n" in text


def test_systemd_resolveds_stub_is_passed_over_for_the_servers_behind_it() -> None:
    assert base_path("nameserver 127.0.0.53\n") == RESOLVED
    assert base_path("nameserver 127.0.0.53\nnameserver 192.0.2.53\n") == ETC
    assert base_path("") == ETC


def test_a_file_for_the_embedded_resolver_is_known_again() -> None:
    assert names_embedded(for_embedded(parse(HOST), Overrides(), ETC))
    assert not names_embedded(HOST)
    assert not names_embedded("")
