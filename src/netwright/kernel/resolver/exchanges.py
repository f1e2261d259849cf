"""One query with one server, by UDP or TCP."""

import errno
import os
import random
import socket
import time
from contextlib import AbstractContextManager
from typing import Protocol

from netwright.dns import wire
from netwright.dns.wire import Malformed, Response
from netwright.kernel.companion.loop import READABLE, WRITABLE, Loop

LINES = 32
"""Sockets, each at a port of its own, among which a query to a server goes by chance."""
USES = 16
"""Queries that one socket serves before another one, at another port, takes its place."""
IDLE = 10.0
"""Seconds for which a socket without a query is kept."""

_PORT = 53
_ROOM = 1 << 16


class Asker(Protocol):
    """Who asks a server, and is told what comes of it."""

    @property
    def question(self) -> bytes:
        """The question that an answer must repeat."""

    def answered(self, exchange: "Exchange", response: Response) -> None:
        """Take an answer."""

    def failed(self, exchange: "Exchange") -> None:
        """Take note that none will come."""


class Exchange:
    """A query with one server. The id is random: who does not see the query cannot guess what answers it."""

    def __init__(self, asker: Asker, server: str) -> None:
        self.asker = asker
        self.server = server
        self.identity = os.urandom(2)

    def again(self) -> None:
        """Ask again, where that makes sense."""

    def read(self, packet: bytes) -> None:
        """Take what came for an answer if it is one to this query; anything else is passed over."""
        if packet[:2] != self.identity:
            return
        try:
            response = wire.parse_response(packet, self.asker.question)
        except Malformed:
            return
        self.asker.answered(self, response)

    def close(self) -> None:
        """Wait for an answer no more."""


class Line:
    """A socket to a server at a random port, and the queries that wait for their answers there, by id.

    It is connected, so that the kernel lets in what the server says and nothing else. Raises OSError, ValueError.
    """

    def __init__(self, loop: Loop, buffer: memoryview, server: str) -> None:
        self.waiting: dict[bytes, Datagram] = {}
        self.uses = 0
        self.last = 0.0
        self.is_open = True
        self._loop = loop
        self._buffer = buffer
        self._socket = connected(loop, server, socket.SOCK_DGRAM)
        loop.watch(self._socket, self._receive)

    def ask(self, datagram: "Datagram", packet: bytes) -> None:
        """Send a query whose answer is waited for. Raises OSError."""
        self.last = time.monotonic()
        self._socket.send(packet)
        self.waiting[datagram.identity] = datagram

    def forget(self, datagram: "Datagram") -> None:
        """Wait for an answer no more; a socket that has served its queries goes with the last of them."""
        if self.waiting.get(datagram.identity) is datagram:
            del self.waiting[datagram.identity]
        if self.uses >= USES and not self.waiting:
            self.close()

    def _receive(self, _: int) -> None:
        while self.is_open:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                # Nobody listens there, or there is no way: the kernel was told so.
                for datagram in list(self.waiting.values()):
                    datagram.asker.failed(datagram)
                return
            packet = self._buffer[:size].tobytes()
            datagram_or_none = self.waiting.get(packet[:2])
            if datagram_or_none is not None:
                datagram_or_none.read(packet)

    def close(self) -> None:
        """Let go of the socket: now, because a namespace may be waiting for it."""
        if self.is_open:
            self.is_open = False
            self._loop.unwatch(self._socket)
            self._socket.close()


class Lines:
    """The sockets to each server; those of a sandbox's own servers are in its namespace, and are named by its scope."""

    def __init__(self, loop: Loop, buffer: memoryview) -> None:
        self._loop = loop
        self._buffer = buffer
        self._lines: dict[tuple[str, str], list[Line]] = {}

    def take(self, scope: str, server: str, inside: AbstractContextManager[None]) -> Line:
        """Return one of the sockets to a server, by chance. Raises OSError, ValueError."""
        lines = self._lines.setdefault((scope, server), [])
        place = random.randrange(LINES)
        if place < len(lines):
            line = lines[place]
            if line.is_open and line.uses < USES:
                line.uses += 1
                return line
        with inside:
            line = Line(self._loop, self._buffer, server)
        line.uses = 1
        if place < len(lines):
            # The one that stood there goes with the last answer that it waits for.
            lines[place] = line
        else:
            lines.append(line)
        return line

    def leave(self, scope: str) -> None:
        """Close all sockets of a sandbox."""
        for key in [key for key in self._lines if key[0] == scope]:
            for line in self._lines.pop(key):
                line.close()

    def tick(self, now: float) -> None:
        """Close the sockets that nobody needs."""
        for key, lines in list(self._lines.items()):
            for line in lines:
                if not line.waiting and now - line.last > IDLE:
                    line.close()
            self._lines[key] = [line for line in lines if line.is_open]
            if not self._lines[key]:
                del self._lines[key]


class Datagram(Exchange):
    """A query by UDP."""

    def __init__(self, asker: Asker, server: str, line: Line, tail: bytes) -> None:
        super().__init__(asker, server)
        while self.identity in line.waiting:
            self.identity = os.urandom(2)
        self._line = line
        self._packet = self.identity + tail
        line.ask(self, self._packet)

    def again(self) -> None:
        try:
            self._line.ask(self, self._packet)
        except OSError:
            self.asker.failed(self)

    def close(self) -> None:
        self._line.forget(self)


class Stream(Exchange):
    """A query by TCP, for an answer that no datagram holds. Raises OSError, ValueError."""

    def __init__(self, loop: Loop, asker: Asker, server: str, tail: bytes) -> None:
        super().__init__(asker, server)
        packet = self.identity + tail
        self._out = len(packet).to_bytes(2, "big") + packet
        self._in = bytearray()
        self._loop = loop
        self._is_open = True
        self._socket = connected(loop, server, socket.SOCK_STREAM)
        loop.watch(self._socket, self._write, WRITABLE)

    def _write(self, _: int) -> None:
        try:
            sent = self._socket.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self.asker.failed(self)
            return
        self._out = self._out[sent:]
        if not self._out:
            self._loop.watch(self._socket, self._read, READABLE)

    def _read(self, _: int) -> None:
        try:
            received = self._socket.recv(_ROOM)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self._in += received
        size = int.from_bytes(self._in[:2], "big")
        whole = len(self._in) > 2 and len(self._in) >= 2 + size
        if whole:
            self.read(bytes(self._in[2 : 2 + size]))
        if self._is_open and (whole or not received):
            # It has hung up, or what it said is no answer.
            self.asker.failed(self)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.unwatch(self._socket)
            self._socket.close()


def connected(loop: Loop, server: str, kind: socket.SocketKind) -> socket.socket:
    """Return a socket towards a server, at a port of the kernel's random choice. Raises OSError, ValueError."""
    family, place = _place(server)
    opened = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        failure = errno.EMFILE if loop.is_crowded(opened) else opened.connect_ex(place)
    except BaseException:
        opened.close()
        raise
    if failure not in {0, errno.EINPROGRESS}:
        opened.close()
        raise OSError(failure, os.strerror(failure))
    return opened


def _place(server: str) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """Return family and address of a server as resolv.conf names it. Raises OSError, ValueError where it is none."""
    address, _, zone = server.partition("%")
    if ":" not in address:
        socket.inet_aton(address)
        return socket.AF_INET, (address, _PORT)
    socket.inet_pton(socket.AF_INET6, address)
    scope = 0 if not zone else int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return socket.AF_INET6, (address, _PORT, 0, scope)
