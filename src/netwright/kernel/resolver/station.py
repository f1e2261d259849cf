"""A sandbox as the resolver has it: its sockets, its view, what it has been told, and its figures.

Where the host itself asks, that is one as well.
"""

import os
import socket
from ipaddress import ip_address

from netwright.dns.upstream import Upstream
from netwright.dns.wire import Query
from netwright.dns.zone import View
from netwright.kernel.resolver.batch import Prepared, Turns
from netwright.kernel.resolver.shortcuts import MANY, SECONDS, Shortcut
from netwright.model.listener import is_host

_PORT = 53

KNOWN = 1024
"""How many different queries of a sandbox are known byte for byte; then all are forgotten at once."""

Known = Prepared | Turns | Query
"""What is known of a query: the answer, or several to be given in turn; or that it goes to upstream."""


class Counts:
    """What has happened in a sandbox so far.

    Of the `queries` the kernel has answered `in_kernel` by itself. `seconds` is the time in which servers have answered
    `forwards`.
    """

    __slots__ = ("cached", "failures", "forwards", "in_kernel", "malformed", "queries", "refused", "seconds")

    def __init__(self) -> None:
        self.queries = self.in_kernel = self.forwards = self.cached = self.failures = self.refused = self.malformed = 0
        self.seconds = 0.0

    def __str__(self) -> str:
        return (
            f"{self.queries} {self.in_kernel} {self.forwards} {self.cached} {self.failures} {self.refused} "
            f"{self.malformed} {self.seconds:.6f}"
        )


class Station:
    """The resolver's place in one sandbox. It owns the descriptors that it is given.

    Answers leave through a raw socket where there is one, because the sockets that the kernel leads port 53 to are
    bound to another port. `waiting` counts the queries of this sandbox that are with upstream servers.
    """

    def __init__(self, key: str, view: View, descriptors: list[int]) -> None:
        namespace, datagrams, streams, *rest = descriptors
        self.key = key
        self.is_host = is_host(key)
        self.view = view
        self.namespace = namespace
        self.datagrams = socket.socket(fileno=datagrams)
        self.streams = socket.socket(fileno=streams)
        self.raw = socket.socket(fileno=rest[0]) if rest else None
        self.is_ipv6 = self.datagrams.family == socket.AF_INET6
        address, port, *_ = self.datagrams.getsockname()
        self.own_server = ip_address(address) if self.is_host and port == _PORT else None
        """The server in a resolv.conf of the host that asks here."""
        self._link = rest[1] if len(rest) > 1 else -1
        self.descriptor = (self.raw or self.datagrams).fileno()
        """By which answers leave, being `is_raw` or not."""
        self.is_raw = self.raw is not None
        self.upstream: Upstream | None = None
        """Whom it may ask; None until it is asked for, and again when the view or the host's servers change."""
        self.known: dict[bytes, Known] = {}
        self.counts = Counts()
        self.shortcut: Shortcut | None = None
        """What answers in the kernel, where it asks often."""
        self.due = MANY
        """How many queries there are to be until it is looked how long they took."""
        self._looked = -SECONDS
        self.waiting = 0
        self.connections = 0
        self.closed = False
        for end in (self.datagrams, self.streams, self.raw):
            if end is not None:
                end.setblocking(False)

    def descriptors(self) -> list[int]:
        """Return the descriptors as they were given."""
        ends = [self.namespace, self.datagrams.fileno(), self.streams.fileno()]
        return ends if self.raw is None else [*ends, self.raw.fileno(), self._link]

    def asks_often(self, now: float) -> bool:
        """Tell whether many queries have come in a short time, since this was last asked."""
        seconds, self._looked = now - self._looked, now
        self.due = self.counts.queries + MANY
        return seconds <= SECONDS

    def figures(self) -> str:
        """Return what has happened, with what the kernel has answered."""
        if self.shortcut is not None:
            news = self.shortcut.news()
            self.counts.queries += news
            self.counts.in_kernel += news
        return str(self.counts)

    def learn(self, tail: bytes, known: Known) -> None:
        """Note what is known of a query from now on, until the zone changes."""
        if len(self.known) >= KNOWN:
            self.known.clear()
        self.known[tail] = known

    def forget(self) -> None:
        """Forget what follows from the view and from the host's servers."""
        self.known.clear()
        self.upstream = None

    def close(self) -> None:
        """Let go of everything: the link first, so that nothing is led to sockets that nobody reads."""
        self.closed = True
        if self._link >= 0:
            os.close(self._link)
            self._link = -1
        for end in (self.streams, self.datagrams, self.raw):
            if end is not None:
                end.close()
        os.close(self.namespace)
