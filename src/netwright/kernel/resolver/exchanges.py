"""One query with one server, by UDP or TCP."""

import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from netwright.dns import wire
from netwright.dns.wire import Malformed, Response
from netwright.kernel.companion.loop import READABLE, WRITABLE, Loop
from netwright.kernel.resolver.batch import IN_SLOT, SLOTS, Inbox, Outgoing
from netwright.kernel.resolver.chance import Chance

LINES = 32
"""Sockets, each at a port of its own, among which a query to a server goes by chance. A power of two, 256 at most."""
USES = 64
"""Queries that one socket serves before another one, at another port, takes its place."""
IDLE = 10.0
"""Seconds for which a socket without a query is kept."""

LONGEST = IN_SLOT
"""Bytes of the longest query that goes by UDP."""

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

    __slots__ = ("asker", "identity", "server")

    def __init__(self, asker: Asker, server: str, identity: bytes) -> None:
        self.asker = asker
        self.server = server
        self.identity = identity

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

    def __init__(self, loop: Loop, replies: Inbox, server: str) -> None:
        self.waiting: dict[bytes, Datagram] = {}
        self.uses = 0
        self.idle_since = 0.0
        self.is_open = True
        self._loop = loop
        self._replies = replies
        self._socket = connected(loop, server, socket.SOCK_DGRAM)
        self.descriptor = self._socket.fileno()
        loop.watch(self._socket, self._receive)

    def forget(self, datagram: "Datagram") -> None:
        """Wait for an answer no more; a socket that has served its queries goes with the last of them."""
        if self.waiting.get(datagram.identity) is datagram:
            del self.waiting[datagram.identity]
        if not self.waiting:
            self.idle_since = time.monotonic()
            if self.uses >= USES:
                self.close()

    def _receive(self, _: int) -> None:
        """Take the answers that have come; the loop calls again where there are more."""
        replies = self._replies
        count = replies.fill(self.descriptor)
        if count < 0 and ctypes.get_errno() != errno.EAGAIN:
            # Nobody listens there, or there is no way: the kernel was told so.
            for datagram in list(self.waiting.values()):
                datagram.asker.failed(datagram)
            return
        data, waiting, start = replies.data, self.waiting, 0
        for length in replies.lengths[: max(0, count)].tolist():
            packet = data[start : start + length].tobytes()
            start += replies.room
            asked = waiting.get(packet[:2])
            if asked is not None:
                asked.read(packet)

    def close(self) -> None:
        """Let go of the socket: now, because a namespace may be waiting for it."""
        if self.is_open:
            self.is_open = False
            self._loop.unwatch(self._socket)
            self._socket.close()


class Lines:
    """The sockets to each server; those of a sandbox's own servers are in its namespace, and are named by its scope.

    What is asked of a server at one moment goes by one of its sockets, in one system call. To guess a port and an id is
    as hard as if each query had a port of its own: there are as many pairs of them as there are queries either way.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._replies = Inbox(_ROOM, name=0)
        self._outgoing = Outgoing(IN_SLOT, name=0)
        self._queries: list[Datagram] = []
        self._unsent: list[Datagram] = []
        self._line_in_use: Line | None = None
        self._chosen: dict[tuple[str, str], Line] = {}
        """Those that are used until what is asked now is sent."""
        self._chance = Chance()
        self._lines: dict[tuple[str, str], list[Line]] = {}

    def take(self, scope: str, server: str, inside: Callable[[], AbstractContextManager[None]]) -> tuple[Line, bytes]:
        """Return one of the sockets to a server, by chance, and an id that no query there has.

        A new socket is made inside what the third argument gives. Raises OSError, ValueError.
        """
        line = self._chosen.get((scope, server))
        if line is None or not line.is_open or line.uses >= USES:
            line = self._chosen[scope, server] = self._line(scope, server, self._chance.take(1)[0] % LINES, inside)
        line.uses += 1
        identity = self._chance.take(2)
        while identity in line.waiting:
            identity = self._chance.take(2)
        return line, identity

    def _line(self, scope: str, server: str, place: int, inside: Callable[[], AbstractContextManager[None]]) -> Line:
        lines = self._lines.get((scope, server))
        if lines is None:
            lines = self._lines[scope, server] = []
        if place < len(lines):
            line = lines[place]
            if line.is_open and line.uses < USES:
                return line
        with inside():
            line = Line(self._loop, self._replies, server)
        if place < len(lines):
            # The one that stood there goes with the last answer that it waits for.
            lines[place] = line
        else:
            lines.append(line)
        return line

    def put(self, query: "Datagram") -> None:
        """Take a query that is to be sent by the line that it waits at."""
        if query.line is not self._line_in_use or self._outgoing.count == SLOTS:
            self._flush()
            self._line_in_use = query.line
        self._outgoing.put(query.packet)
        self._queries.append(query)

    def _flush(self) -> None:
        line, queries = self._line_in_use, self._queries
        self._line_in_use, self._queries = None, []
        if line is not None and line.is_open:
            self._unsent += [queries[slot] for slot in self._outgoing.send(line.descriptor)]
        else:
            self._outgoing.count = 0

    def send(self) -> None:
        """Send what was taken, and tell of what could not be sent, which may bring more."""
        self._chosen.clear()
        while self._queries:
            self._flush()
            unsent, self._unsent = self._unsent, []
            for query in unsent:
                if not query.is_over:
                    query.asker.failed(query)

    def leave(self, scope: str) -> None:
        """Close all sockets of a sandbox."""
        for key in [key for key in self._lines if key[0] == scope]:
            for line in self._lines.pop(key):
                line.close()

    def tick(self, now: float) -> None:
        """Close the sockets that nobody needs."""
        for key, lines in list(self._lines.items()):
            for line in lines:
                if not line.waiting and now - line.idle_since > IDLE:
                    line.close()
            self._lines[key] = [line for line in lines if line.is_open]
            if not self._lines[key]:
                del self._lines[key]


class Datagram(Exchange):
    """A query by UDP."""

    __slots__ = ("_lines", "line", "packet")

    def __init__(self, asker: Asker, server: str, lines: Lines, way: tuple[Line, bytes], tail: bytes) -> None:
        line, identity = way
        super().__init__(asker, server, identity)
        self._lines = lines
        self.line = line
        self.packet = identity + tail
        line.waiting[identity] = self
        lines.put(self)

    @property
    def is_over(self) -> bool:
        """Tell whether nobody waits for its answer any more."""
        return self.line.waiting.get(self.identity) is not self

    def again(self) -> None:
        self._lines.put(self)

    def close(self) -> None:
        self.line.forget(self)


class Stream(Exchange):
    """A query by TCP, for an answer that no datagram holds. Raises OSError, ValueError."""

    def __init__(self, loop: Loop, asker: Asker, server: str, tail: bytes) -> None:
        super().__init__(asker, server, os.urandom(2))
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
