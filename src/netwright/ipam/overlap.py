"""Which routes of the host lead to addresses that networks have for their own. Pure.

Such a route takes something away from somebody: what lies behind it cannot be reached from the network's containers, or
this host does not reach them, whichever of the two is longer.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import accumulate

from netwright.host.queries import Route
from netwright.model.addressing import IPNetwork
from netwright.model.names import Id

CATCH_ALL = 7
"""Prefixes up to this length are default routes in disguise: nobody's network is so large.

A VPN that takes all traffic splits the default route so that its own is more specific: 0.0.0.0/1 and 128.0.0.0/1, or in
as many as eight parts up to 2.0.0.0/7; for IPv6 2000::/3 and fc00::/7.
"""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A route that leads into a network's subnet, or around it."""

    network: Id
    subnet: IPNetwork
    route: Route

    @property
    def key(self) -> tuple[Id, IPNetwork, str]:
        """What makes two overlaps one and the same: a route of another metric or gateway is no news."""
        return self.network, self.route.destination, self.route.link


class Subnets:
    """The subnets of networks, to be asked for what overlaps a prefix; they may overlap each other."""

    def __init__(self, owned: Iterable[tuple[IPNetwork, Id]]) -> None:
        by_version: dict[int, list[tuple[IPNetwork, Id]]] = {4: [], 6: []}
        for subnet, owner in owned:
            by_version[subnet.version].append((subnet, owner))
        self._families = {version: _Family(pairs) for version, pairs in by_version.items()}

    def overlaps(self, route: Route) -> list[Overlap]:
        """Return what a route overlaps; nothing where it stands for everything, or for what every link has."""
        if route.destination.prefixlen <= CATCH_ALL or route.destination.is_link_local:
            return []
        family = self._families[route.destination.version]
        return [Overlap(owner, subnet, route) for subnet, owner in family.within_or_around(route.destination)]


class _Family:
    """The subnets of one family, by their first address."""

    def __init__(self, owned: Collection[tuple[IPNetwork, Id]]) -> None:
        self._owned = sorted(owned, key=lambda pair: int(pair[0].network_address))
        self._starts = [int(subnet.network_address) for subnet, _ in self._owned]
        # How far the subnets up to each place reach: a walk to the left ends where nothing reaches the prefix any more.
        self._reach = list(accumulate((int(subnet.broadcast_address) for subnet, _ in self._owned), max))

    def within_or_around(self, prefix: IPNetwork) -> list[tuple[IPNetwork, Id]]:
        first, last = int(prefix.network_address), int(prefix.broadcast_address)
        found = []
        place = bisect_right(self._starts, last) - 1
        while place >= 0 and self._reach[place] >= first:
            if int(self._owned[place][0].broadcast_address) >= first:
                found.append(self._owned[place])
            place -= 1
        found.reverse()
        return found
