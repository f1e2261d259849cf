"""What a machine tells by itself, as frozen values: routes that come and go, what others do to rules and links."""

from dataclasses import dataclass

from netwright.host.queries import Route


@dataclass(frozen=True, slots=True)
class RouteAppeared:
    """A route is there now; it may have been there before, with something else about it."""

    route: Route


@dataclass(frozen=True, slots=True)
class RouteVanished:
    """A route is no more."""

    route: Route


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A link is down or gone, and with it every route through it: of those the kernel need not tell one by one."""

    link: str


@dataclass(frozen=True, slots=True)
class AddressVanished:
    """A link has lost an address."""

    link: str


@dataclass(frozen=True, slots=True)
class ForwardingOff:
    """The host forwards packets of an IP version no more."""

    version: int


@dataclass(frozen=True, slots=True)
class Place:
    """Something in nftables that was changed: a table, as `family name`, or a chain, set or map in it.

    iptables' own tables are `ip filter`, `ip6 nat` and the like. `lost` says that something of it is gone: itself, or
    rules or elements in it.
    """

    table: str
    name: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """Somebody else has changed these places, in one transaction."""

    places: frozenset[Place]


@dataclass(frozen=True, slots=True)
class NoticesMissed:
    """More happened than could be told: only a look at everything shows what."""


Notice = RouteAppeared | RouteVanished | LinkDown | AddressVanished | ForwardingOff | RulesChanged | NoticesMissed
