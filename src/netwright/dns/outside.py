"""What the host is answered that asks for the names of its containers. Pure.

It is on no network, or on all: so a name means something only where one container alone has it, and `NAME.NETWORK`
always does, also with `docker.internal` behind it.
"""

from netwright.dns.domains import SUFFIX, is_below
from netwright.dns.local import Elsewhere, Local, reverse, told
from netwright.dns.wire import IN, PTR, Query
from netwright.dns.zone import Found, View, Zone, ending


def decide(zone: Zone, view: View, query: Query) -> Local | Elsewhere:
    """Return the answer to a query of the host, or that there is none.

    A name that several containers have has no answer, only what it clashes with.
    """
    if query.klass != IN:
        return Elsewhere.FOREIGN
    if query.kind == PTR:
        return reverse(zone, view, query) or Elsewhere.FOREIGN
    found = _find(zone, view, query.name.lower())
    if found is None:
        return Elsewhere.ABSENT if is_below(view.networks, query.name) else Elsewhere.FOREIGN
    return Local((), found.where, found.clash) if found.clash else told(found, query.kind)


def _find(zone: Zone, view: View, wanted: str) -> Found | None:
    inner = wanted.removesuffix(SUFFIX)
    if inner == wanted and (found := zone.find_anywhere(view, wanted)) is not None:
        return found
    for item in ending(view.networks, inner):
        if (found := zone.find_on(item, inner[: -len(item.suffix)])) is not None:
            return found
    return None
