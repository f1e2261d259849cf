"""Queries by UDP: the path that must be quick.

A query that was asked before in the same bytes, since the zone last changed, costs one look-up in a dictionary; all
others go through `Service.datagram`.
"""

import time
from collections.abc import Callable
from typing import Protocol

from netwright.kernel.resolver.batch import IN_SLOT, NAME6, PLAIN, RAW, Inbox, Outbox, Prepared, Turns
from netwright.kernel.resolver.shortcuts import Shortcuts
from netwright.kernel.resolver.station import Station


class Slow(Protocol):
    """Answers a query that is not known byte for byte; returns None where it has seen to that itself."""

    def __call__(self, station: Station, packet: bytes, sender: bytes) -> Prepared | None: ...


class Datagrams:
    """Receives and answers, a batch at a time."""

    def __init__(self, slow: Slow, shortcuts: Shortcuts, catch_up: Callable[[], None]) -> None:
        self._slow = slow
        self._shortcuts = shortcuts
        self._catch_up = catch_up
        self._inbox = Inbox()
        self._raw = Outbox(self._inbox, RAW)
        self._plain = Outbox(self._inbox, PLAIN)
        self._inbox6 = Inbox(name=NAME6)
        self._plain6 = Outbox(self._inbox6, PLAIN)

    def serve(self, station: Station) -> None:
        """Answer what has come for a sandbox, up to a batch."""
        inbox = self._inbox6 if station.is_ipv6 else self._inbox
        count = inbox.fill(station.datagrams.fileno())
        if count <= 0:
            return
        said = self._shortcuts.said
        # What the engine said before these queries came holds for them.
        self._catch_up()
        if station.closed:
            return
        station.counts.queries += count
        if station.counts.queries >= station.due:
            self._often(station)
        if station.shortcut is not None:
            self._shorten(station, said, count)
        descriptor = station.descriptor
        outbox = self._raw if station.is_raw else self._plain6 if station.is_ipv6 else self._plain
        data, vectors, known = inbox.data, outbox.vectors, station.known
        start = unsent = 0
        for length, (head, place, size) in zip(inbox.lengths[:count].tolist(), outbox.places, strict=False):
            answer = known.get(data[start + 2 : start + length].tobytes())
            if answer.__class__ is not Prepared:
                slot = start // IN_SLOT
                outbox.send(descriptor, unsent, slot)
                unsent = slot
                answer = self._slowly(station, inbox, slot)
                if answer is None:
                    unsent = slot + 1
            if answer is not None:
                vectors[head], vectors[place], vectors[size], _ = answer
            start += IN_SLOT
        outbox.send(descriptor, unsent, count)

    def _often(self, station: Station) -> None:
        """Have the kernel answer by itself in a sandbox that asks often, where that can be."""
        if station.is_raw and station.shortcut is None and station.asks_often(time.monotonic()):
            station.shortcut = self._shortcuts.open(station.namespace)

    def _shorten(self, station: Station, said: int, count: int) -> None:
        """Have the kernel answer from now on what has come now and is known."""
        inbox, shortcut = self._inbox, station.shortcut
        assert shortcut is not None
        for slot in range(count):
            start = slot * IN_SLOT
            tail = inbox.data[start + 2 : start + inbox.lengths[slot]].tobytes()
            match station.known.get(tail):
                case Prepared() as answer:
                    shortcut.keep(said, tail, [answer])
                case Turns(orders=orders):
                    shortcut.keep(said, tail, orders)

    def _slowly(self, station: Station, inbox: Inbox, slot: int) -> Prepared | None:
        start = slot * IN_SLOT
        packet = inbox.data[start : start + inbox.lengths[slot]].tobytes()
        return self._slow(station, packet, inbox.sender(slot))
