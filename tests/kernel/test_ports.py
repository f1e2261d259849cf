"""Held ports: bound for good, refused at once, and there again after the death of engine or keeper."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.kernel.companion_lab import PATIENCE, await_end, exec_root
from tests.kernel.held_ports import at

from netwright.errors import OperationFailed
from netwright.host.queries import HeldPort
from netwright.kernel.keeper.client import KeeperClient
from netwright.kernel.keeper.packets import AT_ONCE
from netwright.kernel.ports import Ports
from netwright.model.ports import Protocol

pytestmark = pytest.mark.kernel

TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
ANY4, ANY6 = ip_address("0.0.0.0"), ip_address("::")
LOOPBACK4, LOOPBACK6 = ip_address("127.0.0.1"), ip_address("::1")

PLACES = [
    pytest.param(protocol, address, id=f"{protocol}-{address}")
    for protocol in (TCP, UDP)
    for address in (ANY4, LOOPBACK4, ANY6, LOOPBACK6)
]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with exec_root(tmp_path, KeeperClient) as root:
        yield root


@pytest.fixture
def ports(root: Path) -> Iterator[Ports]:
    with Ports(str(root)) as ports:
        yield ports


def keeper_pid(ports: Ports) -> int:
    assert ports._client is not None
    return ports._client.pid


def can_bind(protocol: Protocol, address: str, port: int, *, reuse: bool = False) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol is TCP else socket.SOCK_DGRAM
    with socket.socket(family, kind) as other:
        if family == socket.AF_INET6:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        try:
            other.bind((address, port))
            if protocol is TCP:
                other.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


@pytest.mark.parametrize(("protocol", "address"), PLACES)
def test_nobody_else_can_bind_a_held_port_until_it_is_released(ports: Ports, protocol: Protocol, address: str) -> None:
    ports.hold([at(protocol, ip_address(address), 8080)])
    for other in ("0.0.0.0", "127.0.0.1") if ip_address(address).version == 4 else ("::", "::1"):
        assert not can_bind(protocol, other, 8080)
        assert not can_bind(protocol, other, 8080, reuse=True)
    ports.release([at(protocol, ip_address(address), 8080)])
    assert can_bind(protocol, str(address), 8080)


def test_a_relayed_port_is_nobody_elses_either(ports: Ports) -> None:
    for protocol in (TCP, UDP):
        ports.hold([at(protocol, ANY4, 8080)])
        ports.relay([(at(protocol, ANY4, 8080), (str(LOOPBACK4), 9000))])
        assert not can_bind(protocol, "127.0.0.1", 8080, reuse=True)
        assert not can_bind(protocol, "0.0.0.0", 8080, reuse=True)


def test_both_families_and_both_protocols_have_a_number_of_their_own(ports: Ports) -> None:
    for protocol in (TCP, UDP):
        for address in (ANY4, ANY6):
            ports.hold([at(protocol, address, 8080)])
    assert set(ports.held()) == {
        HeldPort(protocol=protocol, address=address, port=8080) for protocol in (TCP, UDP) for address in (ANY4, ANY6)
    }


@pytest.mark.parametrize("reuse", [False, True])
def test_a_taken_port_is_refused_in_dockers_words(ports: Ports, reuse: bool) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        server.bind(("127.0.0.1", 8080))
        server.listen()
        with pytest.raises(OperationFailed) as failure:
            ports.hold([at(TCP, ANY4, 8080)])
    assert failure.value.errno == errno.EADDRINUSE
    assert failure.value.message == "failed to bind host port 0.0.0.0:8080/tcp: address already in use"
    assert ports.held() == ()


def test_an_address_that_the_host_lacks_is_refused(ports: Ports) -> None:
    with pytest.raises(OperationFailed, match=r"failed to bind host port \[2001:db8::1\]:80/tcp: cannot assign") as no:
        ports.hold([at(TCP, ip_address("2001:db8::1"), 80)])
    assert no.value.errno == errno.EADDRNOTAVAIL


def test_a_kernel_without_sctp_says_so(ports: Ports) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP):
            pytest.skip("this kernel has SCTP")
    except OSError:
        pass
    with pytest.raises(OperationFailed, match=r"this kernel has no sctp to hold 0\.0\.0\.0:80/sctp with"):
        ports.hold([at(SCTP, ANY4, 80)])


def test_a_port_with_connections_in_time_wait_can_be_held(ports: Ports) -> None:
    with (
        socket.create_server(("127.0.0.1", 8080)) as server,
        socket.create_connection(("127.0.0.1", 8080)) as client,
    ):
        served, _ = server.accept()
        served.close()
        assert client.recv(1) == b""
    assert not can_bind(TCP, "127.0.0.1", 8080)
    ports.hold([at(TCP, ANY4, 8080)])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connection_that_reaches_a_held_port_is_refused_at_once(ports: Ports, address: str) -> None:
    ports.hold([at(TCP, ANY4, 8080)])
    ports.hold([at(TCP, ANY6, 8080)])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, 8080), timeout=PATIENCE)


def test_a_datagram_that_was_sent_to_a_held_port_reaches_nobody_later(ports: Ports) -> None:
    ports.hold([at(UDP, ANY4, 8080)])
    with socket.socket(type=socket.SOCK_DGRAM) as container, socket.socket(type=socket.SOCK_DGRAM) as client:
        container.bind(("127.0.0.1", 9000))
        container.settimeout(PATIENCE)
        client.sendto(b"early", ("127.0.0.1", 8080))
        ports.relay([(at(UDP, ANY4, 8080), (str(LOOPBACK4), 9000))])
        client.sendto(b"in time", ("127.0.0.1", 8080))
        assert container.recv(100) == b"in time"


def test_releasing_what_is_not_held_is_content_and_starts_nothing(ports: Ports, root: Path) -> None:
    ports.release([at(TCP, ANY4, 8080)])
    assert ports.held() == ()
    assert KeeperClient.find(root) is None


def test_ports_stay_held_when_the_engine_is_killed(root: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from ipaddress import ip_address\n"
        "from netwright.kernel.ports import Ports\n"
        "from netwright.model.ports import Protocol\n"
        "from netwright.host.queries import HeldPort\n"
        "ports = Ports(sys.argv[1])\n"
        "wanted = ((Protocol.TCP, '0.0.0.0'), (Protocol.UDP, '::'))\n"
        "ports.hold([HeldPort(protocol=one, address=ip_address(text), port=8080) for one, text in wanted])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    engine = subprocess.run([sys.executable, "-c", script, str(root)], check=False)
    assert engine.returncode == -signal.SIGKILL
    assert not can_bind(TCP, "0.0.0.0", 8080)
    with Ports(str(root)) as ports:
        assert set(ports.held()) == {
            HeldPort(protocol=TCP, address=ANY4, port=8080),
            HeldPort(protocol=UDP, address=ANY6, port=8080),
        }
        ports.release([at(TCP, ANY4, 8080)])
        assert can_bind(TCP, "0.0.0.0", 8080)


def test_a_killed_keeper_is_replaced_by_itself_and_by_the_next_request(ports: Ports) -> None:
    ports.hold([at(TCP, ANY4, 8080)])
    for _ in range(2):
        # The second death within a second is mended by the request.
        before = keeper_pid(ports)
        os.kill(before, signal.SIGKILL)
        assert ports.held() == (HeldPort(protocol=TCP, address=ANY4, port=8080),)
        assert keeper_pid(ports) != before
    assert not can_bind(TCP, "0.0.0.0", 8080, reuse=True)


def test_a_killed_keeper_is_replaced_without_being_asked(ports: Ports) -> None:
    with socket.create_server(("127.0.0.1", 9000)) as container:
        container.settimeout(PATIENCE)
        ports.hold([at(TCP, ANY4, 8080)])
        ports.relay([(at(TCP, ANY4, 8080), (str(LOOPBACK4), 9000))])
        watcher = ports._watcher
        assert watcher is not None
        os.kill(keeper_pid(ports), signal.SIGKILL)
        watcher.join(PATIENCE)
        with socket.create_connection(("127.0.0.1", 8080), timeout=PATIENCE):
            container.accept()[0].close()


def test_what_somebody_took_from_a_killed_keeper_is_logged_and_the_rest_held(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    ports.hold([at(TCP, ANY4, 8080)])
    ports.hold([at(TCP, ANY4, 8081)])
    with ports._lock:
        os.kill(keeper_pid(ports), signal.SIGKILL)
        await_end(os.pidfd_open(keeper_pid(ports)))
        thief = socket.create_server(("127.0.0.1", 8080))
    with thief:
        assert ports.held() == (HeldPort(protocol=TCP, address=ANY4, port=8081),)
    assert "a published port is no longer held: failed to bind host port 0.0.0.0:8080/tcp" in caplog.text


def test_a_keeper_of_another_version_is_replaced_and_its_connections_live_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 9000)) as container:
        container.settimeout(PATIENCE)
        with Ports(str(root)) as former:
            former.hold([at(UDP, ANY4, 8080)])
            former.hold([at(TCP, ANY4, 8080)])
            former.relay([(at(TCP, ANY4, 8080), (str(LOOPBACK4), 9000))])
            old = os.pidfd_open(keeper_pid(former))
        client = socket.create_connection(("127.0.0.1", 8080), timeout=PATIENCE)
        served, _ = container.accept()

        monkeypatch.setattr(KeeperClient, "VERSION", KeeperClient.VERSION + 1)
        with Ports(str(root)) as ports:
            assert len(ports.held()) == 2
            assert not can_bind(UDP, "0.0.0.0", 8080)
            client.sendall(b"question")
            assert served.recv(100) == b"question"
            with socket.create_connection(("127.0.0.1", 8080), timeout=PATIENCE):
                container.accept()[0].close()
            client.close()
            assert served.recv(100) == b""
            served.close()
            await_end(old)


def test_a_range_of_any_length_is_held_relayed_and_released(ports: Ports) -> None:
    wanted = [at(TCP, ANY4, number) for number in range(20000, 20000 + 2 * AT_ONCE + 7)]
    ports.hold(wanted)
    ports.relay([(port, ("127.0.0.1", 9000)) for port in wanted])
    assert set(ports.held()) == set(wanted)
    last = ("127.0.0.1", wanted[-1].port)
    with socket.create_server(("127.0.0.1", 9000)) as container, socket.create_connection(last, timeout=PATIENCE):
        container.accept()[0].close()
    ports.release(wanted)
    assert ports.held() == ()


@pytest.mark.parametrize("place", [0, 5, AT_ONCE - 1, AT_ONCE, AT_ONCE + 3])
def test_where_one_of_a_range_is_taken_those_before_it_are_held_and_counted(ports: Ports, place: int) -> None:
    wanted = [at(TCP, ANY4, number) for number in range(20000, 20000 + AT_ONCE + 5)]
    with socket.create_server(("127.0.0.1", wanted[place].port)), pytest.raises(OperationFailed) as failure:
        ports.hold(wanted)
    assert (failure.value.errno, failure.value.done) == (errno.EADDRINUSE, place)
    assert set(ports.held()) == set(wanted[:place])


def test_where_one_of_a_range_cannot_be_relayed_those_before_it_are_and_are_counted(ports: Ports) -> None:
    wanted = [at(TCP, ANY4, number) for number in (8080, 8081, 8082)]
    ports.hold([wanted[0], wanted[2]])
    with pytest.raises(OperationFailed, match="nothing is held") as failure:
        ports.relay([(port, ("127.0.0.1", 9000)) for port in wanted])
    assert failure.value.done == 1
    first = ("127.0.0.1", 8080)
    with socket.create_server(("127.0.0.1", 9000)) as container, socket.create_connection(first, timeout=PATIENCE):
        container.accept()[0].close()


def test_several_threads_may_hold_at_once(ports: Ports) -> None:
    def hold(first: int) -> None:
        for port in range(first, first + 50):
            ports.hold([at(TCP, ANY4, port)])

    threads = [threading.Thread(target=hold, args=(first,)) for first in range(20000, 20400, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {port.port for port in ports.held()} == {base + n for base in range(20000, 20400, 100) for n in range(50)}


def test_an_engine_that_was_replaced_can_do_no_harm(ports: Ports, root: Path) -> None:
    ports.hold([at(TCP, ANY4, 8080)])
    with Ports(str(root)) as later:
        assert len(later.held()) == 1
        for _ in range(2):
            with pytest.raises(OperationFailed, match="another engine has taken over the ports"):
                ports.release([at(TCP, ANY4, 8080)])
        assert len(later.held()) == 1
