"""The resolver on real sockets: led to by the kernel, asked by UDP and TCP, killed, replaced, and asking others."""

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.kernel.companion_lab import PATIENCE, await_end
from tests.kernel.names.names_lab import (
    SEES,
    Sandbox,
    member,
    publish,
    resolver_pid,
    server,
    told,
)

from netwright.dns.zone import Joined, View
from netwright.errors import OperationFailed
from netwright.host import ops
from netwright.kernel import bpf, redirect
from netwright.kernel import names as names_module
from netwright.kernel.companion.loop import Loop
from netwright.kernel.names import Names
from netwright.kernel.resolver.client import ResolverClient
from netwright.kernel.resolver.forward import Forwarder
from netwright.kernel.resolver.host import HostConfiguration
from netwright.kernel.resolver.service import Service
from netwright.kernel.resolver.station import Station
from netwright.kernel.resolver.streams import PER_SANDBOX
from netwright.kernel.resolver.timers import Timers
from netwright.model.listener import Listener

dns_message = pytest.importorskip("dns.message")
dns_edns = pytest.importorskip("dns.edns")
dns_flags = pytest.importorskip("dns.flags")
dns_rcode = pytest.importorskip("dns.rcode")
dns_rdatatype = pytest.importorskip("dns.rdatatype")
dns_rrset = pytest.importorskip("dns.rrset")

pytestmark = pytest.mark.kernel

FIRST, SECOND = "127.0.0.2", "127.0.0.3"


def sockets_of(sandbox: Sandbox, names: Names) -> list[int]:
    """Return the inodes of what the resolver has of a sandbox."""
    assert names._client is not None
    descriptors = names._client.get(Path(sandbox.path).name)
    try:
        return [os.fstat(descriptor).st_ino for descriptor in descriptors]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def by_stream(sandbox: Sandbox, *asked: str) -> list[Any]:
    """Send several queries on one connection at once, and return the answers in the order of the queries."""
    with sandbox.client(socket.SOCK_STREAM) as client:
        return by_connection(client, *asked)


def by_connection(client: socket.socket, *asked: str) -> list[Any]:
    """Do the same on a connection that stands."""
    queries = [dns_message.make_query(name, "A") for name in asked]
    packets = [query.to_wire() for query in queries]
    with client.makefile("rb") as file:
        client.sendall(b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets))
        answers = [dns_message.from_wire(file.read(int.from_bytes(file.read(2), "big"))) for _ in queries]
    by_id = {answer.id: answer for answer in answers}
    return [by_id[query.id] for query in queries]


def test_names_are_answered_by_udp_and_tcp(box: Sandbox, names: Names) -> None:
    publish(names, [member("db", "db", addresses=("10.0.0.2",))])
    assert told(box.ask("web")) == ["10.0.0.1"]
    assert told(box.ask("web.one")) == ["10.0.0.1"]
    assert told(box.ask("web", "AAAA")) == []
    assert [told(answer) for answer in by_stream(box, "web", "db", "web.one")] == [
        ["10.0.0.1"],
        ["10.0.0.2"],
        ["10.0.0.1"],
    ]
    assert told(box.ask("1.0.0.10.in-addr.arpa", "PTR")) == ["web.one."]


def test_answers_come_from_the_address_and_port_that_were_asked(box: Sandbox) -> None:
    query = dns_message.make_query("web", "A").to_wire()
    client = box.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with client:
        client.settimeout(PATIENCE)
        client.sendto(query, ("127.0.0.11", 53))
        assert client.recvfrom(512)[1] == ("127.0.0.11", 53)


def test_several_addresses_come_in_changing_order_and_are_cut_to_fit(box: Sandbox, names: Names) -> None:
    publish(names, [member(f"m{n}", f"m{n}", "many", addresses=(f"10.1.0.{n}",)) for n in range(1, 61)])
    cut = box.ask("many")
    assert cut.flags & dns_flags.TC
    assert len(cut.to_wire()) <= 512
    assert len(told(by_stream(box, "many")[0])) == 60
    whole = [told(box.ask("many", use_edns=0, payload=1400)) for _ in range(8)]
    assert {len(told_one) for told_one in whole} == {60}
    assert len({told_one[0] for told_one in whole}) > 1


def test_a_name_is_known_and_unknown_at_once(box: Sandbox, names: Names) -> None:
    assert box.ask("late").rcode() == dns_rcode.SERVFAIL
    publish(names, [member("late", "late")])
    assert told(box.ask("late")) == ["10.0.0.1"]
    names.change([ops.WithdrawNames(member=member("late", "late"))])
    assert box.ask("late").rcode() == dns_rcode.SERVFAIL


def test_whoever_asks_after_a_change_is_answered_by_it_however_many_ask_beside(box: Sandbox, names: Names) -> None:
    busy, stop = box.client(), threading.Event()

    def flood() -> None:
        query = dns_message.make_query("web", "A").to_wire()
        while not stop.is_set():
            for _ in range(20):
                busy.send(query)
            for _ in range(20):
                busy.recv(512)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for number in range(40):
            late = member(f"late{number}", f"late{number}")
            publish(names, [late])
            assert told(box.ask(f"late{number}")) == ["10.0.0.1"]
            names.change([ops.WithdrawNames(member=late)])
            assert box.ask(f"late{number}").rcode() == dns_rcode.SERVFAIL
    finally:
        stop.set()
        flooding.join(PATIENCE)
        busy.close()


def test_a_sandbox_that_is_answered_already_keeps_its_sockets_and_sees_what_it_is_to_see(
    box: Sandbox, names: Names
) -> None:
    before = sockets_of(box, names)

    box.serve(names, View(networks=(), egress=False))

    assert box.ask("web").rcode() == dns_rcode.SERVFAIL
    assert sockets_of(box, names) == before


def test_a_sandbox_that_comes_again_at_the_same_path_is_answered(names: Names, root: Path) -> None:
    for _ in range(2):
        with contextlib.closing(Sandbox(root / "netns" / "again")) as sandbox:
            sandbox.serve(names)
            publish(names, [member("web", "web")])
            assert told(sandbox.ask("web")) == ["10.0.0.1"]


def test_what_a_resolver_will_not_be_told_is_in_the_log(
    box: Sandbox, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    assert names._client is not None
    names._client.change(["nonsense"])
    publish(names, [member("db", "db")])
    assert told(box.ask("db")) == ["10.0.0.1"]
    assert names.served(str(Path(box.path).parent)) == (box.path,)
    assert "the resolver refuses 'nonsense'" in caplog.text


def test_the_containers_own_server_on_port_53_and_its_firewall_are_not_disturbed(box: Sandbox) -> None:
    def own_server(kind: socket.SocketKind) -> socket.socket:
        own = socket.socket(socket.AF_INET, kind)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("0.0.0.0", 53))
        return own

    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        by_stream(box, "web")  # what is left of this connection has local port 53
        with box.run(partial(own_server, kind)):
            assert told(box.ask("web")) == ["10.0.0.1"]
    strict = "type filter hook output priority 0; policy drop;\n udp dport 53 accept\n udp sport 53 accept\n"
    box.run(lambda: subprocess.run(["nft", f"flush ruleset; table ip t {{ chain o {{ {strict} }}\n }}"], check=True))
    assert told(box.ask("web")) == ["10.0.0.1"]


def test_what_the_containers_firewall_forbids_does_not_stop_the_others(box: Sandbox, names: Names, root: Path) -> None:
    rules = "table ip t { chain o { type filter hook output priority 0; policy accept;\n udp sport 53 drop\n }\n }"
    box.run(lambda: subprocess.run(["nft", rules], check=True))
    with box.client() as client:
        client.send(dns_message.make_query("web", "A").to_wire())
        with contextlib.closing(Sandbox(root / "netns" / "other")) as other:
            other.serve(names)
            assert told(other.ask("web")) == ["10.0.0.1"]
            names.close(other.path)


def test_a_kernel_without_sk_lookup_gets_rules(sandbox: Sandbox, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise bpf.Unsupported("no")

    monkeypatch.setattr(redirect, "attach", refuse)
    sandbox.serve(names)
    publish(names, [member("web", "web")])
    assert told(sandbox.ask("web")) == ["10.0.0.1"]
    assert told(by_stream(sandbox, "web")[0]) == ["10.0.0.1"]
    sandbox.serve(names)
    assert told(sandbox.ask("web")) == ["10.0.0.1"]


def test_nothing_is_lost_while_engines_come_and_go(box: Sandbox, names: Names, root: Path) -> None:
    packet = dns_message.make_query("web", "A").to_wire()
    with box.client() as client:
        names.leave()
        client.send(packet)
        assert client.recv(512)
        later = Names(str(root))
        assert later.served(str(root / "netns")) == (box.path,)
        client.send(packet)
        assert client.recv(512)
        later.replace([member("web", "web", addresses=("10.0.0.9",))], {box.path: SEES})
        assert told(box.ask("web")) == ["10.0.0.9"]
        later.leave()


def test_a_resolver_that_is_killed_is_replaced_by_one_that_knows_as_much(box: Sandbox, names: Names) -> None:
    killed = resolver_pid(names)
    pidfd = os.pidfd_open(killed)
    os.kill(killed, signal.SIGKILL)
    await_end(pidfd)
    # The lock is free again when the next one is there.
    assert names.served(str(Path(box.path).parent)) == (box.path,)
    assert resolver_pid(names) != killed
    assert told(box.ask("web")) == ["10.0.0.1"]


def test_a_resolver_of_another_version_is_replaced_and_what_was_asked_meanwhile_is_answered(
    box: Sandbox, names: Names, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.pidfd_open(resolver_pid(names))
    names.leave()
    monkeypatch.setattr(ResolverClient, "VERSION", ResolverClient.VERSION + 1)
    later = Names(str(root))
    assert later.served(str(root / "netns")) == (box.path,)
    with box.client() as client:
        client.send(dns_message.make_query("web", "A").to_wire())
        later.replace([member("web", "web", addresses=("10.0.0.9",))], {box.path: SEES})
        assert told(dns_message.from_wire(client.recv(512))) == ["10.0.0.9"]
    await_end(old)
    later.leave()


def test_garbage_is_passed_over_and_all_others_are_answered(box: Sandbox, names: Names, root: Path) -> None:
    dice = random.Random(7)
    with box.client() as client:
        for number in range(5000):
            client.send(b"" if number % 50 == 0 else dice.randbytes(dice.choice((1, 11, 12, 40, 600, 3000))))
    with box.client(socket.SOCK_STREAM) as client:
        client.sendall(b"\0\5short" + dice.randbytes(1000))
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""
    assert told(box.ask("web")) == ["10.0.0.1"]
    assert told(by_stream(box, "web")[0]) == ["10.0.0.1"]
    (counts,) = names.counts(str(root / "netns"))
    assert counts.malformed > 0
    assert (root / "resolver.log").read_text() == ""


def test_a_sandbox_may_have_only_so_many_connections(box: Sandbox) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(box.client(socket.SOCK_STREAM)) for _ in range(PER_SANDBOX + 10)]
        assert [client.recv(1) for client in clients[PER_SANDBOX:]] == [b""] * 10
        query = dns_message.make_query("web", "A").to_wire()
        clients[0].sendall(len(query).to_bytes(2, "big") + query)
        assert clients[0].recv(2)


def test_a_name_of_two_networks_is_said_once_in_the_log(
    sandbox: Sandbox, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    both = replace(SEES, networks=(*SEES.networks, Joined(id="other", name="two")), title="asker")
    sandbox.serve(names, both)
    publish(names, [member("a", "web"), replace(member("b", "web", addresses=("10.0.0.2",)), network="other")])
    for _ in range(3):
        assert told(sandbox.ask("web")) == ["10.0.0.1"]
    assert told(sandbox.ask("web.two")) == ["10.0.0.2"]
    names.leave()  # the thread that hears it has ended then
    said = [record.getMessage() for record in caplog.records if "another one" in record.getMessage()]
    told_once = (
        "asker asks for web, which is a name on network one and another one on network two: it is told the former; "
        "web.two means the latter"
    )
    assert said == [told_once]


def answering(*addresses: str, ttl: int = 60) -> Any:
    def script(query: Any, _: str) -> Any:
        answer = dns_message.make_response(query)
        if addresses:
            answer.answer.append(dns_rrset.from_text(query.question[0].name, ttl, "IN", "A", *addresses))
        return answer

    return script


def failing(rcode: int) -> Any:
    def script(query: Any, _: str) -> Any:
        answer = dns_message.make_response(query)
        answer.set_rcode(rcode)
        return answer

    return script


def silent(_: Any, __: str) -> None:
    return None


ASKS = replace(SEES, servers=(FIRST, SECOND))


def test_other_names_are_asked_from_inside_the_sandbox_once(sandbox: Sandbox, names: Names) -> None:
    with server(sandbox, FIRST, answering("192.0.2.1")) as first, server(sandbox, SECOND, silent) as second:
        sandbox.serve(names, ASKS)
        query = dns_message.make_query("example.org", "A").to_wire()
        with sandbox.client() as client:
            for _ in range(5):
                client.send(query)
                assert told(dns_message.from_wire(client.recv(512))) == ["192.0.2.1"]
        assert len(first.asked) == 1
        assert not second.asked


def test_types_other_than_addresses_go_through_unchanged(sandbox: Sandbox, names: Names) -> None:
    records = {"SRV": "0 5 5060 Sip.Example.org.", "TXT": '"Any text" "at all"', "CAA": '0 issue "ca.example.net"'}

    def script(query: Any, _: str) -> Any:
        answer = dns_message.make_response(query)
        kind = dns_rdatatype.to_text(query.question[0].rdtype)
        answer.answer.append(dns_rrset.from_text(query.question[0].name, 60, "IN", kind, records[kind]))
        return answer

    with server(sandbox, FIRST, script):
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        publish(names, [member("web", "web")])
        assert {kind: told(sandbox.ask("web", kind))[0] for kind in records} == records


def test_ports_and_ids_are_new_for_each_query(sandbox: Sandbox, names: Names) -> None:
    with server(sandbox, FIRST, answering("192.0.2.1")) as first:
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        for number in range(20):
            sandbox.ask(f"{number}.example.org")
    assert len({port for _, port, _ in first.asked}) > 8
    assert len({identity for _, _, identity in first.asked}) > 15


@pytest.mark.parametrize(
    "first_does", [failing(2), failing(5), silent, None], ids=["servfail", "refused", "silent", "absent"]
)
def test_where_the_first_server_fails_the_next_is_asked_and_comes_first_from_then_on(
    sandbox: Sandbox, names: Names, first_does: Any
) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(server(sandbox, FIRST, first_does)) if first_does else None
        second = stack.enter_context(server(sandbox, SECOND, answering("192.0.2.2")))
        sandbox.serve(names, ASKS)
        began = time.monotonic()
        assert told(sandbox.ask("example.org")) == ["192.0.2.2"]
        assert time.monotonic() - began < 2
        assert len(second.asked) == 1
        assert first is None or len(first.asked) == 1


def test_what_does_not_exist_is_said_at_once(sandbox: Sandbox, names: Names) -> None:
    with server(sandbox, FIRST, failing(3)), server(sandbox, SECOND, answering("192.0.2.2")) as second:
        sandbox.serve(names, ASKS)
        assert sandbox.ask("example.org").rcode() == dns_rcode.NXDOMAIN
        assert not second.asked


def test_where_all_servers_fail_the_failure_is_said(sandbox: Sandbox, names: Names) -> None:
    with server(sandbox, FIRST, failing(2)), server(sandbox, SECOND, failing(5)):
        sandbox.serve(names, ASKS)
        assert sandbox.ask("example.org").rcode() in {dns_rcode.SERVFAIL, dns_rcode.REFUSED}
    assert sandbox.ask("gone.example.org").rcode() == dns_rcode.SERVFAIL


def test_an_answer_that_is_cut_is_asked_for_by_tcp(sandbox: Sandbox, names: Names) -> None:
    many = answering(*(f"192.0.2.{n}" for n in range(60)))

    def script(query: Any, transport: str) -> Any:
        answer = many(query, transport)
        if transport == "udp":
            answer.answer.clear()
            answer.flags |= dns_flags.TC
        return answer

    with server(sandbox, FIRST, script) as first:
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        assert len(told(sandbox.ask("example.org", use_edns=0, payload=1400))) == 60
        assert sandbox.ask("example.org").flags & dns_flags.TC
        assert len(told(by_stream(sandbox, "example.org")[0])) == 60
        assert {transport for transport, _, _ in first.asked} == {"udp", "tcp"}


def test_a_query_that_is_too_long_for_a_datagram_of_ours_is_asked_by_tcp(sandbox: Sandbox, names: Names) -> None:
    padding = dns_edns.GenericOption(12, bytes(3000))
    query = dns_message.make_query("example.org", "A", use_edns=0, options=[padding])
    with server(sandbox, FIRST, answering("192.0.2.1")) as first:
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        packet = query.to_wire(max_size=65535)
        with sandbox.client(socket.SOCK_STREAM) as client, client.makefile("rb") as file:
            client.sendall(len(packet).to_bytes(2, "big") + packet)
            answer = dns_message.from_wire(file.read(int.from_bytes(file.read(2), "big")))
        assert told(answer) == ["192.0.2.1"]
        assert [transport for transport, _, _ in first.asked] == ["tcp"]


def test_what_is_asked_at_once_is_answered_by_whoever_can(sandbox: Sandbox, names: Names) -> None:
    with server(sandbox, SECOND, answering("192.0.2.2")) as second:
        sandbox.serve(names, ASKS)  # nobody listens at the first
        queries = [dns_message.make_query(f"{number}.example.org", "A", id=number) for number in range(150)]
        with sandbox.client() as client:
            for query in queries:
                client.send(query.to_wire())
            answers = [dns_message.from_wire(client.recv(512)) for _ in queries]
        assert {answer.id for answer in answers} == set(range(150))
        assert all(told(answer) == ["192.0.2.2"] for answer in answers)
        assert len(second.asked) == 150


def test_forged_and_broken_answers_are_passed_over(sandbox: Sandbox, names: Names) -> None:
    right = answering("192.0.2.1")

    def script(query: Any, transport: str) -> Any:
        forged = right(query, transport)
        forged.id ^= 1
        forged.answer[0] = dns_rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.66")
        other = right(dns_message.make_query("else.example.org", "A", id=query.id), transport)
        for packet in (forged.to_wire(), other.to_wire(), b"", b"x" * 40):
            first._datagrams.sendto(packet, ("127.0.0.1", first.asked[-1][1]))
        return right(query, transport)

    with server(sandbox, FIRST, script) as first:
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        assert told(sandbox.ask("example.org")) == ["192.0.2.1"]


def test_those_who_ask_the_same_at_once_share_one_query(sandbox: Sandbox, names: Names) -> None:
    waiting: list[Any] = []

    with server(sandbox, FIRST, lambda query, _: waiting.append(query)) as first:
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        tail = dns_message.make_query("example.org", "A").to_wire()[2:]
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(sandbox.client()) for _ in range(20)]
            for number, client in enumerate(clients):
                client.send(number.to_bytes(2, "big") + tail)
            # A later query of another name: when it has come, so have all before it.
            clients[0].send(b"\0\0" + dns_message.make_query("last.example.org", "A").to_wire()[2:])
            deadline = time.monotonic() + PATIENCE
            while len(waiting) < 2 and time.monotonic() < deadline:
                select.select([], [], [], 0.005)
            reply = answering("192.0.2.1")(waiting[0], "udp").to_wire()
            first._datagrams.sendto(reply, ("127.0.0.1", first.asked[0][1]))
            for number, client in enumerate(clients):
                answer = dns_message.from_wire(client.recv(512))
                assert (answer.id, told(answer)) == (number, ["192.0.2.1"])
        assert len(waiting) == 2


def test_one_sandbox_cannot_have_all_queries_under_way(sandbox: Sandbox, names: Names, root: Path) -> None:
    with server(sandbox, FIRST, silent):
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        with sandbox.client() as client:
            refused = 0
            for number in range(300):
                client.send(dns_message.make_query(f"{number}.example.org", "A").to_wire())
            while refused < 300 - 256:
                refused += dns_message.from_wire(client.recv(512)).rcode() == dns_rcode.REFUSED
        assert sandbox.ask("again.example.org").rcode() == dns_rcode.REFUSED
        # It is gone with all that is under way in its name.
        names.close(sandbox.path)


def test_a_sandbox_without_a_way_out_asks_nobody(sandbox: Sandbox, names: Names) -> None:
    sandbox.serve(names, View(egress=False))
    assert sandbox.ask("example.org").rcode() == dns_rcode.SERVFAIL


def test_nothing_stays_in_a_sandbox_that_is_let_go(names: Names, sandbox: Sandbox) -> None:
    with server(sandbox, FIRST, silent):
        sandbox.serve(names, replace(SEES, servers=(FIRST,)))
        with sandbox.client() as client:
            client.send(dns_message.make_query("example.org", "A").to_wire())
            sandbox.client(socket.SOCK_STREAM).close()
            names.close(sandbox.path)
    held = [
        entry.name
        for entry in Path(f"/proc/{resolver_pid(names)}/fd").iterdir()
        if str(entry.readlink()) == f"net:[{os.fstat(sandbox.descriptor).st_ino}]"
    ]
    assert held == []
    assert names_module._key(sandbox.path) not in names._ask(ResolverClient.served)


HOST, HOST6 = Listener.parse("127.0.0.153"), Listener.parse("[::1]:5353")
OUTSIDE = View(networks=SEES.networks, egress=False, outside=True, title="the host")


BOTH = pytest.mark.parametrize("host", [HOST, HOST6], ids=str)


def family_of(host: Listener) -> socket.AddressFamily:
    return socket.AF_INET if host.address.version == 4 else socket.AF_INET6


def of_host(host: Listener, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
    """Return a socket of the host's that asks there."""
    client = socket.socket(family_of(host), kind)
    client.settimeout(PATIENCE)
    client.connect((str(host.address), host.port))
    return client


def ask_host(*asked: str, host: Listener = HOST) -> list[list[str]]:
    """Ask as the host does, by UDP."""
    with of_host(host) as client:
        answers = []
        for name in asked:
            client.send(dns_message.make_query(name, "A").to_wire())
            answers.append(told(dns_message.from_wire(client.recv(512))))
    return answers


@BOTH
def test_the_host_is_answered_as_long_as_there_is_a_sandbox(
    box: Sandbox, names: Names, root: Path, host: Listener
) -> None:
    names.open_host(host.place, OUTSIDE)
    assert ask_host("web", "web.one", "else", host=host) == [["10.0.0.1"], ["10.0.0.1"], []]
    names.leave()
    assert ask_host("web", host=host) == [["10.0.0.1"]]

    with Names(str(root)) as later:
        assert set(later.served(str(root / "netns"))) == {box.path, host.place}
        pidfd = os.pidfd_open(resolver_pid(later))
        later.close(box.path)
        assert ask_host("web", host=host) == [["10.0.0.1"]]
    await_end(pidfd)


@BOTH
def test_the_host_is_answered_by_a_resolver_that_begins_with_that(names: Names, host: Listener) -> None:
    # As at the start of an engine: what is told to the first resolver has it answer already.
    names.replace([member("web", "web")], {host.place: OUTSIDE})
    names.open_host(host.place, replace(OUTSIDE, ttl=9))
    assert ask_host("web", host=host) == [["10.0.0.1"]]
    names.close(host.place)


@BOTH
def test_the_host_asks_by_tcp_as_well(box: Sandbox, names: Names, host: Listener) -> None:
    names.open_host(host.place, OUTSIDE)
    with of_host(host, socket.SOCK_STREAM) as client:
        answers = by_connection(client, "web", "else", "web.one")
    assert [told(answer) for answer in answers] == [["10.0.0.1"], [], ["10.0.0.1"]]
    assert answers[1].rcode() == dns_rcode.REFUSED


@BOTH
def test_each_of_many_programs_of_the_host_gets_its_own_answer(box: Sandbox, names: Names, host: Listener) -> None:
    names.open_host(host.place, OUTSIDE)
    publish(names, [member(f"m{n}", f"m{n}", addresses=(f"10.1.0.{n}",)) for n in range(40)])
    # While it stands still all queries come to lie in a few batches, those that are answered beside those refused.
    os.kill(resolver_pid(names), signal.SIGSTOP)
    with contextlib.ExitStack() as closing:
        clients = [closing.enter_context(of_host(host)) for _ in range(120)]
        for number, client in enumerate(clients):
            name = f"m{number % 40}" if number % 3 else f"else{number}"
            client.send(dns_message.make_query(name, "A", id=number).to_wire())
        os.kill(resolver_pid(names), signal.SIGCONT)
        answers = [dns_message.from_wire(client.recv(512)) for client in clients]
    assert [answer.id for answer in answers] == list(range(120))
    assert [told(answer) for answer in answers] == [[f"10.1.0.{n % 40}"] if n % 3 else [] for n in range(120)]


def test_the_host_may_ask_at_several_addresses_and_give_one_up(box: Sandbox, names: Names) -> None:
    for host in (HOST, HOST6):
        names.open_host(host.place, OUTSIDE)
    for _ in range(3):
        assert ask_host("web", "else", host=HOST) == ask_host("web", "else", host=HOST6) == [["10.0.0.1"], []]
        assert told(box.ask("web")) == ["10.0.0.1"]
    publish(names, [member("db", "db", addresses=("10.0.0.2",))])
    assert ask_host("db", host=HOST) == ask_host("db", host=HOST6) == [["10.0.0.2"]]
    names.close(HOST.place)

    with pytest.raises(ConnectionRefusedError):
        ask_host("web", host=HOST)
    assert ask_host("web", host=HOST6) == [["10.0.0.1"]]


@BOTH
def test_an_address_that_somebody_else_has_is_refused_with_what_to_do(
    box: Sandbox, names: Names, host: Listener
) -> None:
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as taken:
        taken.bind((str(host.address), host.port))
        with pytest.raises(OperationFailed) as refused:
            names.open_host(host.place, OUTSIDE)
    assert f"for the host at {host}: Address already in use (--host-names says" in str(refused.value)
    assert names.served(str(Path(box.path).parent)) == (box.path,)


def test_the_host_may_be_on_more_networks_than_a_packet_has_room_for(box: Sandbox, names: Names) -> None:
    many = tuple(Joined(id=f"{number:064}", name=f"network-{number}") for number in range(2000))
    names.open_host(HOST.place, replace(OUTSIDE, networks=(*many, *OUTSIDE.networks)))
    assert ask_host("web.one") == [["10.0.0.1"]]
    seen = ops.SetNameView(netns=HOST.place, view=replace(OUTSIDE, networks=(*OUTSIDE.networks, *many)), undo=OUTSIDE)
    publish(names, [replace(member("last", "last"), network=many[-1].id)])
    names.change([seen])
    assert ask_host("web.one", "last.network-1999") == [["10.0.0.1"], ["10.0.0.1"]]
    names.change([structs.replace(seen, view=OUTSIDE)])
    assert ask_host("web.one", "last.network-1999") == [["10.0.0.1"], []]


@pytest.mark.parametrize("host", ["192.0.2.53", "2001:db8::53"])
def test_an_address_that_comes_later_is_answered_from_then_on(
    box: Sandbox, names: Names, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    later = Listener.parse(host)
    names.open_host(later.place, OUTSIDE)
    assert f"the host has no address {host}: names are answered there as soon as it has" in caplog.text
    subprocess.run(["ip", "addr", "add", host, "dev", "lo"], check=True)

    assert ask_host("web", host=later) == [["10.0.0.1"]]
    with of_host(later, socket.SOCK_STREAM) as client:
        assert told(by_connection(client, "web")[0]) == ["10.0.0.1"]


def test_a_resolver_that_is_killed_is_replaced_by_one_that_answers_the_host_too(box: Sandbox, names: Names) -> None:
    for host in (HOST, HOST6):
        names.open_host(host.place, OUTSIDE)
    killed = resolver_pid(names)
    pidfd = os.pidfd_open(killed)
    os.kill(killed, signal.SIGKILL)
    await_end(pidfd)

    assert set(names.served(str(Path(box.path).parent))) == {box.path, HOST.place, HOST6.place}
    assert ask_host("web", host=HOST) == ask_host("web", host=HOST6) == [["10.0.0.1"]]
    for host in (HOST, HOST6):
        names.close(host.place)
    assert names.served(str(Path(box.path).parent)) == (box.path,)


@BOTH
def test_a_resolver_of_another_version_takes_over_what_the_host_asks(
    box: Sandbox, names: Names, root: Path, monkeypatch: pytest.MonkeyPatch, host: Listener
) -> None:
    names.open_host(host.place, OUTSIDE)
    old = os.pidfd_open(resolver_pid(names))
    names.leave()
    monkeypatch.setattr(ResolverClient, "VERSION", ResolverClient.VERSION + 1)
    with Names(str(root)) as later, of_host(host) as client:
        assert set(later.served(str(root / "netns"))) == {box.path, host.place}
        client.send(dns_message.make_query("web", "A").to_wire())
        later.replace([member("web", "web", addresses=("10.0.0.9",))], {box.path: SEES, host.place: OUTSIDE})
        assert told(dns_message.from_wire(client.recv(512))) == ["10.0.0.9"]
        await_end(old)


def test_no_sandbox_asks_the_host_what_the_host_asks_us(root: Path) -> None:
    conf = root / "resolv.conf"
    ours, ours6 = str(HOST.address), "0:0:0:0:0:0:0:1"
    conf.write_text(f"nameserver {ours}\nnameserver {ours6}\nnameserver 192.0.2.53\n")
    service = Service(HostConfiguration(str(conf)), Forwarder(Loop(1024), Timers(), -1))

    def station(key: str, view: View, where: Listener) -> Station:
        ends = [socket.socket(family_of(where), kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for end in ends:
            end.bind((str(where.address), where.port if view.outside else 0))
        return Station(key, view, [os.open("/proc/self/ns/net", os.O_RDONLY), *(end.detach() for end in ends)])

    def asked() -> tuple[str, ...]:
        return service.explain("box", "else", "A").servers

    at53 = Listener.parse("::1")
    box, host, host6 = (
        station(key, view, where)
        for key, view, where in (("box", View(), HOST), (HOST.place, OUTSIDE, HOST), (at53.place, OUTSIDE, at53))
    )
    service.open(box)
    assert asked() == (ours, ours6, "192.0.2.53")
    service.open(host)
    assert asked() == (ours6, "192.0.2.53")
    service.open(host6)
    assert asked() == ("192.0.2.53",)
    assert service.explain("box", "web.one.docker.internal", "A").source == "nowhere"
    service.close(host)
    assert asked() == (ours, "192.0.2.53")
    assert service.explain("box", "web.one.docker.internal", "A").source == "nowhere"
    service.close(host6)
    assert service.explain("box", "web.one.docker.internal", "A").servers == (ours, ours6, "192.0.2.53")
    service.close(box)
    for one in (box, host, host6):
        one.close()
