"""Where the host asks for names."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from netwright.errors import InvalidInput
from netwright.model.listener import Listener, is_host


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("127.0.0.153", Listener(IPv4Address("127.0.0.153"), 53)),
        (" 192.0.2.1:5353 ", Listener(IPv4Address("192.0.2.1"), 5353)),
        ("::1", Listener(IPv6Address("::1"), 53)),
        ("[::1]", Listener(IPv6Address("::1"), 53)),
        ("[2001:DB8:0::1]:5353", Listener(IPv6Address("2001:db8::1"), 5353)),
        ("2001:db8::5353", Listener(IPv6Address("2001:db8::5353"), 53)),
    ],
)
def test_an_address_alone_means_port_53(text: str, listener: Listener) -> None:
    assert Listener.parse(text) == listener


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0",
        "127.0.0.1:53:53",
        "127.0.0.1:x",
        "[127.0.0.1]:53",
        "[::1",
        "::1]:53",
        "[::1]:",
        "[::1]:0",
        "[::1]:65536",
        "[[::1]]",
        ":::1",
        "[]:53",
        "a::b::c",
    ],
)
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="it must be like"):
        Listener.parse(text)


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "0.0.0.0:5353", "224.0.0.251", "255.255.255.255", "::", "[::]:53", "ff02::fb"]
)
def test_an_address_that_is_not_one_of_this_host_alone_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="name one address of this host"):
        Listener.parse(text)


@pytest.mark.parametrize("text", ["fe80::1", "fe80::1%eth0", "[fe80::1%eth0]:53", "::1%lo", "[::1%a b]:53"])
def test_an_address_of_one_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="one link only: name an address that the whole host has, such as ::1"):
        Listener.parse(text)


def test_an_ipv4_address_is_not_to_be_written_as_an_ipv6_one() -> None:
    with pytest.raises(InvalidInput, match=r"write 127\.0\.0\.1"):
        Listener.parse("::ffff:127.0.0.1")


@pytest.mark.parametrize("text", ["127.0.0.153:5353", "[2001:db8::1]:5353"])
def test_its_place_is_no_path_and_is_read_back(text: str) -> None:
    listener = Listener.parse(text)
    assert str(listener) == text
    assert is_host(listener.place)
    assert Listener.of_place(listener.place) == listener
    assert Listener.of_place("/run/netwright/netns/abc") is None
