"""What of a query is answered from the zone, and what is left to upstream. Pure."""

import random
from dataclasses import dataclass
from enum import Enum

from netwright.dns import wire
from netwright.dns.wire import Query, Record
from netwright.dns.zone import View, Zone

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


@dataclass(frozen=True, slots=True)
class Local:
    """An answer from the zone: records in one order or several, and how it came about, in words."""

    orders: tuple[tuple[Record, ...], ...]
    why: str
    clash: str = ""


def decide(zone: Zone, view: View, query: Query, *, upstream: bool, ndots: bool = False) -> Local | Elsewhere:
    """Return the answer to a query, or where it goes.

    `upstream` tells whether there are servers that this sandbox may ask; `ndots` that the host's resolv.conf says what
    names without a dot are for.
    """
    local = _from_zone(zone, view, query) if query.klass == wire.IN else None
    if local is not None:
        return local
    if not upstream:
        return Elsewhere.NOWHERE
    if (view.ndots or ndots) and query.kind in _ADDRESS_BYTES and "." not in query.name and query.name:
        return Local(((),), "a name without a dot that no network knows is not asked upstream where ndots is set")
    return Elsewhere.UPSTREAM


def _from_zone(zone: Zone, view: View, query: Query) -> Local | None:
    if query.kind == wire.PTR:
        return _reverse(zone, view, query)
    length = _ADDRESS_BYTES.get(query.kind, 0)
    if not length and query.kind not in _SILENT:
        return None
    found = zone.find(view, query.name)
    if found is None:
        return None
    records = [(query.kind, address) for address in found.addresses if len(address) == length]
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


def _reverse(zone: Zone, view: View, query: Query) -> Local | None:
    address = wire.reverse_address(query.name)
    name = zone.reverse(view, address) if address is not None else None
    if name is None:
        return None
    try:
        return Local((((wire.PTR, wire.encode_name(name)),),), "the address of an endpoint on a network of the sandbox")
    except ValueError:
        return None


def answers(local: Local, query: Query, ttl: int, *, datagram: bool) -> list[bytes]:
    """Return the messages that say a local answer, to be sent in turn."""
    limit = query.size if datagram else 0
    return [wire.respond(query, records, ttl, limit=limit) for records in local.orders]
