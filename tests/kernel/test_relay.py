"""The relay, with real traffic over loopback in a namespace; the "container" is a server at another port."""

import contextlib
import hashlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.kernel.companion_lab import PATIENCE
from tests.kernel.held_ports import at
from tests.kernel.test_ports import ANY4, ANY6, LOOPBACK4, LOOPBACK6, keeper_pid, ports, root

from netwright.kernel.keeper.datagrams import SENDERS
from netwright.kernel.ports import Ports
from netwright.model.addressing import IPAddress
from netwright.model.ports import Protocol

__all__ = ["ports", "root"]

pytestmark = pytest.mark.kernel

TCP, UDP = Protocol.TCP, Protocol.UDP
MEGABYTE = 1 << 20
WAYS = [
    pytest.param(outer, inner, id=f"{outer}-to-{inner}")
    for outer in (LOOPBACK4, LOOPBACK6)
    for inner in (LOOPBACK4, LOOPBACK6)
]
ANY = {4: ANY4, 6: ANY6}


@contextlib.contextmanager
def tcp_container(inner: IPAddress, serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server whose every connection is served by a thread; yield its port."""
    family = socket.AF_INET6 if inner.version == 6 else socket.AF_INET
    threads: list[threading.Thread] = []
    with socket.create_server((str(inner), 0), family=family, backlog=1000) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.settimeout(PATIENCE)
                threads.append(threading.Thread(target=_served, args=(connection, serve)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def _served(connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    # Where a test cuts connections, the server's is one of them.
    with connection, contextlib.suppress(ConnectionError):
        serve(connection)


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def answer_at_the_end(connection: socket.socket) -> None:
    """Read to the end, and answer only then: what needs a connection that can be half closed."""
    digest = hashlib.sha256()
    while data := connection.recv(1 << 16):
        digest.update(data)
    connection.sendall(digest.digest())


def relay_tcp(ports: Ports, outer: IPAddress, inner: IPAddress, to_port: int) -> None:
    ports.hold([at(TCP, ANY[outer.version], 8080)])
    ports.relay([(at(TCP, ANY[outer.version], 8080), (str(inner), to_port))])


def connected(outer: IPAddress = LOOPBACK4) -> socket.socket:
    return socket.create_connection((str(outer), 8080), timeout=PATIENCE)


def received(client: socket.socket) -> bytes:
    data = bytearray()
    while piece := client.recv(1 << 16):
        data += piece
    return bytes(data)


@pytest.mark.parametrize(("outer", "inner"), WAYS)
def test_an_end_is_passed_on_and_the_answer_still_comes(ports: Ports, outer: IPAddress, inner: IPAddress) -> None:
    with tcp_container(inner, answer_at_the_end) as port:
        relay_tcp(ports, outer, inner, port)
        with connected(outer) as client:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert received(client) == hashlib.sha256(b"question").digest()


def test_much_goes_both_ways_at_once_unharmed(ports: Ports) -> None:
    sent = os.urandom(MEGABYTE) * 32
    with tcp_container(LOOPBACK4, echo) as port:
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, port)
        with connected() as client:

            def send() -> None:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)

            sending = threading.Thread(target=send)
            sending.start()
            back = received(client)
            sending.join()
    assert hashlib.sha256(back).digest() == hashlib.sha256(sent).digest()


def test_who_does_not_read_holds_up_nobody_else(ports: Ports) -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(bytes(64 * MEGABYTE))

    with tcp_container(LOOPBACK4, pour) as port:
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, port)
        with connected() as lazy, connected() as keen:
            assert lazy.recv(1) == b"\0"
            assert len(received(keen)) == 64 * MEGABYTE
            assert 1 + len(received(lazy)) == 64 * MEGABYTE


def test_a_thousand_connections_stand_at_once_without_a_pipe_each(ports: Ports) -> None:
    count = 1000
    with socket.create_server(("127.0.0.1", 0), backlog=count) as container, contextlib.ExitStack() as open_ends:
        container.settimeout(PATIENCE)
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, container.getsockname()[1])
        clients = [open_ends.enter_context(connected()) for _ in range(count)]
        servers = [open_ends.enter_context(container.accept()[0]) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(number.to_bytes(2, "big"))
        assert sorted(int.from_bytes(server.recv(2), "big") for server in servers) == list(range(count))
        descriptors = len(list(Path(f"/proc/{keeper_pid(ports)}/fd").iterdir()))
        assert 2 * count < descriptors < 2 * count + 50


def test_a_container_that_refuses_is_a_reset(ports: Ports) -> None:
    relay_tcp(ports, LOOPBACK4, LOOPBACK4, 1)
    # The reset may come as early as in connect().
    with pytest.raises(ConnectionResetError), connected() as client:
        client.recv(1)


@pytest.mark.parametrize("who", ["client", "container"])
def test_a_reset_is_passed_on_as_a_reset(ports: Ports, who: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as container:
        container.settimeout(PATIENCE)
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, container.getsockname()[1])
        with connected() as client:
            server, _ = container.accept()
            server.settimeout(PATIENCE)
            with server:
                broken, other = (client, server) if who == "client" else (server, client)
                broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                broken.close()
                with pytest.raises(ConnectionResetError):
                    other.recv(1)


def test_releasing_ends_the_connections_of_that_port_alone(ports: Ports) -> None:
    with tcp_container(LOOPBACK4, echo) as port:
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, port)
        ports.hold([at(TCP, ANY4, 8081)])
        ports.relay([(at(TCP, ANY4, 8081), (str(LOOPBACK4), port))])
        with connected() as cut, socket.create_connection(("127.0.0.1", 8081), timeout=PATIENCE) as kept:
            cut.sendall(b"1")
            assert cut.recv(1) == b"1"
            ports.release([at(TCP, ANY4, 8080)])
            with pytest.raises(ConnectionResetError):
                cut.recv(1)
            kept.sendall(b"2")
            assert kept.recv(1) == b"2"
        with pytest.raises(ConnectionRefusedError):
            connected()


def test_a_relay_that_leads_elsewhere_leaves_old_connections_where_they_are(ports: Ports) -> None:
    with tcp_container(LOOPBACK4, echo) as first, tcp_container(LOOPBACK4, answer_at_the_end) as second:
        relay_tcp(ports, LOOPBACK4, LOOPBACK4, first)
        with connected() as old:
            old.sendall(b"1")
            assert old.recv(1) == b"1"
            ports.relay([(at(TCP, ANY4, 8080), (str(LOOPBACK4), second))])
            with connected() as new:
                new.shutdown(socket.SHUT_WR)
                assert received(new) == hashlib.sha256().digest()
            old.sendall(b"2")
            assert old.recv(1) == b"2"


def test_a_port_can_be_relayed_again_beside_the_remains_of_its_connections(ports: Ports) -> None:
    with tcp_container(LOOPBACK4, lambda connection: connection.sendall(b"hello")) as port:
        for _ in range(2):
            relay_tcp(ports, LOOPBACK4, LOOPBACK4, port)
            with connected() as client:
                assert received(client) == b"hello"
            ports.release([at(TCP, ANY4, 8080)])


def test_connections_live_through_a_restart_of_the_engine(root: Path) -> None:
    with tcp_container(LOOPBACK4, echo) as port, contextlib.ExitStack() as stack:
        with Ports(str(root)) as former:
            relay_tcp(former, LOOPBACK4, LOOPBACK4, port)
            client = stack.enter_context(connected())
        client.sendall(b"still there?")
        assert client.recv(100) == b"still there?"
        with Ports(str(root)) as ports:
            assert len(ports.held()) == 1
            ports.relay([(at(TCP, ANY4, 8080), (str(LOOPBACK4), port))])
            client.sendall(b"and now?")
            assert client.recv(100) == b"and now?"
            with connected() as another:
                another.sendall(b"me too")
                assert another.recv(100) == b"me too"


@contextlib.contextmanager
def udp(address: IPAddress, port: int = 0) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        made.bind((str(address), port))
        made.settimeout(PATIENCE)
        yield made


def relay_udp(ports: Ports, outer: IPAddress, inner: socket.socket) -> None:
    address, port, *_ = inner.getsockname()
    ports.hold([at(UDP, ANY[outer.version], 8080)])
    ports.relay([(at(UDP, ANY[outer.version], 8080), (str(ip_address(address)), port))])


@pytest.mark.parametrize(("outer", "inner"), WAYS)
def test_each_sender_of_datagrams_gets_its_own_answers(ports: Ports, outer: IPAddress, inner: IPAddress) -> None:
    with udp(inner) as container, contextlib.ExitStack() as stack:
        relay_udp(ports, outer, container)
        clients = [stack.enter_context(udp(outer)) for _ in range(5)]
        asked = {}
        for number, client in enumerate(clients):
            client.sendto(b"%d" % number, (str(outer), 8080))
            data, sender = container.recvfrom(100)
            asked[data] = sender
        assert len(set(asked.values())) == len(clients)
        for data, sender in asked.items():
            container.sendto(b"answer to " + data, sender)
        for number, client in enumerate(clients):
            assert client.recvfrom(100)[0] == b"answer to %d" % number


def test_a_sender_keeps_its_place(ports: Ports) -> None:
    with udp(LOOPBACK4) as container, udp(LOOPBACK4) as client:
        relay_udp(ports, LOOPBACK4, container)
        seen = set()
        for _ in range(3):
            client.sendto(b"?", ("127.0.0.1", 8080))
            seen.add(container.recvfrom(100)[1])
        assert len(seen) == 1


def test_an_answer_leaves_from_the_address_that_was_asked(ports: Ports) -> None:
    with udp(LOOPBACK4) as container, udp(ANY4) as client:
        relay_udp(ports, LOOPBACK4, container)
        for address in ("127.0.0.2", "127.0.0.3"):
            client.sendto(b"?", (address, 8080))
            container.sendto(b"!", container.recvfrom(100)[1])
            assert client.recvfrom(100)[1] == (address, 8080)


@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_datagrams_of_any_size_pass_whole(ports: Ports, size: int) -> None:
    sent = os.urandom(size)
    with udp(LOOPBACK4) as container, udp(LOOPBACK4) as client:
        relay_udp(ports, LOOPBACK4, container)
        client.sendto(sent, ("127.0.0.1", 8080))
        data, sender = container.recvfrom(1 << 16)
        assert data == sent
        container.sendto(data, sender)
        assert client.recv(1 << 16) == sent


def test_senders_come_and_go_without_an_end_to_the_room(ports: Ports) -> None:
    with udp(LOOPBACK4) as container:
        container.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        relay_udp(ports, LOOPBACK4, container)
        for number in range(SENDERS + 100):
            with udp(LOOPBACK4) as client:
                client.sendto(b"%d" % number, ("127.0.0.1", 8080))
                assert container.recv(100) == b"%d" % number
        descriptors = len(list(Path(f"/proc/{keeper_pid(ports)}/fd").iterdir()))
        assert descriptors < SENDERS + 50


def test_a_container_that_listens_late_is_reached(ports: Ports) -> None:
    with udp(LOOPBACK4) as client:
        ports.hold([at(UDP, ANY4, 8080)])
        ports.relay([(at(UDP, ANY4, 8080), (str(LOOPBACK4), 9000))])
        client.sendto(b"lost", ("127.0.0.1", 8080))
        with udp(LOOPBACK4, 9000) as container:
            client.sendto(b"heard", ("127.0.0.1", 8080))
            while container.recv(100) != b"heard":
                pass


def test_datagrams_lead_elsewhere_at_once(ports: Ports) -> None:
    with udp(LOOPBACK4) as first, udp(LOOPBACK4) as second, udp(LOOPBACK4) as client:
        relay_udp(ports, LOOPBACK4, first)
        client.sendto(b"1", ("127.0.0.1", 8080))
        assert first.recv(100) == b"1"
        ports.relay([(at(UDP, ANY4, 8080), (str(LOOPBACK4), second.getsockname()[1]))])
        client.sendto(b"2", ("127.0.0.1", 8080))
        data, sender = second.recvfrom(100)
        assert data == b"2"
        second.sendto(b"3", sender)
        assert client.recv(100) == b"3"


def test_a_released_port_refuses_datagrams(ports: Ports) -> None:
    with udp(LOOPBACK4) as container, udp(LOOPBACK4) as client:
        relay_udp(ports, LOOPBACK4, container)
        ports.release([at(UDP, ANY4, 8080)])
        client.connect(("127.0.0.1", 8080))
        client.send(b"?")
        readable, _, _ = select.select([client], [], [], PATIENCE)
        assert readable
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)
