"""Senders of datagrams that never pause: no flow of theirs outlives what it was let in for.

The kernel lets through what belongs to a flow that stands, and a flow of datagrams stands as long as somebody sends.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from machine import HOST4, HOST_PYTHON, OUTSIDE4, Engine, Namespaces
from traffic import IMAGE

SENDER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9999))
s.settimeout(0.005)
last = None
while True:
    s.sendto(b"endless", (sys.argv[1], int(sys.argv[2])))
    try:
        heard = s.recv(100)
    except OSError:
        continue
    if heard != last:
        print(heard.decode(), flush=True)
    last = heard
"""

SERVER = """
import json, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
heard = set()
while True:
    word, peer = s.recvfrom(100)
    heard.add(peer[0])
    s.sendto(json.dumps(sorted(heard)).encode() if word == b"who?" else sys.argv[1].encode(), peer)
"""

ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.2)
while True:
    try:
        s.sendto(b"who?", (sys.argv[1], 53))
        print(s.recv(1000).decode())
        break
    except OSError:
        pass
"""


@contextmanager
def endless(sender: Namespaces, address: str, port: int) -> "Iterator[subprocess.Popen[str]]":
    """Send datagrams from one port without a pause for the time of the block; what is answered is printed."""
    argv = sender.enter("/usr/bin/python3", "-c", SENDER, address, str(port))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def serve(engine: Engine, name: str, *flags: str) -> None:
    words = ("/usr/bin/python3", "-c", SERVER, name)
    engine.docker("run", "-d", "--name", name, *HOST_PYTHON, *flags, IMAGE, *words)


def heard(engine: Engine, address: str) -> list[str]:
    """Ask a server from the host whom it has heard until then."""
    said = engine.machine.host.run("timeout", "10", "/usr/bin/python3", "-c", ASK, address).stdout
    return [str(one) for one in json.loads(said)]


def routed(engine: Engine) -> None:
    """Make a network that is routed, to which the neighbour has a route."""
    option = "com.docker.network.bridge.gateway_mode_ipv4=routed"
    engine.docker("network", "create", "--subnet", "10.80.1.0/24", "-o", option, "net")
    engine.machine.outside.run("ip", "route", "replace", "10.80.1.0/24", "via", HOST4)


def test_one_to_a_published_port_reaches_whoever_has_it_now(engine: Engine) -> None:
    # The same number on both sides: an answer that is late begins a flow that looks like the one it belongs to.
    serve(engine, "one", "-p", "53:53/udp")
    serve(engine, "two")
    with endless(engine.machine.outside, HOST4, 53) as sender:
        assert answer(sender) == "one"
        engine.docker("rm", "-f", "one")
        engine.netwright("publish", "two", "53:53/udp")
        assert answer(sender) == "two"
        engine.docker("rm", "-f", "two")
        serve(engine, "three", "-p", "53:53/udp")
        assert answer(sender) == "three"
        # Whoever may connect no more is a stranger from the next start on.
        engine.netwright("publish", "three", "53:53/udp", "--from", "host")
        address = engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "three").stdout.strip()
        engine.docker("restart", "-t", "0", "three")
        assert OUTSIDE4 not in heard(engine, address)


def test_one_to_a_containers_own_address_does_not_reach_the_next_that_has_it(engine: Engine) -> None:
    routed(engine)
    serve(engine, "one", "--network", "net", "--ip", "10.80.1.9", "-p", "53:53/udp")
    with endless(engine.machine.outside, "10.80.1.9", 53) as sender:
        assert answer(sender) == "one"
        engine.docker("rm", "-f", "one")
        serve(engine, "two", "--network", "net", "--ip", "10.80.1.9")
        assert OUTSIDE4 not in heard(engine, "10.80.1.9")


def test_one_to_a_port_of_a_routed_container_is_shut_out_with_the_port(engine: Engine) -> None:
    routed(engine)
    serve(engine, "one", "--network", "net", "--ip", "10.80.1.9", "-p", "53:53/udp")
    with endless(engine.machine.outside, "10.80.1.9", 53) as sender:
        assert answer(sender) == "one"
        engine.netwright("unpublish", "one", "53/udp")
        engine.docker("restart", "-t", "0", "one")
        assert OUTSIDE4 not in heard(engine, "10.80.1.9")
