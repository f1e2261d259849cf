"""What a machine tells by itself: routes that come and go, as frozen values."""

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
class NoticesMissed:
    """More happened than could be told: only a look at all routes shows what."""


Notice = RouteAppeared | RouteVanished | LinkDown | NoticesMissed
