"""A warning where a route of the host and a network claim the same addresses: a VPN came up.

Every overlap is told once, until the route or the network goes. Routes through the bridges of networks are their own
and do not count; networks without an interface on this host share the neighbourhood of another and claim nothing.
"""

import logging
from collections.abc import Iterable, Mapping

from netwright.controller.afterwards import Afterwards
from netwright.controller.events import NetworkEvents
from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.host.notices import LinkDown, Notice, NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.protocol import Host
from netwright.host.queries import Route, Routes
from netwright.ipam.overlap import Overlap, Subnets
from netwright.model.names import Id
from netwright.model.network import Network

log = logging.getLogger(__name__)


class Overlaps:
    """Watches for routes of others that overlap our networks."""

    def __init__(
        self, state: State, drivers: Mapping[str, Driver], links: OwnLinks, host: Host, events: NetworkEvents
    ) -> None:
        self._state = state
        self._drivers = drivers
        self._links = links
        self._host = host
        self._events = events
        self._told: set[tuple[Id, object, str]] = set()
        self._looking = Afterwards(self.look, "the routes of this host cannot be compared with the networks")

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; nothing is awaited."""
        match notice:
            case RouteAppeared(route):
                self._consider([route], self._state.networks.values())
            case RouteVanished(route):
                self._told = {key for key in self._told if key[1:] != (route.destination, route.link)}
            case LinkDown(link):
                self._told = {key for key in self._told if key[2] != link}
            case NoticesMissed():
                self._looking.soon()

    def consider(self, network: Network, routes: Iterable[Route]) -> None:
        """Compare a new network with the routes that are there."""
        self._consider(routes, [network])

    async def look(self) -> None:
        """Compare all networks with all routes: at the start, and where something was missed."""
        routes = await self._host.ask(Routes())
        present = {(route.destination, route.link) for route in routes}
        self._told = {key for key in self._told if key[1:] in present}
        self._consider(routes, self._state.networks.values())

    def close(self) -> None:
        """Stop looking."""
        self._looking.close()

    def _consider(self, routes: Iterable[Route], networks: Iterable[Network]) -> None:
        own = self._links.of_networks()
        foreign = [route for route in routes if route.link not in own]
        if not foreign:
            return
        self._told = {key for key in self._told if key[0] in self._state.networks}
        subnets = Subnets(
            (pool.subnet, network.id) for network in networks if self._links.of(network.id) for pool in network.pools
        )
        for route in foreign:
            for overlap in subnets.overlaps(route):
                if not self._is_meant(overlap):
                    self._tell_once(overlap)

    def _is_meant(self, overlap: Overlap) -> bool:
        """Tell whether a network is a part of a wire's own prefix on purpose (`controller.addresses.neighbours`)."""
        network, subnet, route = self._state.networks[overlap.network], overlap.subnet, overlap.route
        inside = route.on_link and subnet.version == 6 and subnet.prefixlen > route.destination.prefixlen
        return inside and self._drivers[network.driver].is_routed(network, 6)

    def _tell_once(self, overlap: Overlap) -> None:
        if overlap.key in self._told:
            return
        self._told.add(overlap.key)
        network, route = self._state.networks[overlap.network], overlap.route
        way = f"via {route.gateway} dev {route.link}" if route.gateway is not None else f"dev {route.link}"
        log.warning(
            "network %s (%s) and the route to %s %s claim the same addresses: of what lies behind both only one is "
            "reached; make the network anew with another --subnet, or change the route",
            network.name,
            overlap.subnet,
            route.destination,
            way,
            extra={"network": network.id},
        )
        self._events.overlapped(network, overlap)
