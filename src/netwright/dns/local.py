"""What of a query is answered from the zone, and what is left to upstream. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from netwright.dns import wire
from netwright.dns.domains import is_below
from netwright.dns.wire import Query, Record
from netwright.dns.zone import Found, Joined, View, Zone

SHUFFLES = 16
"""In how many orders several addresses are told, one after the other."""

_ADDRESS_BYTES = {wire.A: 4, wire.AAAA: 16}
_SILENT = frozenset({wire.MX, wire.HTTPS, wire.SVCB})
"""Types for which a name of ours is known to have nothing: who asks upstream is told that there is no such name."""


class Elsewhere(Enum):
    """Where a query goes that the zone does not answer."""

    UPSTREAM = "upstream"
    NOWHERE = "nowhere"
    """There is nobody to ask: the sandbox has no way out, or knows no server."""
    ABSENT = "absent"
    """It can be nobody's but ours, and is not."""
    FOREIGN = "foreign"
    """The host asks for what is none of ours: it has others to ask."""


@dataclass(frozen=True, slots=True)
class Local:
    """An answer from the zone: records in one order or several, and how it came about, in words."""

    orders: tuple[tuple[Record, ...], ...]
    why: str
    clash: str = ""


def decide(
    zone: Zone, view: View, query: Query, *, upstream: bool, ndots: bool = False, outside: Sequence[Joined] = ()
) -> Local | Elsewhere:
    """Return the answer to a query, or where it goes.

    `upstream` tells whether there are servers that this sandbox may ask; `ndots` that the host's resolv.conf says what
    names without a dot are for. `outside` are the networks whose names the host is told: its own resolver may ask us
    for them, and would so tell a sandbox of networks that are not its own.
    """
    local = _from_zone(zone, view, query) if query.klass == wire.IN else None
    if local is not None:
        return local
    if not upstream:
        return Elsewhere.NOWHERE
    if (view.ndots or ndots) and query.kind in _ADDRESS_BYTES and "." not in query.name and query.name:
        return Local(((),), "a name without a dot that no network knows is not asked upstream where ndots is set")
    if outside and not view.servers and is_below(outside, query.name):
        return Elsewhere.ABSENT
    return Elsewhere.UPSTREAM


def _from_zone(zone: Zone, view: View, query: Query) -> Local | None:
    if query.kind == wire.PTR:
        return reverse(zone, view, query)
    length = _ADDRESS_BYTES.get(query.kind, 0)
    if not length and query.kind not in _SILENT:
        return None
    found = zone.find(view, query.name)
    return None if found is None else told(found, query.kind)


def told(found: Found, kind: int) -> Local:
    """Return what is told of a name that is known: its addresses, or for other types nothing."""
    length = _ADDRESS_BYTES.get(kind, 0)
    records = [(kind, address) for address in found.addresses if len(address) == length]
    return Local(_orders(records), found.where, found.clash)


def _orders(records: list[Record]) -> tuple[tuple[Record, ...], ...]:
    """Return the orders in which records are told: each of a few first equally often, the rest by chance."""
    if len(records) < 2:
        return (tuple(records),)
    start = random.randrange(len(records))
    turned = records[start:] + records[:start]
    orders = []
    for turn in range(min(len(records), SHUFFLES)):
        rest = turned[:turn] + turned[turn + 1 :]
        random.shuffle(rest)
        orders.append((turned[turn], *rest))
    return tuple(orders)


def reverse(zone: Zone, view: View, query: Query) -> Local | None:
    """Return what an address on one of the networks is called."""
    address = wire.reverse_address(query.name)
    name = zone.reverse(view, address) if address is not None else None
    if name is None:
        return None
    try:
        return Local((((wire.PTR, wire.encode_name(name)),),), "the address of an endpoint")
    except ValueError:
        return None


def answers(local: Local, query: Query, ttl: int, *, datagram: bool) -> list[bytes]:
    """Return the messages that say a local answer, to be sent in turn."""
    limit = query.size if datagram else 0
    return [wire.respond(query, records, ttl, limit=limit) for records in local.orders]
