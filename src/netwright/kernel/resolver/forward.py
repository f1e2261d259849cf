"""Asking upstream servers: without waiting for a silent one, and once for all who ask the same."""

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from netwright.dns import upstream as policy
from netwright.dns import wire
from netwright.dns.cache import Cache, Key
from netwright.dns.upstream import Health, Upstream
from netwright.dns.wire import Query, Response
from netwright.kernel.companion.loop import Loop
from netwright.kernel.resolver.exchanges import LONGEST, Datagram, Exchange, Lines, Stream
from netwright.kernel.resolver.inside import inside
from netwright.kernel.resolver.station import Station
from netwright.kernel.resolver.timers import Timer, Timers

PER_SANDBOX = 256
"""Queries of one sandbox that may be with upstream servers at once; more are refused, so that others get theirs."""
FLIGHTS = 2048
"""Different queries under way at once, for all sandboxes."""


class Caller(Protocol):
    """Who has asked, from a sandbox, and is told an answer whose id is not his; once at most."""

    @property
    def station(self) -> Station:
        """Where he asks from."""

    def answer(self, response: bytes) -> None:
        """Take the answer."""


class Forwarder:
    """Queries that are with upstream servers, and what came of those that were."""

    def __init__(self, loop: Loop, timers: Timers, home: int) -> None:
        self.loop = loop
        self.timers = timers
        self.cache = Cache()
        self.health = Health()
        self.lines = Lines(loop)
        self.home = home
        self._flights: dict[Key, Flight] = {}

    @property
    def idle(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._flights

    def ask(self, caller: Caller, upstream: Upstream, query: Query, tail: bytes) -> bool:
        """Ask, or wait for an answer that is asked for already; tell whether there was room."""
        station = caller.station
        if station.waiting >= PER_SANDBOX:
            return False
        key = (upstream.scope, tail)
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= FLIGHTS:
                return False
            flight = Flight(self, key, query, upstream, station.namespace if upstream.scope else None)
            self._flights[key] = flight
            flight.wait(caller)
            flight.begin()
        else:
            flight.wait(caller)
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
        self.lines.leave(scope)

    def inside(self, namespace: int | None) -> AbstractContextManager[None]:
        """Return a block in which we are in a namespace, or at home for None."""
        return nullcontext() if namespace is None else inside(namespace, self.home)


class Flight:
    """One query on its way, whoever has asked it.

    `namespace` is where it is asked from, None for the host. There is one for every query that goes to a server, so
    what most of them do not need is made when it is.
    """

    __slots__ = (
        "_asked",
        "_began",
        "_hurry",
        "_key",
        "_last",
        "_namespace",
        "_repeated",
        "_scope",
        "_servers",
        "_silent",
        "_timer",
        "_waiting",
        "forwarder",
        "over",
        "query",
    )

    def __init__(self, forwarder: Forwarder, key: Key, query: Query, upstream: Upstream, namespace: int | None) -> None:
        self.forwarder = forwarder
        self.query = query
        self._key = key
        self._scope = upstream.scope
        self._namespace = namespace
        self._began = time.monotonic()
        self._servers = forwarder.health.order(upstream, self._began)
        self._asked = 0
        self._silent: dict[Exchange, None] = {}
        self._waiting: list[Caller] = []
        self._last: Response | None = None
        self._hurry = policy.DEADLINE
        """When, in seconds after the beginning, the next server is asked beside those that are silent."""
        self._repeated = 0
        self._timer: Timer | None = None
        self.over = False

    @property
    def question(self) -> bytes:
        """The question that an answer must repeat."""
        return self.query.question

    def wait(self, caller: Caller) -> None:
        """Tell one more when the answer comes."""
        caller.station.waiting += 1
        caller.station.counts.forwards += 1
        self._waiting.append(caller)

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
        moment = policy.AGAIN[self._repeated] if self._repeated < len(policy.AGAIN) else policy.DEADLINE
        if self._hurry < moment and self._asked < len(self._servers):
            moment = self._hurry
        self._timer = self.forwarder.timers.at(self._began + moment, self._tick)

    def _tick(self) -> None:
        """Do what is due."""
        passed = time.monotonic() - self._began
        if passed >= policy.DEADLINE:
            self._give_up()
        elif self._repeated < len(policy.AGAIN) and passed >= policy.AGAIN[self._repeated]:
            self._repeated += 1
            for exchange in list(self._silent):
                exchange.again()
        elif passed >= self._hurry:
            self._next()
        self._set_timer()

    def _ask(self, server: str) -> bool:
        lines, tail = self.forwarder.lines, self._key[1]
        try:
            if len(tail) > LONGEST - 2:
                return self._ask_by_stream(server)
            exchange = Datagram(self, server, lines, lines.take(self._scope, server, self._inside), tail)
        except (OSError, ValueError):
            self.forwarder.health.failed(self._scope, server, time.monotonic())
            return False
        self._silent[exchange] = None
        return True

    def answered(self, exchange: Exchange, response: Response) -> None:
        """Take an answer: pass it on, or ask the next server where it is a refusal; ask by TCP for one that was cut."""
        if response.truncated and isinstance(exchange, Datagram):
            self._by_stream(exchange)
            return
        self._drop(exchange)
        if policy.is_final(response):
            now = time.monotonic()
            self.forwarder.health.answered(self._scope, exchange.server)
            if not response.truncated:
                self.forwarder.cache.put(self._key, response, now)
            self._land(response.packet, now)
            return
        self._last = response
        self.failed(exchange)

    def _inside(self) -> AbstractContextManager[None]:
        return self.forwarder.inside(self._namespace)

    def _by_stream(self, exchange: Datagram) -> None:
        self._drop(exchange)
        try:
            self._ask_by_stream(exchange.server)
        except OSError:
            self.failed(exchange)

    def _ask_by_stream(self, server: str) -> bool:
        with self._inside():
            stream = Stream(self.forwarder.loop, self, server, self._key[1])
        self._silent[stream] = None
        return True

    def failed(self, exchange: Exchange) -> None:
        """Note that a server refuses or cannot be reached, and ask the next at once."""
        self._drop(exchange)
        self.forwarder.health.failed(self._scope, exchange.server, time.monotonic())
        self._next()

    def _drop(self, exchange: Exchange) -> None:
        self._silent.pop(exchange, None)
        exchange.close()

    def _give_up(self) -> None:
        """Say that no answer could be had: in the words of the last server that said anything."""
        if self.over:
            return
        now = time.monotonic()
        for exchange in self._silent:
            self.forwarder.health.failed(self._scope, exchange.server, now)
        for caller in self._waiting:
            caller.station.counts.failures += 1
        failure = wire.respond(self.query, (), 0, rcode=wire.SERVFAIL)
        self._land(self._last.packet if self._last is not None else failure, now)

    def _land(self, packet: bytes, now: float) -> None:
        self.abandon()
        self.forwarder.landed(self._key)
        seconds = now - self._began
        for caller in self._waiting:
            station = caller.station
            station.waiting -= 1
            station.counts.seconds += seconds
            if not station.closed:
                caller.answer(packet)

    def abandon(self) -> None:
        """Ask no more."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        silent, self._silent = self._silent, {}
        for exchange in silent:
            exchange.close()
