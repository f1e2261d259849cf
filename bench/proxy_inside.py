"""The part of `bench/proxy.py` that runs in namespaces of its own: measures both relays in turn, and prints JSON.

proxy_inside.py ROUNDS
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

from netwright.kernel import netns
from netwright.kernel.keeper.client import KeeperClient
from netwright.kernel.ports import bind
from netwright.model.ports import Protocol

SECONDS = 0.6
"""For how long one measurement goes on."""

ON_THEIR_WAY = 32
"""How many datagrams are not yet answered at any time: few enough for every queue."""

CONTAINER, SERVED = "198.51.100.9", 80
OURS, THEIRS = 9000, 9001
"""The ports of the host that the relays listen on."""

_SERVER = """
import socket, threading
stream = memoryview(bytes(1 << 20))
listener = socket.create_server(("", 80), backlog=4096)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("", 80))
def echo():
    while True:
        data, peer = datagrams.recvfrom(2048)
        datagrams.sendto(data, peer)
def pour(client):
    with client:
        try:
            if client.recv(1) == b"?":
                client.sendall(b"!")
                return
            while True:
                client.sendall(stream)
        except OSError:
            pass
threading.Thread(target=echo, daemon=True).start()
print(flush=True)
while True:
    threading.Thread(target=pour, args=(listener.accept()[0],), daemon=True).start()
"""


def stream(port: int) -> float:
    """Return how many Gbit a second come through one connection."""
    room = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"!")
        count, begin = client.recv_into(room), time.perf_counter()
        while (spent := time.perf_counter() - begin) < SECONDS:
            count += client.recv_into(room)
    return count * 8 / spent / 1e9


def connections(port: int) -> float:
    """Return how many connections a second are relayed, each to its first answer."""
    count, begin = 0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < SECONDS:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"?")
            client.recv(1)
        count += 1
    return count / spent


def datagrams(port: int) -> float:
    """Return how many datagrams a second of one sender are answered, some of them always on their way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        for _ in range(ON_THEIR_WAY):
            client.send(b"?" * 100)
        count, begin = 0, time.perf_counter()
        while (spent := time.perf_counter() - begin) < SECONDS:
            client.recv(200)
            client.send(b"?" * 100)
            count += 1
    return count / spent


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken (proc(5)); ticks of a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def run(*words: str) -> None:
    """Run a command."""
    subprocess.run(words, check=True)


@contextmanager
def container(path: str) -> Iterator[None]:
    """Have a server listen in a namespace of its own, on a wire."""
    netns.create(path, netns.current())
    inside = ["nsenter", f"--net={path}"]
    run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "eth0", "netns", path)
    run("ip", "addr", "add", "198.51.100.1/24", "dev", "wire0")
    run("ip", "link", "set", "wire0", "up")
    run(*inside, "ip", "addr", "add", f"{CONTAINER}/24", "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "up")
    with subprocess.Popen([*inside, sys.executable, "-I", "-c", _SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield
        finally:
            server.kill()
            netns.delete(path)


@contextmanager
def docker_proxy(protocol: Protocol) -> Iterator[int]:
    """Run docker-proxy as Docker's daemon does, and give its process; it says on descriptor 3 when it listens."""
    words = f"-proto {protocol} -host-ip 127.0.0.1 -host-port {THEIRS} -container-ip {CONTAINER}"
    script = f"exec docker-proxy {words} -container-port {SERVED} 3>&1"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as proxy:
        assert proxy.stdout is not None
        if proxy.stdout.read(1) != b"0":
            raise RuntimeError("docker-proxy does not start")
        try:
            yield proxy.pid
        finally:
            proxy.kill()


@contextmanager
def keeper(folder: Path) -> Iterator[int]:
    """Have our keeper relay both protocols, and give its process."""
    client = KeeperClient.start(folder)
    try:
        for protocol in (Protocol.TCP, Protocol.UDP):
            with bind(protocol, ip_address("127.0.0.1"), OURS) as bound:
                client.put({protocol: bound.fileno()})
            client.relay({protocol: (CONTAINER, SERVED)})
        yield client.pid
    finally:
        client.retire()
        client.close()


def measure(rounds: int) -> dict[str, list[float]]:
    """Return samples of both, by what was measured and whose they are."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-proxy-"))
        stack.enter_context(container(f"{folder}/container"))
        ours = stack.enter_context(keeper(Path(folder)))
        theirs, _ = (stack.enter_context(docker_proxy(one)) for one in (Protocol.TCP, Protocol.UDP))
        for _ in range(rounds):
            for whose, port, pid in (("ours", OURS, ours), ("theirs", THEIRS, theirs)):
                before = processor_seconds(pid)
                rate = stream(port)
                found[f"stream {whose}"].append(rate)
                spent = processor_seconds(pid) - before
                found[f"processor {whose}"].append(spent * 1000 / (rate * SECONDS / 8))
                found[f"connections {whose}"].append(connections(port))
                found[f"datagrams {whose}"].append(datagrams(port))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
