"""Queries by UDP: the path that must be quick.

A query that was asked before in the same bytes, since the zone last changed, costs one look-up in a dictionary; all
others go through `Service.answer`.
"""

from typing import Protocol

from netwright.kernel.resolver.batch import IN_SLOT, NAME, Inbox, Outbox, framed
from netwright.kernel.resolver.station import Station


class Slow(Protocol):
    """Answers a query that is not known byte for byte: the answer without its id, or None where none comes at once."""

    def __call__(self, station: Station, packet: bytes, sender: bytes) -> bytes | None: ...


class Datagrams:
    """Receives and answers, a batch at a time."""

    def __init__(self, slow: Slow) -> None:
        self._slow = slow
        self._inbox = Inbox()
        self._outbox = Outbox()

    def serve(self, station: Station) -> None:
        """Answer what has come for a sandbox, up to a batch."""
        inbox, outbox = self._inbox, self._outbox
        count = inbox.fill(station.datagrams.fileno())
        if count <= 0:
            return
        station.counts.queries += count
        data, names, received, length_at = inbox.data, inbox.names, inbox.received, inbox.length_at
        known, slow, raw = station.known, self._slow, station.raw
        for slot in range(count):
            start = slot * IN_SLOT
            end = start + received[length_at[slot]]
            identity, tail = data[start : start + 2].tobytes(), data[start + 2 : end].tobytes()
            name = names[slot * NAME : slot * NAME + 8]
            answer = known.get(tail)
            if answer.__class__ is not bytes:
                answer = slow(station, identity + tail, name.tobytes())
                if answer is None:
                    continue
            outbox.put(framed(identity, answer, name) if raw is not None else identity + answer, name)
        if outbox.count:
            outbox.flush((raw or station.datagrams).fileno())
