"""What a sandbox, or the host, would be told of a name, and why, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from netwright.dns import wire
from netwright.dns.local import Elsewhere, Local, decide
from netwright.dns.outside import decide as decide_outside
from netwright.dns.resolvconf import ResolvConf
from netwright.dns.upstream import of_view
from netwright.dns.wire import Query
from netwright.dns.zone import Joined, View, Zone, asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would be answered. `source` is `zone`, `upstream` or `nowhere`.

    `told` are the data of the records, in one of their orders. `clash` names another network that knows the name. The
    host is never led to `upstream`: it has other servers to ask, which it does where it is refused.
    """

    source: str
    why: str
    told: tuple[str, ...] = ()
    clash: str = ""
    servers: tuple[str, ...] = ()


def explain(
    zone: Zone, view: View, name: str, kind: str, host: ResolvConf, outside: Sequence[Joined] = ()
) -> Explanation:
    """Return what a program in a sandbox, or where `view` says so the host, would be answered.

    `host` and `outside` are as in `of_view` and `decide`. Raises ValueError for names and types that cannot be.
    """
    query = question(name, kind)
    if view.outside:
        return _told_outside(decide_outside(zone, view, query))
    upstream = of_view(view, "sandbox", host)
    ndots = any(option.startswith("ndots:") for option in host.options)
    match decide(zone, view, query, upstream=bool(upstream.servers), ndots=ndots, outside=outside):
        case Local() as local:
            return _known(local)
        case Elsewhere.UPSTREAM:
            where = "the container itself, as --dns says" if upstream.scope else "the host, as its resolv.conf says"
            why = f"no network of the container knows it: asked from {where}"
            return Explanation(source="upstream", why=why, servers=upstream.servers)
        case Elsewhere.ABSENT:
            return Explanation(source="nowhere", why="a name on a network that the container is not on: NXDOMAIN")
    way = "no name server is known" if view.egress or view.servers else "the container has no way out"
    return Explanation(source="nowhere", why=f"no network of the container knows it, and {way}: SERVFAIL")


def question(name: str, kind: str) -> Query:
    """Return the query of a program that asks for a name. Raises ValueError for names and types that cannot be."""
    number = wire.KINDS.get(kind.upper())
    if number is None:
        raise ValueError(f"no type {kind}: ask for {', '.join(wire.KINDS)}")
    wire.encode_name(name)
    return Query(0, 0, asked(name), number, wire.IN, b"")


def _told_outside(decided: Local | Elsewhere) -> Explanation:
    match decided:
        case Local(clash=""):
            return _known(decided)
        case Local():
            why = f"{decided.why} and another one on network {decided.clash}: REFUSED, since it is told neither"
            return Explanation(source="nowhere", why=why, clash=decided.clash)
        case Elsewhere.ABSENT:
            return Explanation(source="nowhere", why="a name that only a container could have, and none has: NXDOMAIN")
    return Explanation(source="nowhere", why="no container has it: REFUSED, so that the host asks its other servers")


def _known(local: Local) -> Explanation:
    return Explanation(source="zone", why=local.why, told=_shown(local), clash=local.clash)


def _shown(local: Local) -> tuple[str, ...]:
    return tuple(
        wire.decode_name(data) if kind == wire.PTR else str(ip_address(data)) for kind, data in local.orders[0]
    )
