"""Sandboxes whose names are answered, name servers inside them, and clients that speak DNS by the byte."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.kernel.companion_lab import PATIENCE

from netwright.dns.zone import Joined, Member, View
from netwright.host import ops
from netwright.kernel import netns
from netwright.kernel.names import Names

dns_message = pytest.importorskip("dns.message")

T = TypeVar("T")

RESOLVER = ("127.0.0.11", 53)
SEES = View(networks=(Joined(id="net", name="one"),), egress=False)


def member(endpoint: str, *names: str, addresses: tuple[str, ...] = ("10.0.0.1",)) -> Member:
    return Member(network="net", endpoint=endpoint, names=names, addresses=tuple(map(socket.inet_aton, addresses)))


def publish(names: Names, members: Sequence[Member]) -> None:
    names.change([ops.PublishNames(member=one) for one in members])


def resolver_pid(names: Names) -> int:
    assert names._client is not None
    return names._client.pid


class Sandbox:
    """A namespace that is pinned; what is done in it is done by whatever thread asks."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.home = netns.current()
        netns.create(self.path, self.home)
        self.descriptor = netns.open_pinned(self.path)
        self.run(lambda: subprocess.run(["ip", "link", "set", "lo", "up"], check=True))

    def run(self, act: Callable[[], T]) -> T:
        """Do something inside; sockets that are made there stay there."""
        with netns.visit(self.descriptor, self.home):
            return act()

    def serve(self, names: Names, view: View = SEES) -> None:
        names.open(self.path, view, namespace=self.descriptor, home=self.home)

    def client(self, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
        """Return a socket to the resolver."""

        def connected() -> socket.socket:
            client = socket.socket(socket.AF_INET, kind)
            client.settimeout(PATIENCE)
            client.connect(RESOLVER)
            return client

        return self.run(connected)

    def ask(self, name: str, kind: str = "A", **options: Any) -> Any:
        """Ask by UDP and return the answer, checked to be one to the question."""
        query = dns_message.make_query(name, kind, **options)
        with self.client() as client:
            client.send(query.to_wire())
            answer = dns_message.from_wire(client.recv(65535))
        assert query.is_response(answer)
        return answer

    def close(self) -> None:
        os.close(self.descriptor)
        netns.delete(self.path)
        os.close(self.home)


def told(answer: Any) -> list[str]:
    """Return what an answer says, without names and TTLs."""
    return [item.to_text() for rrset in answer.answer for item in rrset]


Script = Callable[[Any, str], Any]
"""Takes a query and its transport; returns an answer, raw bytes, or None for silence."""


class Server:
    """A name server in a sandbox that does what a script says, and remembers what it was asked."""

    def __init__(self, sandbox: Sandbox, address: str, script: Script) -> None:
        self.asked: list[tuple[str, int, int]] = []
        """Transport, port and id of each query."""
        self._script = script
        self._datagrams = sandbox.run(lambda: _bound(address, socket.SOCK_DGRAM))
        self._streams = sandbox.run(lambda: _bound(address, socket.SOCK_STREAM))
        self._streams.listen()
        self._threads = [threading.Thread(target=act, daemon=True) for act in (self._by_datagram, self._by_stream)]
        for thread in self._threads:
            thread.start()

    def _answer(self, packet: bytes, transport: str, port: int) -> bytes | None:
        query = dns_message.from_wire(packet)
        self.asked.append((transport, port, query.id))
        answer = self._script(query, transport)
        return answer if answer is None or isinstance(answer, bytes) else answer.to_wire(max_size=65535)

    def _by_datagram(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, sender = self._datagrams.recvfrom(65535)
                if not packet:
                    return
                if (answer := self._answer(packet, "udp", sender[1])) is not None:
                    self._datagrams.sendto(answer, sender)

    def _by_stream(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, sender = self._streams.accept()
                with end, end.makefile("rb") as file:
                    size = int.from_bytes(file.read(2), "big")
                    if size and (answer := self._answer(file.read(size), "tcp", sender[1])) is not None:
                        end.sendall(len(answer).to_bytes(2, "big") + answer)

    def close(self) -> None:
        for end in (self._datagrams, self._streams):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(PATIENCE)


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, 53))
    return made


@contextlib.contextmanager
def server(sandbox: Sandbox, address: str, script: Script) -> Iterator[Server]:
    """Run a name server for the time of the block."""
    made = Server(sandbox, address, script)
    try:
        yield made
    finally:
        made.close()
