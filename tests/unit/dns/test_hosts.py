"""/etc/hosts as Docker writes it."""

from ipaddress import ip_address

import pytest

from netwright.dns.hosts import Entry, build, extra_entries, own_names
from netwright.errors import InvalidInput

GATEWAYS = (ip_address("172.17.0.1"), ip_address("fd00::1"))


def test_loopback_comes_first_then_what_was_asked_for_then_the_containers_own() -> None:
    text = build([Entry("1.2.3.4", ("a",))], [Entry("172.17.0.2", own_names("box", "example.test"))], ipv6=True)

    assert text == (
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::\tip6-localnet\n"
        "ff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\n"
        "ff02::2\tip6-allrouters\n"
        "1.2.3.4\ta\n"
        "172.17.0.2\tbox.example.test box\n"
    )


def test_without_ipv6_no_line_speaks_of_it() -> None:
    assert build([], [Entry("172.17.0.2", ("box",))], ipv6=False) == "127.0.0.1\tlocalhost\n172.17.0.2\tbox\n"


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ("a:1.2.3.4", ["1.2.3.4\ta"]),
        ("a=1.2.3.4", ["1.2.3.4\ta"]),
        ("a:::1", ["::1\ta"]),
        ("a=[2001:db8::1]", ["2001:db8::1\ta"]),
        ("gw:host-gateway", ["172.17.0.1\tgw", "fd00::1\tgw"]),
    ],
)
def test_an_extra_host_is_a_name_and_an_address(asked: str, lines: list[str]) -> None:
    assert [str(entry) for entry in extra_entries([asked], GATEWAYS)] == lines


@pytest.mark.parametrize("asked", ["", "a", "a:", ":1.2.3.4", "a b:1.2.3.4", "a\nb:1.2.3.4", "a\0:1.2.3.4"])
def test_what_would_not_be_one_line_is_refused(asked: str) -> None:
    with pytest.raises(InvalidInput, match="bad format for add-host"):
        extra_entries([asked], GATEWAYS)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match='invalid IP address in add-host: "b:c"'):
        extra_entries(["a:b:c"], GATEWAYS)


def test_a_host_without_a_gateway_says_how_to_name_one() -> None:
    with pytest.raises(InvalidInput, match="--host-gateway-ip"):
        extra_entries(["gw:host-gateway"], ())
