"""Queries by TCP (RFC 7766): several on one connection, answered as they come."""

import socket
import time
from collections.abc import Callable

from netwright.kernel.companion.loop import READABLE, WRITABLE, Loop
from netwright.kernel.resolver.service import Service
from netwright.kernel.resolver.station import Station

IDLE = 30.0
"""Seconds of silence after which a connection is closed."""
PER_SANDBOX = 64
"""Connections that one sandbox may have; more are closed at once."""
UNANSWERED = 64
"""Queries of one connection that may be under way; then it is not read until some are answered."""
UNSENT = 1 << 18
"""Bytes of answers that may wait for a client to read them; then it is not read either."""

_ROOM = 1 << 16
_ACCEPTED_AT_ONCE = 16
_BOTH = READABLE | WRITABLE


class ByStream:
    """Who asks by TCP."""

    def __init__(self, connection: "Connection", identity: bytes) -> None:
        self.station = connection.station
        self._connection = connection
        self._identity = identity

    def answer(self, response: bytes) -> None:
        """Send the answer."""
        self._connection.deliver(self._identity, response[2:])


class Connection:
    """One client's connection."""

    def __init__(self, streams: "Streams", station: Station, end: socket.socket) -> None:
        self._streams = streams
        self.station = station
        self._end = end
        self._in = bytearray()
        self._out = bytearray()
        self._pending = 0
        self._finished = False
        self.closed = False
        self.last = time.monotonic()
        station.connections += 1
        streams.loop.watch(end, self._happen)

    def _happen(self, _: int) -> None:
        self.last = time.monotonic()
        try:
            if self._out:
                del self._out[: self._end.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if not self._is_full:
            self._read()
        self._settle()

    @property
    def _is_full(self) -> bool:
        return self._pending >= UNANSWERED or len(self._out) >= UNSENT

    def _read(self) -> None:
        if self._finished or self.closed:
            return
        try:
            received = self._end.recv(_ROOM)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._finished = not received
        self._in += received
        self._streams.catch_up()
        self._take()

    def _take(self) -> None:
        """Answer the whole queries that have come."""
        while not self.closed and not self._is_full and len(self._in) >= 2:
            size = int.from_bytes(self._in[:2], "big")
            if len(self._in) < 2 + size:
                return
            packet = bytes(self._in[2 : 2 + size])
            del self._in[: 2 + size]
            self._answer(packet)

    def _answer(self, packet: bytes) -> None:
        identity = packet[:2]
        self._pending += 1
        answer = self._streams.service.stream(ByStream(self, identity), packet)
        if answer is not None:
            self._say(identity, answer)
        elif len(packet) < 12 or packet[2] & 0x80:
            # Nothing is said to what is no query: who sends that is not served.
            self.close()

    def deliver(self, identity: bytes, answer: bytes) -> None:
        """Say an answer that has come later."""
        if not self.closed:
            self._say(identity, answer)
            self._take()
            self._settle()

    def _say(self, identity: bytes, answer: bytes) -> None:
        self._pending -= 1
        self._out += (len(answer) + 2).to_bytes(2, "big") + identity + answer

    def _settle(self) -> None:
        """Send what can be sent at once, and wait for what is possible next; close when all is said."""
        if self.closed:
            return
        try:
            if self._out:
                del self._out[: self._end.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._finished and not self._pending and not self._out:
            self.close()
            return
        reading = 0 if self._is_full or self._finished else READABLE
        self._streams.loop.watch(self._end, self._happen, reading | (WRITABLE if self._out else 0))

    def close(self) -> None:
        """End the connection."""
        if not self.closed:
            self.closed = True
            self.station.connections -= 1
            self._streams.loop.close(self._end)
            self._streams.connections.pop(self, None)


class Streams:
    """All connections of all sandboxes."""

    def __init__(self, loop: Loop, service: Service, catch_up: Callable[[], None]) -> None:
        self.loop = loop
        self.service = service
        self.catch_up = catch_up
        self.connections: dict[Connection, Station] = {}

    def accept(self, station: Station) -> None:
        """Take the connections that wait at a sandbox's socket."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                end, _address = station.streams.accept()
            except OSError:
                return
            end.setblocking(False)
            if station.connections >= PER_SANDBOX or self.loop.is_crowded(end):
                end.close()
                continue
            self.connections[Connection(self, station, end)] = station

    def leave(self, station: Station) -> None:
        """Close the connections of a sandbox."""
        for connection in [one for one, its in self.connections.items() if its is station]:
            connection.close()

    def tick(self, now: float) -> None:
        """Close the connections on which nothing has happened for long."""
        for connection in [one for one in self.connections if now - one.last > IDLE]:
            connection.close()
