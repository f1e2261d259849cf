"""Names that the kernel answers by itself: where a sandbox asks often, and only what was answered before."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from tests.kernel.companion_lab import PATIENCE
from tests.kernel.names.names_lab import SEES, Sandbox, member, publish, resolver_pid, server, told

from netwright.dns.zone import Joined
from netwright.host import ops
from netwright.kernel import bpf
from netwright.kernel.names import Names
from netwright.kernel.resolver import shortcuts

dns_message = pytest.importorskip("dns.message")
dns_rrset = pytest.importorskip("dns.rrset")

pytestmark = pytest.mark.kernel

AT_ONCE = 50


def query(name: str) -> bytes:
    packet: bytes = dns_message.make_query(name, "A", use_edns=False).to_wire()
    return packet


def ask_often(box: Sandbox, packet: bytes, count: int = shortcuts.MANY + AT_ONCE) -> list[bytes]:
    """Ask the same many times; return the answers."""
    answers = []
    with box.client() as client:
        for _ in range(count // AT_ONCE):
            for _ in range(AT_ONCE):
                client.send(packet)
            answers += [client.recv(512) for _ in range(AT_ONCE)]
    return answers


def asked(box: Sandbox, packet: bytes) -> list[str]:
    """Ask once and return what is told."""
    with box.client() as client:
        client.send(packet)
        return told(dns_message.from_wire(client.recv(512)))


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Have a process do nothing for the time of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def await_that(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def is_answered_in_the_kernel(box: Sandbox, names: Names, packet: bytes) -> bool:
    """Tell whether a query is answered while the resolver is stopped; what was not is taken out of its queue after."""
    with box.client() as client:
        with stopped(resolver_pid(names)):
            client.send(packet)
            # The kernel answers before the query is sent.
            answered = bool(select.select([client], [], [], 0)[0])
        client.recv(512)
    return answered


def heat(box: Sandbox, names: Names, packet: bytes) -> None:
    """Ask until the kernel answers."""
    ask_often(box, packet)

    def holds() -> bool:
        ask_often(box, packet, AT_ONCE)
        return is_answered_in_the_kernel(box, names, packet)

    await_that(holds)


def test_one_that_asks_often_is_answered_in_the_kernel_the_same(box: Sandbox, names: Names) -> None:
    packet = query("web")
    before = set(ask_often(box, packet, AT_ONCE))
    assert not is_answered_in_the_kernel(box, names, packet)
    heat(box, names, packet)
    with stopped(resolver_pid(names)):
        assert set(ask_often(box, packet, 2 * AT_ONCE)) == before
    assert told(dns_message.from_wire(before.pop())) == ["10.0.0.1"]


def test_one_that_asks_often_is_always_answered(box: Sandbox) -> None:
    """This holds on every kernel, with such programs or without."""
    answers = ask_often(box, query("web"), 5 * shortcuts.MANY)
    assert [told(dns_message.from_wire(answer)) for answer in answers] == [["10.0.0.1"]] * (5 * shortcuts.MANY)


def test_what_the_engine_has_said_holds_before_the_resolver_has_read_it(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    with box.client() as client:
        with stopped(resolver_pid(names)):
            publish(names, [member("web", "web", addresses=("10.0.0.9",))])
            client.send(packet)
            assert not select.select([client], [], [], 0)[0]
        assert told(dns_message.from_wire(client.recv(512))) == ["10.0.0.9"]


def test_every_change_is_seen_by_the_next_query(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    for number in range(200):
        address = f"10.0.1.{number}"
        publish(names, [member("web", "web", addresses=(address,))])
        assert {told(dns_message.from_wire(answer))[0] for answer in ask_often(box, packet, AT_ONCE)} == {address}


def test_a_name_that_goes_is_known_no_more(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    names.change([ops.WithdrawNames(member=member("web", "web"))])
    assert asked(box, packet) == []
    assert not is_answered_in_the_kernel(box, names, packet)


def test_a_sandbox_that_leaves_a_network_is_told_its_names_no_more(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    names.change([ops.SetNameView(netns=box.path, view=replace(SEES, networks=()), undo=SEES)])
    assert asked(box, packet) == []


def test_all_names_that_are_replaced_at_once_hold_at_once(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    names.replace([member("web", "web", addresses=("10.0.0.7",))], {box.path: SEES})
    assert asked(box, packet) == ["10.0.0.7"]


def test_several_addresses_are_told_in_every_order_by_the_kernel_too(box: Sandbox, names: Names) -> None:
    addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    publish(names, [member(address, "all", addresses=(address,)) for address in addresses])
    packet = query("all")
    heat(box, names, packet)
    with stopped(resolver_pid(names)):
        answers = [told(dns_message.from_wire(answer)) for answer in ask_often(box, packet)]
    assert {answer[0] for answer in answers} == set(addresses)
    assert {tuple(sorted(answer)) for answer in answers} == {tuple(addresses)}


def test_one_of_several_addresses_that_goes_is_told_no_more(box: Sandbox, names: Names) -> None:
    publish(names, [member("a", "both"), member("b", "both", addresses=("10.0.0.2",))])
    packet = query("both")
    heat(box, names, packet)
    names.change([ops.WithdrawNames(member=member("a", "both"))])
    assert {tuple(told(dns_message.from_wire(answer))) for answer in ask_often(box, packet)} == {("10.0.0.2",)}
    assert is_answered_in_the_kernel(box, names, packet)


@pytest.mark.parametrize(
    "rules",
    [
        "nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; }'",
        "iptables-nft -A OUTPUT -p udp --dport 9 -j DROP",
        "iptables-legacy -t raw -A PREROUTING -p udp --dport 9 -j DROP",
    ],
)
def test_a_firewall_in_the_sandbox_sees_every_packet(box: Sandbox, names: Names, rules: str) -> None:
    packet = query("web")
    heat(box, names, packet)
    box.run(lambda: subprocess.run(["sh", "-ec", rules], check=True))
    assert not is_answered_in_the_kernel(box, names, packet)
    assert asked(box, packet) == ["10.0.0.1"]


def test_a_firewall_that_admits_what_belongs_to_a_query_admits_its_answer(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    rules = (
        "add table inet t; add chain inet t c { type filter hook input priority 0; policy drop; };"
        "add rule inet t c udp dport 53 accept; add rule inet t c ct state established accept"
    )
    box.run(lambda: subprocess.run(["nft", rules], check=True))
    assert len(ask_often(box, packet)) == shortcuts.MANY + AT_ONCE


def test_sandboxes_are_not_told_each_others_names(box: Sandbox, names: Names, root: Path) -> None:
    packet = query("web")
    heat(box, names, packet)
    with contextlib.closing(Sandbox(root / "netns" / "other")) as other:
        other.serve(names, replace(SEES, networks=(Joined(id="net-2", name="two"),)))
        names.change([ops.PublishNames(member=replace(member("w", "web", addresses=("10.9.9.9",)), network="net-2"))])
        heat(other, names, packet)
        heat(box, names, packet)
        for _ in range(10):
            assert asked(other, packet) == ["10.9.9.9"]
            assert asked(box, packet) == ["10.0.0.1"]
        names.close(other.path)


def test_a_sandbox_that_is_served_no_more_is_told_nothing(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    names.close(box.path)
    with box.client() as client:
        client.send(packet)
        # Nobody has the port any more, which the kernel says before the query is sent.
        with pytest.raises(ConnectionRefusedError):
            client.recv(512)
    box.serve(names)
    heat(box, names, packet)


def test_the_kernel_forgets_a_resolver_that_is_killed(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    killed = resolver_pid(names)
    os.kill(killed, signal.SIGKILL)
    await_that(lambda: names._client is not None and resolver_pid(names) != killed)
    publish(names, [member("web", "web", addresses=("10.0.0.8",))])
    assert asked(box, packet) == ["10.0.0.8"]
    heat(box, names, packet)


def test_the_kernel_goes_on_without_an_engine_and_heeds_the_next(box: Sandbox, names: Names, root: Path) -> None:
    packet = query("web")
    heat(box, names, packet)
    pid = resolver_pid(names)
    names.leave()
    with stopped(pid):
        assert len(ask_often(box, packet, AT_ONCE)) == AT_ONCE
    later = Names(str(root))
    later.replace([member("web", "web", addresses=("10.0.0.9",))], {box.path: SEES})
    try:
        assert asked(box, packet) == ["10.0.0.9"]
        heat(box, later, packet)
        publish(later, [member("web", "web", addresses=("10.0.0.10",))])
        assert asked(box, packet) == ["10.0.0.10"]
        later.close(box.path)
    finally:
        later.leave()


def test_what_the_kernel_has_answered_is_counted(box: Sandbox, names: Names, root: Path) -> None:
    packet = query("web")
    heat(box, names, packet)
    (before,) = names.counts(str(root / "netns"))
    ask_often(box, packet, 3 * AT_ONCE)
    (after,) = names.counts(str(root / "netns"))
    assert after.queries == before.queries + 3 * AT_ONCE
    assert after.in_kernel == before.in_kernel + 3 * AT_ONCE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("WEB", {}),
        ("web", {"use_edns": True}),
        ("web", {"use_edns": True, "payload": 4096}),
        ("web", {"rdtype": "AAAA"}),
        ("web", {"rdtype": "MX"}),
        ("web.one", {}),
        ("nobody", {}),
        ("1.0.0.10.in-addr.arpa", {"rdtype": "PTR"}),
        ("web." + "x" * 60 + "." + "y" * 60 + ".one", {}),
        ("web", {"rdclass": "CH"}),
    ],
)
def test_whatever_is_asked_is_answered_as_by_the_sockets(
    box: Sandbox, names: Names, name: str, options: dict[str, Any]
) -> None:
    packet: bytes = dns_message.make_query(name, **{"rdtype": "A", "use_edns": False, **options}).to_wire()
    (before,) = set(ask_often(box, packet, AT_ONCE))
    heat(box, names, query("web"))
    assert set(ask_often(box, packet, 4 * AT_ONCE)) == {before}


def test_answers_by_tcp_come_from_the_resolver(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)
    with box.client(socket.SOCK_STREAM) as client:
        client.send(len(packet).to_bytes(2, "big") + packet)
        assert told(dns_message.from_wire(client.recv(512)[2:])) == ["10.0.0.1"]


def test_what_servers_say_is_not_kept_in_the_kernel(box: Sandbox, names: Names) -> None:
    def script(asked: Any, _: str) -> Any:
        answer = dns_message.make_response(asked)
        answer.answer.append(dns_rrset.from_text(asked.question[0].name, 60, "IN", "A", "192.0.2.1"))
        return answer

    with server(box, "127.0.0.2", script):
        names.change([ops.SetNameView(netns=box.path, view=replace(SEES, servers=("127.0.0.2",)), undo=SEES)])
        heat(box, names, query("web"))
        packet = query("example.org")
        ask_often(box, packet)
        assert not is_answered_in_the_kernel(box, names, packet)


def test_what_is_broken_cut_or_for_another_port_goes_where_it_would_have_gone(box: Sandbox, names: Names) -> None:
    packet = query("web")
    heat(box, names, packet)

    def listening() -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(("127.0.0.1", 0))
        end.settimeout(PATIENCE)
        return end

    with box.run(listening) as end, box.client() as client:
        end.sendto(packet, end.getsockname())
        assert end.recv(512) == packet
        for cut in range(len(packet)):
            client.send(packet[:cut])
        client.send(packet)
        assert told(dns_message.from_wire(last_of(client, packet[:2]))) == ["10.0.0.1"]


def last_of(client: socket.socket, identity: bytes) -> bytes:
    """Return the whole answer among those to broken queries."""
    while True:
        answer = client.recv(512)
        if answer[:2] == identity and answer[3] & 0x0F == 0:
            return answer


def test_the_sender_sees_the_address_and_port_that_it_asked(box: Sandbox, names: Names) -> None:
    heat(box, names, query("web"))

    def unconnected() -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.settimeout(PATIENCE)
        return end

    with box.run(unconnected) as client, stopped(resolver_pid(names)):
        client.sendto(query("web"), ("127.0.0.11", 53))
        answer, sender = client.recvfrom(512)
    assert sender == ("127.0.0.11", 53)
    assert IPv4Address(answer[-4:]) == IPv4Address("10.0.0.1")


def test_a_kernel_without_such_programs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*_: object) -> int:
        asked.append(1)
        raise bpf.Unsupported("no")

    monkeypatch.setattr(bpf, "create_map", refuse)
    none = shortcuts.Shortcuts(-1)
    assert none.share() is None
    assert none.share() is None
    assert none.open(0) is None
    assert len(asked) == 1
