"""What a sandbox would be told of a name, and why, in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from netwright.dns import wire
from netwright.dns.local import Elsewhere, Local, decide
from netwright.dns.resolvconf import ResolvConf
from netwright.dns.upstream import of_view
from netwright.dns.wire import Query
from netwright.dns.zone import Joined, View, Zone, asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would be answered. `source` is `zone`, `upstream` or `nowhere`.

    `told` are the data of the records, in one of their orders. `clash` names another network that knows the name.
    """

    source: str
    why: str
    told: tuple[str, ...] = ()
    clash: str = ""
    servers: tuple[str, ...] = ()


def explain(
    zone: Zone, view: View, name: str, kind: str, host: ResolvConf, outside: Sequence[Joined] = ()
) -> Explanation:
    """Return what a program in a sandbox would be answered; `host` and `outside` as in `of_view` and `decide`.

    Raises ValueError for names and types that cannot be.
    """
    number = wire.KINDS.get(kind.upper())
    if number is None:
        raise ValueError(f"no type {kind}: ask for {', '.join(wire.KINDS)}")
    wire.encode_name(name)
    upstream = of_view(view, "sandbox", host)
    ndots = any(option.startswith("ndots:") for option in host.options)
    query = Query(0, 0, asked(name), number, wire.IN, b"")
    match decide(zone, view, query, upstream=bool(upstream.servers), ndots=ndots, outside=outside):
        case Local() as local:
            return Explanation(source="zone", why=local.why, told=_shown(local), clash=local.clash)
        case Elsewhere.UPSTREAM:
            where = "the container itself, as --dns says" if upstream.scope else "the host, as its resolv.conf says"
            why = f"no network of the container knows it: asked from {where}"
            return Explanation(source="upstream", why=why, servers=upstream.servers)
        case Elsewhere.ABSENT:
            return Explanation(source="nowhere", why="a name on a network that the container is not on: NXDOMAIN")
    way = "no name server is known" if view.egress or view.servers else "the container has no way out"
    return Explanation(source="nowhere", why=f"no network of the container knows it, and {way}: SERVFAIL")


def _shown(local: Local) -> tuple[str, ...]:
    return tuple(
        wire.decode_name(data) if kind == wire.PTR else str(ip_address(data)) for kind, data in local.orders[0]
    )
