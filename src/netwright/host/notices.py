"""What a machine tells by itself, as frozen values: routes that come and go, what others do to rules and links."""

from msgspec import Struct

from netwright.host.queries import Route


class RouteAppeared(Struct, frozen=True):
    """A route is there now; it may have been there before, with something else about it."""

    route: Route


class RouteVanished(Struct, frozen=True):
    """A route is no more."""

    route: Route


class LinkDown(Struct, frozen=True):
    """A link is down or gone, and with it every route through it: of those the kernel need not tell one by one."""

    link: str


class PortAppeared(Struct, frozen=True):
    """A link that is not the engine's is a port of a bridge now; it may have been so before."""

    bridge: str


class AddressVanished(Struct, frozen=True):
    """A link has lost an address."""

    link: str


class ForwardingOff(Struct, frozen=True):
    """The host forwards packets of an IP version no more."""

    version: int


class Place(Struct, frozen=True):
    """Something in nftables that was changed: a table, as `family name`, or a chain, set or map in it.

    iptables' own tables are `ip filter`, `ip6 nat` and the like. `lost` says that something of it is gone: itself, or
    rules or elements in it.
    """

    table: str
    name: str = ""
    lost: bool = False


class RulesChanged(Struct, frozen=True):
    """Somebody else has changed these places, in one transaction."""

    places: frozenset[Place]


class NoticesMissed(Struct, frozen=True):
    """More happened than could be told: only a look at everything shows what."""


Notice = (
    RouteAppeared
    | RouteVanished
    | LinkDown
    | PortAppeared
    | AddressVanished
    | ForwardingOff
    | RulesChanged
    | NoticesMissed
)
