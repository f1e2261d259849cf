"""The routes of this host that are not ours: what a new network's subnet must keep clear of.

A host of hundreds of networks has a route through each, and to read them all takes longer than to make one network.
So what was read is kept for as long as the kernel tells of no change to it. A route that appears in the very moment
between is told a moment later, and answered by a warning (`controller.addresses.overlaps`).
"""

from collections.abc import Sequence

from netwright.controller.own_links import OwnLinks
from netwright.host.notices import LinkDown, Notice, NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.protocol import Host
from netwright.host.queries import Route, Routes


class ForeignRoutes:
    """Asks for them where it does not know them."""

    def __init__(self, links: OwnLinks, host: Host) -> None:
        self._links = links
        self._host = host
        self._followed = False
        self._known: Sequence[Route] | None = None
        self._changes = 0

    def follow(self) -> None:
        """Rely on hearing of every change from now on; before, nothing is kept."""
        self._followed = True

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; nothing is awaited."""
        match notice:
            case RouteAppeared(route) | RouteVanished(route) if not self._is_own(route.link):
                self.forget()
            case LinkDown(link) if not self._is_own(link):
                self.forget()
            case NoticesMissed():
                self.forget()

    def forget(self) -> None:
        """Ask anew next time: a route has changed, or an interface that stays has changed hands."""
        self._known = None
        self._changes += 1

    async def look(self) -> Sequence[Route]:
        """Return the routes of both families, but for those through the interfaces of our networks."""
        if self._known is not None:
            return self._known
        changes = self._changes
        found = await self._host.ask(Routes(but_through=frozenset(self._links.of_networks())))
        if self._followed and self._changes == changes:
            self._known = found
        return found

    def _is_own(self, link: str) -> bool:
        return self._links.network(link) is not None or self._links.endpoint(link) is not None
