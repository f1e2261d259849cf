"""What the network engine tells the world: Docker's network events, once each, and two of our own."""

import time
from collections.abc import Mapping, Sequence

from netwright.controller.api import Attachment
from netwright.ipam.overlap import Overlap
from netwright.model.events import Event
from netwright.model.network import Network
from netwright.telemetry.bus import Bus


class NetworkEvents:
    """Speaks of networks on the bus."""

    def __init__(self, bus: Bus, engine: str) -> None:
        self._bus = bus
        self._engine = engine

    def created(self, network: Network) -> None:
        """Tell that a network was made."""
        self._say("create", network)

    def destroyed(self, network: Network) -> None:
        """Tell that a network was removed."""
        self._say("destroy", network)

    def connected(self, attachment: Attachment) -> None:
        """Tell that an endpoint is on its network."""
        self._say("connect", attachment.network, container=attachment.sandbox.owner)

    def disconnected(self, attachment: Attachment) -> None:
        """Tell that an endpoint has left its network."""
        self._say("disconnect", attachment.network, container=attachment.sandbox.owner)

    def overlapped(self, network: Network, overlap: Overlap) -> None:
        """Tell that a route of the host leads where a network is; Docker has no event for it."""
        route = overlap.route
        gateway = {} if route.gateway is None else {"gateway": str(route.gateway)}
        where = {"route": str(route.destination), "interface": route.link, "subnet": str(overlap.subnet)}
        self._say("overlap", network, **where, **gateway)

    def pruned(self) -> None:
        """Tell that unused networks have been removed."""
        self._publish("prune", "", {"reclaimed": "0"})

    def repaired(self, what: Sequence[str]) -> None:
        """Tell that something of ours that others had changed was put back; Docker has no event for it."""
        attributes = {"name": "netwright", "repaired": "; ".join(what)}
        self._bus.publish(
            Event(type="daemon", action="repair", actor=self._engine, attributes=attributes, time=time.time_ns())
        )

    def _say(self, action: str, network: Network, **more: str) -> None:
        self._publish(action, network.id, {**more, "name": network.name, "type": network.driver})

    def _publish(self, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        self._bus.publish(Event(type="network", action=action, actor=actor, attributes=attributes, time=time.time_ns()))
