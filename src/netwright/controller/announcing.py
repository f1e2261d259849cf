"""Whether the neighbours of an endpoint must be told who has its addresses now.

An announcement (gratuitous ARP, unsolicited neighbour advertisement) is for those who know the address by another MAC
address, or wait for its owner to come back. It is a broadcast, which the kernel hands to every port of the bridge: on
one of a thousand it costs more processor time than all else that attaching an endpoint takes. Addresses that were given
back rest (`ipam.addresses`), so that most endpoints get one that nobody on their network can have heard of.

Of which addresses that is true is known of networks that were made in this engine's life, whose bridges are theirs
alone: on others anything may have been heard. Where a user says in options how addresses are announced, it is done so.
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from netwright.controller.api import Attachment
from netwright.controller.own_links import OwnLinks
from netwright.drivers.api import Driver
from netwright.host.notices import Notice, NoticesMissed, PortAppeared
from netwright.host.ops import AnnounceAddress
from netwright.model.addressing import IPAddress
from netwright.model.names import Id
from netwright.model.network import Network

REMEMBERED = 1 << 14
"""How many addresses of a network are kept in mind; of one that has used more, none counts as unheard of."""


class Announcing:
    """Knows which addresses have been heard of, by network."""

    def __init__(self, drivers: Mapping[str, Driver], links: OwnLinks) -> None:
        self._drivers = drivers
        self._links = links
        self._heard: dict[Id, set[IPAddress]] = {}

    def begin(self, network: Network) -> None:
        """Keep account of a network from its making on; not of one whose bridge stood there before."""
        if not network.adopted:
            self._heard[network.id] = set()

    def end(self, network: Id) -> None:
        """Keep account no longer; content where none is kept."""
        self._heard.pop(network, None)

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; where others have a port anything may have been heard."""
        match notice:
            case PortAppeared(bridge):
                if (network := self._links.network(bridge)) is not None:
                    self.end(network.id)
            case NoticesMissed():
                self._heard.clear()

    def ops(self, items: Sequence[Attachment], netns: str) -> list[AnnounceAddress]:
        """Return what tells the neighbours of endpoints that come now, and count their addresses as heard of."""
        return [op for item in items for op in self._of(item, netns)]

    def _of(self, item: Attachment, netns: str) -> list[AnnounceAddress]:
        driver, network = self._drivers[item.network.driver], item.network
        ops = driver.announce(network, item.endpoint, netns)
        heard = self._heard.get(network.id)
        if heard is None or driver.is_told_to_announce(network):
            return list(ops)
        due = [structs.replace(op, addresses=news) for op in ops if (news := known(op.addresses, heard))]
        heard.update(*(op.addresses for op in ops))
        if len(heard) > REMEMBERED:
            self.end(network.id)
        return due


def known(addresses: Sequence[IPAddress], heard: set[IPAddress]) -> tuple[IPAddress, ...]:
    """Return the addresses of which somebody may have heard before."""
    return tuple(address for address in addresses if address in heard)
