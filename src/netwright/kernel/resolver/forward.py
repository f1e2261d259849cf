"""Asking upstream servers: without waiting for a silent one, and once for all who ask the same."""

import ctypes
import errno
import heapq
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from netwright.dns import upstream as policy
from netwright.dns import wire
from netwright.dns.cache import Cache, Key
from netwright.dns.upstream import Health, Upstream
from netwright.dns.wire import Malformed, Query, Response
from netwright.kernel.companion.loop import READABLE, WRITABLE, Loop
from netwright.kernel.resolver.station import Station

PER_SANDBOX = 256
"""Queries of one sandbox that may be with upstream servers at once; more are refused, so that others get theirs."""
FLIGHTS = 2048
"""Different queries under way at once, for all sandboxes."""

_PORT = 53
_ROOM = 1 << 16
_CLONE_NEWNET = 0x40000000

Deliver = Callable[[bytes], None]

_libc = ctypes.CDLL(None, use_errno=True)


class Timers:
    """What is to be called when."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Timer]] = []
        self._number = count()

    def at(self, when: float, act: Callable[[], None]) -> "Timer":
        """Call something at a time, unless it is cancelled before."""
        timer = Timer(act)
        heapq.heappush(self._due, (when, next(self._number), timer))
        return timer

    def wait(self, longest: float) -> float:
        """Return the seconds until something is due, `longest` at most."""
        return min(longest, max(0.0, self._due[0][0] - time.monotonic())) if self._due else longest

    def run(self) -> None:
        """Call what is due."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            act = heapq.heappop(self._due)[2].act
            if act is not None:
                act()


class Timer:
    """Something that is to be called, or nothing."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Have nothing called; what would have been is let go of at once."""
        self.act = None


class Forwarder:
    """Queries that are with upstream servers, and what came of those that were."""

    def __init__(self, loop: Loop, timers: Timers, home: int) -> None:
        self.loop = loop
        self.timers = timers
        self.cache = Cache()
        self.health = Health()
        self.buffer = memoryview(bytearray(_ROOM))
        self._home = home
        self._flights: dict[Key, Flight] = {}

    @property
    def idle(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._flights

    def ask(self, station: Station, upstream: Upstream, query: Query, tail: bytes, deliver: Deliver) -> bool:
        """Ask, or wait for an answer that is asked for already; tell whether there was room.

        `deliver` is called once, with an answer whose id is to be overwritten.
        """
        if station.waiting >= PER_SANDBOX:
            return False
        key = (upstream.scope, tail)
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= FLIGHTS:
                return False
            flight = Flight(self, key, query, upstream, station.namespace if upstream.scope else None)
            self._flights[key] = flight
            flight.wait(station, deliver)
            flight.begin()
        else:
            flight.wait(station, deliver)
        return True

    def landed(self, key: Key) -> None:
        """Note that an answer has come, or will not."""
        self._flights.pop(key, None)

    def abandon(self, scope: str) -> None:
        """Ask no more in the name of a sandbox that is gone; its own sockets in its namespace are closed now."""
        for key, flight in list(self._flights.items()):
            if key[0] == scope:
                flight.abandon()
                del self._flights[key]
        self.health.forget([scope])

    @contextmanager
    def inside(self, namespace: int | None) -> Iterator[None]:
        """Be in a namespace for the time of the block. Where it cannot be left the process ends, not to go on there."""
        if namespace is None:
            yield
            return
        if _libc.setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "entering a sandbox")
        try:
            yield
        finally:
            if _libc.setns(self._home, _CLONE_NEWNET):
                os.abort()


class Flight:
    """One query on its way, whoever has asked it.

    `namespace` is where it is asked from, None for the host.
    """

    def __init__(self, forwarder: Forwarder, key: Key, query: Query, upstream: Upstream, namespace: int | None) -> None:
        self.forwarder = forwarder
        self.query = query
        self._key = key
        self._scope = upstream.scope
        self._namespace = namespace
        self._servers = forwarder.health.order(upstream, time.monotonic())
        self._asked = 0
        self._silent: dict[Exchange, None] = {}
        self._waiting: list[tuple[Station, Deliver]] = []
        self._last: Response | None = None
        self._began = time.monotonic()
        self._hurry = policy.DEADLINE
        """When, in seconds after the beginning, the next server is asked beside those that are silent."""
        self._repeats = list(policy.AGAIN)
        self._timer: Timer | None = None
        self.over = False

    def wait(self, station: Station, deliver: Deliver) -> None:
        """Tell one more when the answer comes."""
        station.waiting += 1
        station.counts.forwards += 1
        self._waiting.append((station, deliver))

    def begin(self) -> None:
        """Ask the first server, and see to what happens if it is silent."""
        self._next()
        self._set_timer()

    def _next(self) -> None:
        """Ask the next server beside those that are silent; where none is left and nobody is asked, it is over."""
        while not self.over and self._asked < len(self._servers):
            server = self._servers[self._asked]
            self._asked += 1
            if self._ask(server):
                self._hurry = time.monotonic() - self._began + policy.PATIENCE
                return
        if not self._silent:
            self._give_up()

    def _set_timer(self) -> None:
        if self.over:
            return
        moments = [policy.DEADLINE, *self._repeats[:1]]
        if self._asked < len(self._servers):
            moments.append(self._hurry)
        self._timer = self.forwarder.timers.at(self._began + min(moments), self._tick)

    def _tick(self) -> None:
        """Do what is due."""
        passed = time.monotonic() - self._began
        if passed >= policy.DEADLINE:
            self._give_up()
        elif self._repeats and passed >= self._repeats[0]:
            del self._repeats[0]
            for exchange in list(self._silent):
                exchange.again()
        elif passed >= self._hurry:
            self._next()
        self._set_timer()

    def _ask(self, server: str) -> bool:
        try:
            with self.forwarder.inside(self._namespace):
                exchange = Datagram(self, server, self._key[1])
        except (OSError, ValueError):
            self.forwarder.health.failed(self._scope, server, time.monotonic())
            return False
        self._silent[exchange] = None
        return True

    def answered(self, exchange: "Exchange", response: Response) -> None:
        """Take an answer: pass it on, or ask the next server where it is a refusal; ask by TCP for one that was cut."""
        if response.truncated and isinstance(exchange, Datagram):
            self._by_stream(exchange)
            return
        self._drop(exchange)
        if policy.is_final(response):
            self.forwarder.health.answered(self._scope, exchange.server)
            if not response.truncated:
                self.forwarder.cache.put(self._key, response, time.monotonic())
            self._land(response.packet)
            return
        self._last = response
        self.failed(exchange)

    def _by_stream(self, exchange: "Datagram") -> None:
        self._drop(exchange)
        try:
            with self.forwarder.inside(self._namespace):
                self._silent[Stream(self, exchange.server, self._key[1])] = None
        except OSError:
            self.failed(exchange)

    def failed(self, exchange: "Exchange") -> None:
        """Note that a server refuses or cannot be reached, and ask the next at once."""
        self._drop(exchange)
        self.forwarder.health.failed(self._scope, exchange.server, time.monotonic())
        self._next()

    def _drop(self, exchange: "Exchange") -> None:
        self._silent.pop(exchange, None)
        exchange.close()

    def _give_up(self) -> None:
        """Say that no answer could be had: in the words of the last server that said anything."""
        if self.over:
            return
        now = time.monotonic()
        for exchange in self._silent:
            self.forwarder.health.failed(self._scope, exchange.server, now)
        for station, _ in self._waiting:
            station.counts.failures += 1
        failure = wire.respond(self.query, (), 0, rcode=wire.SERVFAIL)
        self._land(self._last.packet if self._last is not None else failure)

    def _land(self, packet: bytes) -> None:
        self.abandon()
        self.forwarder.landed(self._key)
        seconds = time.monotonic() - self._began
        for station, deliver in self._waiting:
            station.waiting -= 1
            station.counts.seconds += seconds
            if not station.closed:
                deliver(packet)

    def abandon(self) -> None:
        """Ask no more."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        for exchange in list(self._silent):
            self._drop(exchange)


class Exchange:
    """A query with one server."""

    def __init__(self, flight: Flight, server: str) -> None:
        self.flight = flight
        self.server = server
        # Random, and new for each server: who does not see the query cannot guess what answers it.
        self.identity = os.urandom(2)
        self.socket: socket.socket | None = None

    def _open(self, kind: socket.SocketKind) -> socket.socket:
        """Return a socket towards the server, at a port of the kernel's random choice. Raises OSError."""
        family, place = _place(self.server)
        opened = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.socket = opened
        if self.flight.forwarder.loop.is_crowded(opened):
            self.close()
            raise OSError(errno.EMFILE, "no room for one more query")
        try:
            failure = opened.connect_ex(place)
        except BaseException:
            self.close()
            raise
        if failure not in {0, errno.EINPROGRESS}:
            self.close()
            raise OSError(failure, os.strerror(failure))
        return opened

    @property
    def is_open(self) -> bool:
        """Tell whether an answer is still waited for."""
        return self.socket is not None

    def again(self) -> None:
        """Ask again, where that makes sense."""

    def read(self, packet: bytes) -> None:
        """Take what came for an answer if it is one to this query; anything else is passed over."""
        if packet[:2] != self.identity:
            return
        try:
            response = wire.parse_response(packet, self.flight.query.question)
        except Malformed:
            return
        self.flight.answered(self, response)

    def close(self) -> None:
        """Let go of the socket: now, because a namespace may be waiting for it."""
        if self.socket is not None:
            self.flight.forwarder.loop.unwatch(self.socket)
            self.socket.close()
            self.socket = None


class Datagram(Exchange):
    """A query by UDP. The socket is connected, so that the kernel lets in what the server says and nothing else."""

    def __init__(self, flight: Flight, server: str, tail: bytes) -> None:
        super().__init__(flight, server)
        self._packet = self.identity + tail
        opened = self._open(socket.SOCK_DGRAM)
        try:
            opened.send(self._packet)
        except OSError:
            self.close()
            raise
        flight.forwarder.loop.watch(opened, self._receive)

    def again(self) -> None:
        if self.socket is not None:
            try:
                self.socket.send(self._packet)
            except OSError:
                self.flight.failed(self)

    def _receive(self, _: int) -> None:
        while self.socket is not None:
            try:
                size = self.socket.recv_into(self.flight.forwarder.buffer)
            except BlockingIOError:
                return
            except OSError:
                # Nobody listens there, or there is no way: the kernel was told so.
                self.flight.failed(self)
                return
            self.read(bytes(self.flight.forwarder.buffer[:size]))


class Stream(Exchange):
    """A query by TCP, for an answer that no datagram holds."""

    def __init__(self, flight: Flight, server: str, tail: bytes) -> None:
        super().__init__(flight, server)
        packet = self.identity + tail
        self._out = len(packet).to_bytes(2, "big") + packet
        self._in = bytearray()
        opened = self._open(socket.SOCK_STREAM)
        flight.forwarder.loop.watch(opened, self._write, WRITABLE)

    def _write(self, _: int) -> None:
        assert self.socket is not None
        try:
            sent = self.socket.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self.flight.failed(self)
            return
        self._out = self._out[sent:]
        if not self._out:
            self.flight.forwarder.loop.watch(self.socket, self._read, READABLE)

    def _read(self, _: int) -> None:
        assert self.socket is not None
        try:
            received = self.socket.recv(_ROOM)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self._in += received
        size = int.from_bytes(self._in[:2], "big")
        whole = len(self._in) > 2 and len(self._in) >= 2 + size
        if whole:
            self.read(bytes(self._in[2 : 2 + size]))
        if self.is_open and (whole or not received):
            # It has hung up, or what it said is no answer.
            self.flight.failed(self)


def _place(server: str) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """Return family and address of a server as resolv.conf names it. Raises OSError, ValueError where it is none."""
    address, _, zone = server.partition("%")
    if ":" not in address:
        socket.inet_aton(address)
        return socket.AF_INET, (address, _PORT)
    socket.inet_pton(socket.AF_INET6, address)
    scope = 0 if not zone else int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return socket.AF_INET6, (address, _PORT, 0, scope)
