"""Where the host asks for names."""

from ipaddress import IPv4Address

import pytest

from netwright.errors import InvalidInput
from netwright.model.listener import Listener, is_host


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("127.0.0.153", Listener(IPv4Address("127.0.0.153"), 53)),
        (" 192.0.2.1:5353 ", Listener(IPv4Address("192.0.2.1"), 5353)),
    ],
)
def test_an_address_alone_means_port_53(text: str, listener: Listener) -> None:
    assert Listener.parse(text) == listener


@pytest.mark.parametrize(
    "text", ["", "localhost", "::1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0", "127.0.0.1:53:53", "127.0.0.1:x"]
)
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="it must be like"):
        Listener.parse(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "0.0.0.0:5353", "224.0.0.251", "255.255.255.255"])
def test_an_address_that_is_not_one_of_this_host_alone_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="name one address of this host"):
        Listener.parse(text)


def test_its_place_is_no_path_and_is_read_back() -> None:
    listener = Listener.parse("127.0.0.153:5353")
    assert is_host(listener.place)
    assert Listener.of_place(listener.place) == listener
    assert Listener.of_place("/run/netwright/netns/abc") is None
