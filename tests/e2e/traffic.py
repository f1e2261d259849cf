"""Looking into a container's network stack, and sending real packets, with the host's own tools.

Docker's `exec` would show what busybox knows; `nsenter` into the pinned namespace shows what the kernel knows, in a
tenth of the time.
"""

import json
import subprocess
from collections.abc import Sequence
from typing import Any, Protocol

from machine import Engine, Namespaces

IMAGE = "busybox:latest"
SERVER = ("httpd", "-f", "-h", "/www")


class Place(Protocol):
    """Somewhere that commands can be run."""

    def run(self, *argv: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there."""


class Stack:
    """The network stack of a container."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._host = engine.machine.host
        self._key = engine.docker("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", container).stdout.strip()

    def run(self, *argv: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the host inside."""
        return self._host.run("nsenter", f"--net={self._key}", *argv, check=check, stdin=stdin)


def links(place: Place) -> dict[str, dict[str, Any]]:
    """Return all interfaces but the loopback by name, as `ip -j addr` shows them."""
    shown = json.loads(place.run("ip", "-j", "addr").stdout)
    return {link["ifname"]: link for link in shown if link["ifname"] != "lo"}


def addresses(place: Place, link: str) -> list[str]:
    """Return an interface's addresses with their prefixes, but for those that the kernel gives itself."""
    return [
        f"{entry['local']}/{entry['prefixlen']}"
        for entry in links(place)[link]["addr_info"]
        if "ff:fe" not in entry["local"]  # made of the MAC address, by the kernel
    ]


def default_route(place: Place, version: int) -> str:
    """Return the default route as `gateway link`, or an empty text."""
    routes = json.loads(place.run("ip", f"-{version}", "-j", "route", "show", "default").stdout or "[]")
    assert len(routes) < 2, routes
    return f"{routes[0]['gateway']} {routes[0]['dev']}" if routes else ""


def serve(engine: Engine, *flags: str) -> Stack:
    """Start a web server and return its stack."""
    return Stack(engine, engine.docker("run", "-d", *flags, IMAGE, *SERVER).stdout.strip())


def sleeper(engine: Engine, *flags: str) -> Stack:
    """Start a container that does nothing and return its stack."""
    return Stack(engine, engine.docker("run", "-d", *flags, IMAGE, "sleep", "1000").stdout.strip())


def fetch(where: Place, address: str, port: int) -> str | None:
    """Return what a web server answers, or None where it does not; one that just starts gets a second to begin."""
    patience = ("--retry", "8", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "1", "-m", "2")
    done = where.run("curl", "-sS", *patience, f"http://{_url(address)}:{port}/", check=False)
    return done.stdout if done.returncode == 0 else None


def reached(where: Place, address: str, port: int) -> bool:
    """Tell whether a server that is known to run answers, within 0.4 s: what is let through takes a millisecond."""
    return where.run("curl", "-s", "-m", "0.4", f"http://{_url(address)}:{port}/", check=False).returncode == 0


def pinged(where: Place, address: str) -> bool:
    """Tell whether a ping is answered, within 0.4 s."""
    return where.run(*_PYTHON, _PING, address, check=False).returncode == 0


def sources(listener: Namespaces, sender: Place, targets: Sequence[str]) -> list[str]:
    """Send a datagram to each of the listener's addresses; return from which addresses they came."""
    heard = subprocess.Popen(
        listener.enter(*_PYTHON, _HEAR, str(len(targets))), stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
    )
    with heard:
        assert heard.stdout is not None
        heard.stdout.readline()
        for target in targets:
            sender.run(*_PYTHON, _SEND, target)
        return heard.communicate(timeout=20)[0].split()


def _url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


_PYTHON = ("/usr/bin/python3", "-c")

_PING = """
import os, socket, struct, sys
v6 = ":" in sys.argv[1]
family, protocol = (socket.AF_INET6, 58) if v6 else (socket.AF_INET, 1)
s = socket.socket(family, socket.SOCK_RAW, protocol)
s.settimeout(0.4)
s.connect((sys.argv[1], 0))
# An identity of its own: the kernel may still remember an earlier ping as a flow that was let through.
own = os.getpid() & 0x7FFF
s.send(struct.pack("!HHHH", 0x8000, 0, own, 0) if v6 else struct.pack("!HHHH", 0x0800, 0xF7FF - own, own, 0))
try:
    while s.recv(256)[0 if v6 else 20] != (129 if v6 else 0): pass
except OSError:
    sys.exit(1)
"""

_HEAR = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 7000))
s.settimeout(15)
print(flush=True)
for _ in range(int(sys.argv[1])):
    print(s.recvfrom(16)[1][0].removeprefix("::ffff:"), flush=True)
"""

_SEND = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"?", (sys.argv[1], 7000))
"""
