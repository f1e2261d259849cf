"""Forgetting tracked flows, in a namespace where a rule has everything tracked."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.kernel.firewall_lab import namespace

from netwright.kernel.conntrack import forget
from netwright.kernel.nft import Nft
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

TCP, UDP = Protocol.TCP, Protocol.UDP
SECOND = "127.0.0.2"


@pytest.fixture(autouse=True)
def _tracked() -> Iterator[None]:
    with namespace():
        ip("link", "set", "lo", "up")
        # Connection tracking runs where a rule needs it, and nowhere else.
        Nft().run("table inet t {\n\tchain out { type filter hook output priority 0\n\t\tct state new accept\n\t}\n}\n")
        yield


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def send(port: int, *addresses: str, count: int = 1) -> None:
    """Make flows: datagrams from as many ports to one where nobody answers."""
    for address in addresses:
        for number in range(count):
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind(("", 20000 + number))
                sender.sendto(b"?", (address, port))


def test_the_flows_of_a_port_are_forgotten_in_both_families_and_counted() -> None:
    send(80, "127.0.0.1", SECOND, "::1")
    send(81, "127.0.0.1", "::1")
    assert forget(UDP, None, 80) == 3
    assert forget(UDP, None, 80) == 0
    assert forget(UDP, None, 81) == 2


def test_an_address_limits_what_is_forgotten() -> None:
    send(80, "127.0.0.1", SECOND, "::1")
    assert forget(UDP, ip_address(SECOND), 80) == 1
    assert forget(UDP, ip_address("::1"), 80) == 1
    assert forget(UDP, None, 80) == 1


def test_without_a_port_all_flows_to_an_address_are_forgotten() -> None:
    send(80, "127.0.0.1", SECOND, "::1")
    send(81, SECOND, "::1")
    assert forget(UDP, ip_address(SECOND), None) == 2
    assert forget(UDP, ip_address("::1"), None) == 2
    assert forget(UDP, None, 80) == 1


def test_flows_are_forgotten_by_their_source_too() -> None:
    send(80, "127.0.0.1", "::1", count=3)
    for address, port, found in (("127.0.0.1", 20000, 1), ("::1", 20000, 1), ("127.0.0.1", None, 2), ("::1", 80, 0)):
        assert forget(UDP, ip_address(address), port, sent=True) == found
    assert forget(UDP, None, 80) == 2


def test_other_protocols_keep_their_flows() -> None:
    send(80, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 80)), socket.create_connection(("127.0.0.1", 80)):
        assert forget(TCP, None, 80) == 1
    assert forget(UDP, None, 80) == 1


def test_many_flows_are_forgotten_at_once() -> None:
    send(80, "127.0.0.1", "::1", count=400)
    assert forget(UDP, None, 80) == 800
    assert forget(UDP, None, 80) == 0


def test_the_destination_before_translation_is_what_counts() -> None:
    Nft().run(
        "table ip n {\n\tchain out { type nat hook output priority -100\n"
        "\t\tudp dport 80 dnat to 127.0.0.1:81\n\t}\n}\n"
    )
    send(80, SECOND)
    assert forget(UDP, None, 81) == 0
    assert forget(UDP, ip_address(SECOND), 80) == 1


def test_a_sender_that_never_pauses_follows_the_port_to_its_new_place() -> None:
    nft = Nft()
    nft.run(
        "table ip n {\n\tmap ports { type inet_service : inet_service; }\n"
        "\tchain out { type nat hook output priority -100\n"
        "\t\tip daddr 127.0.0.1 meta l4proto udp dnat ip to 127.0.0.1:udp dport map @ports\n\t}\n}\n"
        "add element ip n ports { 80 : 81 }\n"
    )
    with contextlib.ExitStack() as stack:
        former, latter, sender = (
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)
        )
        for server, port in ((former, 81), (latter, 82)):
            server.bind(("127.0.0.1", port))
            server.settimeout(5)
        sender.sendto(b"1", ("127.0.0.1", 80))
        assert former.recv(10) == b"1"
        nft.run("delete element ip n ports { 80 : 81 }\nadd element ip n ports { 80 : 82 }")
        sender.sendto(b"2", ("127.0.0.1", 80))
        assert former.recv(10) == b"2"
        assert forget(UDP, ip_address("127.0.0.1"), 80) == 1
        sender.sendto(b"3", ("127.0.0.1", 80))
        assert latter.recv(10) == b"3"


@pytest.mark.parametrize(
    ("own", "elsewhere", "flags"),
    [("192.0.2.1", "192.0.2.7", []), ("2001:db8::1", "2001:db8::7", ["nodad"])],
    ids=["ipv4", "ipv6"],
)
def test_flows_to_the_same_port_of_another_host_are_kept(own: str, elsewhere: str, flags: list[str]) -> None:
    ip("link", "add", "wan", "type", "bridge")
    ip("address", "add", f"{own}/24", "dev", "wan", *flags)
    ip("link", "set", "wan", "up")
    send(53, elsewhere, own)
    assert forget(UDP, None, 53) == 1
    assert forget(UDP, ip_address(elsewhere), 53) == 1


def test_nothing_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    forget(UDP, None, 80)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
