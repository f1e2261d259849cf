"""Which networks this host is directly on, for published ports that only neighbours may use (`lan` in `Sources`).

Routes without a router say it, but for those through our own bridges. They come and go with interfaces; the firewall
follows what the kernel tells of them. The same news tells of bridges of others, which a host that we have made a router
of has to leave alone.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from netwright.controller.afterwards import Afterwards
from netwright.controller.firewall.writer import Firewall
from netwright.controller.own_links import OwnLinks
from netwright.firewall.intent import LanIntent, StrangersIntent
from netwright.host.notices import LinkDown, Notice, NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.protocol import Host
from netwright.host.queries import Link, Links, Route, Routes

WIDEST = 8
"""A shorter prefix is no neighbourhood: a VPN's halves of the Internet are routes without a router, too."""


class Lan:
    """Keeps the firewall told of them."""

    def __init__(self, links: OwnLinks, host: Host, firewall: Firewall, *, group: int) -> None:
        """Begin; `group` tags the links of this engine, whatever they are called."""
        self._group = group
        self._links = links
        self._host = host
        self._firewall = firewall
        self._looking = Afterwards(self.follow, "the firewall does not know the neighbours of this host")

    async def learn(self) -> None:
        """Look before the firewall is made for the first time."""
        self._firewall.lan = await self._look()

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; nothing is awaited."""
        match notice:
            case RouteAppeared(route) | RouteVanished(route):
                if route.on_link and route.link not in self._links.of_networks():
                    self._looking.soon()
            case LinkDown(link):
                if self._links.endpoint(link) is None and link not in self._links.of_networks():
                    self._looking.soon()
            case NoticesMissed():
                self._looking.soon()

    def close(self) -> None:
        """Follow no more."""
        self._looking.close()

    async def follow(self) -> None:
        """Look again, and have the firewall know what has changed."""
        await self._firewall.follow(await self._look())

    async def _look(self) -> tuple[LanIntent | StrangersIntent, ...]:
        own = self._links.of_networks()
        near = lan_of(await self._host.ask(Routes(but_through=own)), own)
        return (*near, *strangers_of(await self._host.ask(Links()), self._group))


def strangers_of(links: Iterable[Link], group: int) -> tuple[StrangersIntent, ...]:
    """Return the bridges among links that we have not made, the same for each family.

    What of ours is about to be deleted has left the group of our links, but for the lower half of its number.
    """
    others = (link.name for link in links if link.kind == "bridge" and (link.group ^ group) & 0xFFFF)
    bridges = tuple(sorted(others))
    return tuple(StrangersIntent(version=version, bridges=bridges) for version in (4, 6))


def lan_of(routes: Iterable[Route], own: Iterable[str]) -> tuple[LanIntent, ...]:
    """Return what the routes of a host say of its neighbours, but for those through interfaces of ours."""
    ours = frozenset(own)
    near = [
        route.destination
        for route in routes
        if route.on_link and route.link not in ours and route.destination.prefixlen >= WIDEST
    ]
    of4 = collapse_addresses(network for network in near if isinstance(network, IPv4Network))
    of6 = collapse_addresses(network for network in near if isinstance(network, IPv6Network))
    return LanIntent(version=4, networks=tuple(of4)), LanIntent(version=6, networks=tuple(of6))
