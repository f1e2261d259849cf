"""What somebody else undoes is put back within a second, connections go on, and an event says so."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import HOST4, HOST_PYTHON, Engine, Machine, docker_clients

IMAGE = "busybox:latest"


class Repairs:
    """A running `docker events` that shows what was put back."""

    def __init__(self, engine: Engine) -> None:
        argv = [docker_clients()[-1], "-H", f"unix://{engine.socket}", "events", "--format", "{{json .}}"]
        argv += ["--since", str(time.time()), "--filter", "type=daemon", "--filter", "event=repair"]
        self._process = subprocess.Popen(engine.machine.host.enter(*argv), stdout=subprocess.PIPE, text=True)

    def next(self) -> str:
        """Wait for a repair and return what was put back; the test's timeout bounds the wait."""
        assert self._process.stdout is not None
        event = json.loads(self._process.stdout.readline())
        return str(event["Actor"]["Attributes"]["repaired"])

    def close(self) -> None:
        """End the client."""
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def repairs(engine: Engine) -> Iterator[Repairs]:
    """Watch the repairs of an engine on which a web server is published."""
    engine.docker("run", "-d", "--name", "web", "-p", "8080:80", IMAGE, "httpd", "-f", "-h", "/www")
    with contextlib.closing(Repairs(engine)) as repairs:
        yield repairs


def fetched(engine: Engine) -> str:
    """Return what the web server answers to the neighbour."""
    outside = engine.machine.outside
    return outside.run("curl", "-sS", "-m", "2", f"http://{HOST4}:8080/", check=False).stdout


ECHO = """
import socket
listener = socket.create_server(("", 7000)); connection, _ = listener.accept()
while data := connection.recv(1000):
    connection.sendall(data)
"""
CLIENT = """
import socket, sys
while True:
    try:
        connection = socket.create_connection((sys.argv[1], 7000), 5)
        break
    except ConnectionRefusedError:
        pass
answers = connection.makefile()
for line in sys.stdin:
    connection.sendall(line.encode())
    print(answers.readline(), end="", flush=True)
"""


class Stream:
    """A connection from the neighbour through a published port that echoes lines."""

    def __init__(self, engine: Engine) -> None:
        engine.docker("run", "-d", *HOST_PYTHON, "-p", "7000:7000", IMAGE, "/usr/bin/python3", "-c", ECHO)
        argv = engine.machine.outside.enter("/usr/bin/python3", "-c", CLIENT, HOST4)
        self._client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def says(self, line: str) -> str:
        """Send a line and return what comes back."""
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(f"{line}\n")
        self._client.stdin.flush()
        return self._client.stdout.readline().strip()

    def close(self) -> None:
        """End the client."""
        self._client.communicate()


def test_flushed_rules_are_back_and_connections_go_on(engine: Engine, repairs: Repairs) -> None:
    host = engine.machine.host
    with contextlib.closing(Stream(engine)) as stream:
        assert stream.says("before") == "before"
        host.run("nft", "flush", "ruleset")
        told = repairs.next()

        assert told.startswith("the firewall")
        assert fetched(engine) == "hello\n"
        assert stream.says("after") == "after"
        assert "DOCKER-USER" in host.run("iptables", "-S", "FORWARD").stdout


def test_the_admins_chain_leads_again_after_iptables_is_flushed(engine: Engine, repairs: Repairs) -> None:
    host = engine.machine.host
    host.run("iptables", "-F", "FORWARD")

    assert "ip filter" in repairs.next()
    assert host.run("iptables", "-S", "FORWARD").stdout.splitlines()[1] == "-A FORWARD -j DOCKER-USER"
    assert fetched(engine) == "hello\n"


def test_rules_of_others_are_no_damage(engine: Engine, repairs: Repairs) -> None:
    host = engine.machine.host
    host.run("nft", "add table inet theirs")
    host.run("iptables", "-A", "FORWARD", "-s", "203.0.113.9", "-j", "DROP")
    host.run("iptables", "-D", "FORWARD", "-s", "203.0.113.9", "-j", "DROP")
    host.run("nft", "delete table inet theirs")
    host.run("ip", "addr", "del", "172.17.0.1/16", "dev", "docker0")

    assert repairs.next() == "network bridge"


def address(engine: Engine) -> str:
    """Return the address that the web server's interface has."""
    return engine.docker("exec", "web", "ip", "-o", "-4", "addr", "show", "eth0").stdout.split()[3]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("ip addr flush dev docker0", "network bridge"),
        ("ip link set docker0 down", "network bridge"),
        ("ip link del docker0", "network bridge; the network of web"),
        ("ip link set $(ip -br link show master docker0 | cut -d@ -f1) down", "the network of web"),
        ("ip link del $(ip -br link show master docker0 | cut -d@ -f1)", "the network of web"),
        ("sysctl -q -w net.ipv4.ip_forward=0", "net/ipv4/ip_forward"),
    ],
)
def test_links_addresses_and_switches_are_put_back(engine: Engine, repairs: Repairs, damage: str, told: str) -> None:
    before = address(engine)

    engine.machine.host.run("sh", "-c", damage)

    assert repairs.next() == told
    assert fetched(engine) == "hello\n"
    assert address(engine) == before
    assert "default via 172.17.0.1" in engine.docker("exec", "web", "ip", "route").stdout


class LegacyEngine(Engine):
    """The daemon on a machine whose iptables is iptables-legacy."""

    def command(self) -> list[str]:
        """Return the daemon's command line, with the old programs first on its path."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        for name in (f"{program}{verb}" for program in ("iptables", "ip6tables") for verb in ("", "-restore", "-save")):
            if not (programs / name).is_symlink():
                (programs / name).symlink_to("/usr/sbin/xtables-legacy-multi")
        return ["env", f"PATH={programs}:{os.environ['PATH']}", *super().command()]


@pytest.mark.parametrize(("backend", "told"), [("nftables", "ip filter"), ("iptables", "ip nat")])
def test_what_is_flushed_in_iptables_legacy_is_back_too(
    machine: Machine, tmp_path: Path, image_tar: Path, backend: str, told: str
) -> None:
    engine = LegacyEngine(machine, tmp_path, f"--firewall-backend={backend}")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        engine.docker("run", "-d", "--name", "web", "-p", "8080:80", IMAGE, "httpd", "-f", "-h", "/www")
        assert fetched(engine) == "hello\n"
        with contextlib.closing(Repairs(engine)) as repairs:
            machine.host.run("iptables-legacy", "-t", "nat", "-F")
            machine.host.run("iptables-legacy", "-F", "FORWARD")
            put_back = repairs.next()
            while told not in put_back:
                put_back = repairs.next()
        assert fetched(engine) == "hello\n"
        assert "DOCKER-USER" in machine.host.run("iptables-legacy", "-S", "FORWARD").stdout.splitlines()[1]
        assert engine.netwright("firewall", "check").returncode == 0
    finally:
        engine.close()
