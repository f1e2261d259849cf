"""What sandboxes are called and which names they see, and what a change of shape does to names. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from netwright.controller.api import Attachment
from netwright.controller.gateways import Gateways, choose, gateway_of
from netwright.controller.requests import DEFAULT_BRIDGE
from netwright.dns.zone import Joined, Member, View
from netwright.host.ops import Op, PublishNames, ServeNames, SetNameView, StopNames, WithdrawNames
from netwright.model.addressing import IPAddress
from netwright.model.names import short
from netwright.model.network import Network, SandboxKind

_NAMELESS = frozenset(("host", "null"))
"""Drivers whose networks have no names."""

TTL = 5
"""Seconds for which a name may be remembered, where no option says otherwise (Docker says 600)."""


class NameRules(Struct, frozen=True, kw_only=True):
    """What the daemon's options say of names.

    `servers` and `options` are for sandboxes that have none of their own (`--dns`, `--dns-opt`); `host` are the
    addresses of host.docker.internal.
    """

    default_bridge: bool = False
    ttl: int = TTL
    servers: tuple[IPAddress, ...] = ()
    options: tuple[str, ...] = ()
    host: tuple[IPAddress, ...] = ()

    def has_names(self, network: Network) -> bool:
        """Tell whether the endpoints of a network have names there."""
        return network.driver not in _NAMELESS and (self.default_bridge or network.name != DEFAULT_BRIDGE)


def names_of(item: Attachment) -> tuple[str, ...]:
    """Return the names of an endpoint: container name, aliases, short id, hostname; each once, in Docker's order."""
    sandbox = item.sandbox
    names = (sandbox.name, *item.endpoint.spec.aliases, short(sandbox.owner), sandbox.hostname)
    return tuple(dict.fromkeys(name for name in names if name))


def member(item: Attachment) -> Member:
    """Return what others may know of an endpoint."""
    addresses = (item.endpoint.ipv4, item.endpoint.ipv6)
    return Member(
        network=item.network.id,
        endpoint=item.endpoint.id,
        names=names_of(item),
        addresses=tuple(address.ip.packed for address in addresses if address is not None),
    )


def members(shape: Sequence[Attachment], rules: NameRules) -> list[Member]:
    """Return what others may know of a sandbox."""
    return [member(item) for item in shape if rules.has_names(item.network)]


def view(shape: Sequence[Attachment], rules: NameRules) -> View | None:
    """Return what a sandbox may ask, or None where it has no resolver of ours: it is on no network with names."""
    named = any(rules.has_names(item.network) for item in shape)
    return view_anyway(shape, rules) if named and shape[0].sandbox.kind is SandboxKind.OWN else None


def view_anyway(shape: Sequence[Attachment], rules: NameRules) -> View:
    """Return what a sandbox may ask, whatever networks it is on; for one that has a resolver, as its resolv.conf says.

    Networks are searched by gateway priority, then in the order in which they were declared.
    """
    nearest = sorted(shape, key=lambda item: (-item.endpoint.spec.gateway_priority, item.endpoint.order))
    gateways = choose(shape)
    ways = [way for way in map(gateways.of, (4, 6)) if way is not None and not way.network.internal]
    sandbox = shape[0].sandbox
    return View(
        networks=tuple(_joined(item) for item in nearest if rules.has_names(item.network)),
        servers=tuple(map(str, sandbox.servers or rules.servers)),
        egress=bool(ways),
        ndots=any(option.startswith("ndots:") for option in sandbox.dns_options or rules.options),
        host=_packed(rules.host if ways else _own_gateways(shape)),
        gateway=_packed(_gateways(gateways) if ways else ()),
        ttl=rules.ttl,
        title=sandbox.name,
    )


def _gateways(chosen: Gateways) -> list[IPAddress]:
    """Return the routers of a sandbox."""
    found = []
    for version in (4, 6):
        way = chosen.of(version)
        router = gateway_of(way.endpoint, version) if way is not None else None
        if router is not None:
            found.append(router)
    return found


def _joined(item: Attachment) -> Joined:
    links = {}
    for link in item.endpoint.spec.links:
        target, _, alias = link.partition(":")
        links[alias or target] = target
    return Joined(id=item.network.id, name=item.network.name, links=links)


def _own_gateways(shape: Sequence[Attachment]) -> list[IPAddress]:
    """Return the host's addresses on the networks themselves: those that a sandbox without a way out can reach."""
    return [pool.gateway for item in shape for pool in item.network.pools if pool.gateway is not None]


def _packed(addresses: Iterable[IPAddress]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(address.packed for address in addresses))


class NameChange(Struct, frozen=True):
    """Operations on names: what goes before the interfaces do, and what comes when they are up."""

    first: tuple[Op, ...] = ()
    last: tuple[Op, ...] = ()


def difference(before: Sequence[Attachment], after: Sequence[Attachment], netns: str, rules: NameRules) -> NameChange:
    """Return what the step from one shape of a sandbox to another does to names."""
    kept = {id(item) for item in before} & {id(item) for item in after}
    old, new = (
        {one.endpoint: one for one in members([item for item in shape if id(item) not in kept], rules)}
        for shape in (before, after)
    )
    first: list[Op] = [WithdrawNames(member=one) for key, one in old.items() if key not in new]
    last: list[Op] = [PublishNames(member=one, former=old.get(key)) for key, one in new.items() if old.get(key) != one]
    saw, sees = view(before, rules), view(after, rules)
    if not after:
        if before and before[0].sandbox.kind is SandboxKind.OWN:
            first.append(StopNames(netns=netns, former=saw))
    elif sees is not None and saw is None:
        last.append(ServeNames(netns=netns, view=sees))
    elif saw is not None and sees != saw:
        # A sandbox that has left its last network with names asks on, as its resolv.conf says: it finds none.
        last.append(SetNameView(netns=netns, view=sees or view_anyway(after, rules), undo=saw))
    return NameChange(tuple(first), tuple(last))
