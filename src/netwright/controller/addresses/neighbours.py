"""Neighbours on a wire, and containers whose addresses lie in that wire's own IPv6 prefix.

A host with one /64, and no router that would send it a part of that, can still give containers addresses of it: a
routed network on a smaller prefix inside. Machines on the wire then take the containers for neighbours and call for
them there (neighbour solicitation, RFC 4861), where nobody hears. So this host answers in their place: for every
address of an open endpoint, on every interface whose prefix holds it, and for no other address. Such a subnet has no
other use and no automatic one ever lies there, so nobody has to ask for it.

The kernel forgets these entries when an interface goes down; they are made again when its route is back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from netwright.controller.api import Attachment
from netwright.controller.own_links import OwnLinks
from netwright.drivers.api import Driver
from netwright.host.notices import Notice, NoticesMissed, RouteAppeared
from netwright.host.ops import Op, ProxyNeighbour, UnproxyNeighbour
from netwright.host.protocol import Host
from netwright.host.queries import Links
from netwright.model.addressing import IPAddress, IPInterface


class Neighbours:
    """Knows what this host must answer for; `switch_on` lets an interface do it."""

    def __init__(
        self,
        links: OwnLinks,
        drivers: Mapping[str, Driver],
        host: Host,
        switch_on: Callable[[str], Awaitable[None]],
    ) -> None:
        self._links = links
        self._drivers = drivers
        self._host = host
        self._switch_on = switch_on

    def addresses(self, items: Sequence[Attachment]) -> list[IPAddress]:
        """Return the addresses of endpoints that neighbours may call for."""
        return [
            address
            for item in items
            for address in self._drivers[item.network.driver].called_for(item.network, item.endpoint)
        ]

    async def answers(self, items: Sequence[Attachment]) -> list[Op]:
        """Return what lets the neighbours of this host find endpoints; asks the machine only where there can be any."""
        wanted = self.addresses(items)
        if not wanted:
            return []
        prefixes = await self._prefixes()
        found = [
            ProxyNeighbour(link=link, address=address)
            for address in wanted
            for link, own in prefixes
            if address in own.network
        ]
        for link in dict.fromkeys(op.link for op in found):
            await self._switch_on(link)
        return list(found)

    async def _prefixes(self) -> list[tuple[str, IPInterface]]:
        """Return the IPv6 prefixes of the host's wires; not those of networks."""
        own = self._links.of_networks()
        return [
            (link.name, address)
            for link in await self._host.ask(Links())
            if link.up and link.name not in own
            for address in link.addresses
            if address.version == 6 and not address.is_link_local
        ]

    def silences(self, items: Sequence[Attachment]) -> list[Op]:
        """Return what has nobody answer for endpoints any more."""
        return [UnproxyNeighbour(address=address) for address in self.addresses(items)]

    def are_concerned(self, notice: Notice) -> bool:
        """Tell whether a notice may mean that an interface of the host has a prefix that it had not."""
        match notice:
            case RouteAppeared(route):
                return route.on_link and route.destination.version == 6 and route.link not in self._links.of_networks()
            case NoticesMissed():
                return True
        return False
