"""What the resolver answers: the zone first, then what upstream servers have said or say."""

import random
import time
from collections.abc import Sequence

from netwright.dns import local, outside, wire
from netwright.dns.explain import Explanation, explain
from netwright.dns.local import Elsewhere
from netwright.dns.resolvconf import without
from netwright.dns.upstream import Upstream, of_view
from netwright.dns.wire import Malformed, Query
from netwright.dns.zone import Joined, Member, View, Zone
from netwright.kernel.resolver.batch import Late, Prepared, Turns, prepare
from netwright.kernel.resolver.forward import Caller, Forwarder
from netwright.kernel.resolver.host import HostConfiguration
from netwright.kernel.resolver.notices import Notices
from netwright.kernel.resolver.shortcuts import Shortcuts
from netwright.kernel.resolver.station import Known, Station

ORDERS_BYTES = 1 << 14
"""How many bytes the different orders of one answer may take together; the first two are kept whatever they take."""

_RCODES = {Elsewhere.NOWHERE: wire.SERVFAIL, Elsewhere.ABSENT: wire.NXDOMAIN, Elsewhere.FOREIGN: wire.REFUSED}

CLASHES = 100
"""How many names of one sandbox are said to clash; somebody who makes them by the thousand is not to fill the log."""


class ByDatagram:
    """Who asks by UDP what is not known here."""

    __slots__ = ("_identity", "_late", "_sender", "query", "station")

    def __init__(self, station: Station, late: Late, query: Query, identity: bytes, sender: bytes) -> None:
        self.station = station
        self.query = query
        self._late = late
        self._identity = identity
        self._sender = sender

    def answer(self, response: bytes) -> None:
        """Send the answer, cut down to what the sender can take."""
        tail = (response if len(response) <= wire.PLAIN_SIZE else wire.shorten(response, self.query))[2:]
        self._late.add(self.station, self._identity, tail, self._sender)


class Service:
    """The zone, and the answers to queries in every sandbox."""

    def __init__(self, host: HostConfiguration, forwarder: Forwarder) -> None:
        self._host = host
        self._forwarder = forwarder
        self._generation = -1
        self.zone = Zone()
        self._next: Zone | None = None
        self.knows = False
        """Whether it has ever been told a whole zone."""
        self.stations: dict[str, Station] = {}
        self._outside: list[Station] = []
        """Where the host asks, if it does: it sees the same everywhere."""
        self._conf = host.conf
        self.notices = Notices()
        self.late = Late()
        self.shortcuts = Shortcuts(forwarder.home)
        self._clashes: dict[str, set[str]] = {}

    def open(self, station: Station) -> None:
        """Serve a sandbox."""
        self.stations[station.key] = station
        self.zone.views[station.key] = station.view
        if station.is_host:
            self._outside.append(station)
            self._follow_host()

    def close(self, station: Station) -> None:
        """Serve it no more."""
        del self.stations[station.key]
        if station.shortcut is not None:
            self.shortcuts.close(station.shortcut)
        if station in self._outside:
            self._outside.remove(station)
            self._follow_host()
        self._clashes.pop(station.key, None)
        for zone in self._zones():
            zone.views.pop(station.key, None)
        self._forwarder.abandon(station.key)

    def see(self, key: str, view: View) -> None:
        """Let a sandbox see other names: at once, or with the new zone."""
        if self._next is not None:
            self._next.views[key] = view
        else:
            self.zone.views[key] = view
            self._look_again(key)

    def add(self, member: Member) -> None:
        """Publish an endpoint: at once, or with the new zone."""
        (self._next or self.zone).add(member)
        if self._next is None:
            self._forget_on(member.network)

    def remove(self, network: str, endpoint: str) -> None:
        """Forget an endpoint."""
        (self._next or self.zone).remove(network, endpoint)
        if self._next is None:
            self._forget_on(network)

    def begin(self) -> None:
        """Let what comes fill a new zone."""
        self._next = Zone()

    @property
    def is_filling(self) -> bool:
        """Tell whether a new zone is being filled."""
        return self._next is not None

    def commit(self) -> None:
        """Let the new zone take the place of the old one."""
        if self._next is None:
            return
        self.knows = True
        self.zone, self._next = self._next, None
        for key, station in self.stations.items():
            self.zone.views.setdefault(key, station.view)
            self._look_again(key)

    @property
    def has_sandboxes(self) -> bool:
        """Tell whether anybody is served but the host, which has nothing to ask for where there is no sandbox."""
        return any(not station.is_host for station in self.stations.values())

    @property
    def _names_outside(self) -> Sequence[Joined]:
        """The networks whose names the host is told."""
        return self._outside[0].view.networks if self._outside else ()

    def _zones(self) -> list[Zone]:
        return [self.zone] if self._next is None else [self.zone, self._next]

    def _look_again(self, key: str) -> None:
        station = self.stations.get(key)
        if station is not None:
            station.view = self.zone.views[key]
            for one in self.stations.values() if station.is_host else (station,):
                one.forget()
            self.shortcuts.forget()

    def _forget_on(self, network: str) -> None:
        """Forget what the sandboxes on a network were told."""
        for station in self.stations.values():
            if station.known and any(joined.id == network for joined in station.view.networks):
                station.known.clear()
        self.shortcuts.forget()

    def retire(self) -> None:
        """Serve nobody any more, in the kernel neither."""
        for station in self.stations.values():
            if station.shortcut is not None:
                self.shortcuts.close(station.shortcut)
        self.stations.clear()

    def follow_host(self) -> None:
        """See whether the host's servers are others than before."""
        self._host.follow()
        if self._host.generation != self._generation:
            self._follow_host()

    def _upstream(self, station: Station) -> Upstream:
        """Return whom a sandbox may ask now."""
        self.follow_host()
        if station.upstream is None:
            station.upstream = of_view(station.view, station.key, self._conf)
        return station.upstream

    def _follow_host(self) -> None:
        """Forget everything that was said in the name of the host's servers when they are others.

        Where the host asks us, we do not ask it: a sandbox would be told of networks that are not its own.
        """
        self._generation = self._host.generation
        ours = {station.own_server for station in self._outside if station.own_server is not None}
        self._conf = without(self._host.conf, ours)
        self._forwarder.cache.clear()
        for station in self.stations.values():
            station.forget()
        self.shortcuts.forget()

    def tick(self) -> None:
        """Do what is to be done now and then."""
        self.follow_host()
        for station in self.stations.values():
            if station.shortcut is not None:
                station.shortcut.look_again()
        if complaint := self.shortcuts.complaint():
            self.notices.say(complaint)

    def datagram(self, station: Station, packet: bytes, sender: bytes) -> Prepared | None:
        """Answer a query by UDP that is not known byte for byte (`datagrams.Slow`)."""
        tail = packet[2:]
        known: Known | bytes | None = station.known.get(tail) or self._learn(station, packet, tail)
        if isinstance(known, Query):
            caller = ByDatagram(station, self.late, known, packet[:2], sender)
            if (answer := self._forward(caller, known, tail)) is not None:
                caller.answer(answer)
            return None
        if isinstance(known, bytes):
            self.late.add(station, packet[:2], known, sender)
            return None
        return known.next() if isinstance(known, Turns) else known

    def _learn(self, station: Station, packet: bytes, tail: bytes) -> Known | bytes | None:
        """Find out what a query by UDP is answered, and note it where it may be asked again."""
        decided = self._decide(station, packet, datagram=True)
        match decided:
            case bytes() | None:
                return decided
            case Query():
                known: Known = decided
            case [only]:
                known = prepare(only)
            case _:
                known = Turns([prepare(answer) for answer in _within(decided)])
        station.learn(tail, known)
        return known

    def stream(self, caller: Caller, packet: bytes) -> bytes | None:
        """Answer a query by TCP: the answer without its id, or None where the caller is told later or never."""
        station = caller.station
        station.counts.queries += 1
        decided = self._decide(station, packet, datagram=False)
        match decided:
            case bytes() | None:
                return decided
            case Query():
                answer = self._forward(caller, decided, packet[2:])
                return None if answer is None else answer[2:]
            case _:
                return random.choice(decided)

    def _decide(self, station: Station, packet: bytes, *, datagram: bool) -> bytes | Query | list[bytes] | None:
        """Return the answers to a query without their ids; or what refuses it; or itself where it goes to upstream."""
        try:
            query = wire.parse_query(packet)
        except Malformed as error:
            station.counts.malformed += 1
            refusal = wire.refuse(packet, error.rcode)
            return None if refusal is None else refusal[2:]
        decision = self._decision(station, query)
        if decision is Elsewhere.UPSTREAM:
            return query
        if isinstance(decision, Elsewhere):
            station.counts.failures += decision is Elsewhere.NOWHERE
            return wire.respond(query, (), 0, rcode=_RCODES[decision])[2:]
        if decision.clash:
            self._note_clash(station, query.name, decision)
        if not decision.orders:
            return wire.respond(query, (), 0, rcode=wire.REFUSED)[2:]
        return [answer[2:] for answer in local.answers(decision, query, station.view.ttl, datagram=datagram)]

    def _decision(self, station: Station, query: Query) -> local.Local | Elsewhere:
        if station.view.outside:
            return outside.decide(self.zone, station.view, query)
        upstream = self._upstream(station)
        return local.decide(
            self.zone,
            station.view,
            query,
            upstream=bool(upstream.servers),
            ndots=self._host.ndots,
            outside=self._names_outside,
        )

    def explain(self, key: str, name: str, kind: str) -> Explanation:
        """Return what a sandbox would be answered, and why. Raises ValueError for what cannot be asked."""
        station = self.stations[key]
        self._upstream(station)
        return explain(self.zone, station.view, name, kind, self._conf, self._names_outside)

    def _note_clash(self, station: Station, name: str, decision: local.Local) -> None:
        noted = self._clashes.setdefault(station.key, set())
        if name.lower() not in noted and len(noted) < CLASHES:
            noted.add(name.lower())
            told = "it is told neither" if station.view.outside else "it is told the former"
            self.notices.say(
                f"{station.view.title or station.key} asks for {name}, which is {decision.why} and another one on "
                f"network {decision.clash}: {told}; {name}.{decision.clash} means the latter"
            )

    def _forward(self, caller: Caller, query: Query, tail: bytes) -> bytes | None:
        """Answer from what servers have said, or ask them and return None."""
        station = caller.station
        upstream = self._upstream(station)
        if not upstream.servers:
            station.counts.failures += 1
            return wire.respond(query, (), 0, rcode=wire.SERVFAIL)
        cached = self._forwarder.cache.get((upstream.scope, tail), time.monotonic())
        if cached is not None:
            station.counts.cached += 1
            return cached
        if not self._forwarder.ask(caller, upstream, query, tail):
            station.counts.refused += 1
            return wire.respond(query, (), 0, rcode=wire.REFUSED)
        return None


def _within(answers: list[bytes]) -> list[bytes]:
    """Return as many orders of an answer as may be kept."""
    return answers[: max(2, ORDERS_BYTES // len(answers[0]))]
