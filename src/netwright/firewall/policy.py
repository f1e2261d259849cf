"""Intents as an index that answers questions about one packet at a time: what `firewall.simulate` walks through."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from netwright.firewall.intent import (
    EndpointIntent,
    GatewayMode,
    Intent,
    LanIntent,
    LinkIntent,
    NetworkIntent,
    PortIntent,
    SourceSetIntent,
    SourcesIntent,
    StrangersIntent,
)
from netwright.model.addressing import ANY_IPV4, ANY_IPV6, IPAddress, IPNetwork
from netwright.model.ports import Protocol

Socket = tuple[IPAddress, Protocol, int]
"""An address with a protocol and a port."""

_ANY: dict[int, IPAddress] = {4: ANY_IPV4, 6: ANY_IPV6}


@dataclass(slots=True)
class Policy:
    """What should be true of traffic, by what a packet asks."""

    networks: list[NetworkIntent] = field(default_factory=list)
    endpoints: dict[IPAddress, EndpointIntent] = field(default_factory=dict)
    published: dict[Socket, Socket] = field(default_factory=dict)
    opened: set[Socket] = field(default_factory=set)
    limits: dict[Socket, SourcesIntent] = field(default_factory=dict)
    links: set[tuple[IPAddress, IPAddress, Protocol, int]] = field(default_factory=set)
    lan: list[IPNetwork] = field(default_factory=list)
    sets: defaultdict[str, list[IPNetwork]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, intents: Iterable[Intent]) -> "Policy":
        """Return the index of intents."""
        policy = cls()
        for intent in intents:
            policy._add(intent)
        return policy

    def _add(self, intent: Intent) -> None:
        match intent:
            case NetworkIntent():
                self.networks.append(intent)
            case EndpointIntent():
                self.endpoints[intent.address] = intent
            case PortIntent():
                self._add_ports(intent)
            case SourcesIntent():
                for number in range(intent.first, intent.last + 1):
                    self.limits[intent.host_ip, intent.protocol, number] = intent
            case LinkIntent():
                self.links.add((intent.parent, intent.child, intent.protocol, intent.port))
            case LanIntent():
                self.lan.extend(intent.networks)
            case StrangersIntent():
                pass  # what they carry is not judged
            case SourceSetIntent():
                self.sets[intent.name].extend(intent.networks)

    def _add_ports(self, intent: PortIntent) -> None:
        for offset in range(intent.last - intent.first + 1):
            target = (intent.to_address, intent.protocol, intent.to_first + offset)
            self.opened.add(target)
            if intent.first and intent.mode is not GatewayMode.ROUTED:
                self.published[intent.host_ip, intent.protocol, intent.first + offset] = target

    def network_at(self, bridge: str, version: int) -> NetworkIntent | None:
        """Return the network of a family that stands on a bridge."""
        return next((net for net in self.networks if net.bridge == bridge and net.version == version), None)

    def network_of(self, address: IPAddress) -> NetworkIntent | None:
        """Return the network that an address is of."""
        return next((net for net in self.networks if net.version == address.version and address in net.subnet), None)

    def translation(self, address: IPAddress, protocol: Protocol, port: int) -> Socket | None:
        """Return where a port of the host leads, the exact address before the one that stands for all."""
        exact = self.published.get((address, protocol, port))
        return exact or self.published.get((_ANY[address.version], protocol, port))

    def limit(self, address: IPAddress, protocol: Protocol, port: int, *, local: bool) -> SourcesIntent | None:
        """Return what limits who may connect to a port at an address, of this host or of a routed container."""
        exact = self.limits.get((address, protocol, port))
        if exact is not None or not local:
            return exact
        return self.limits.get((_ANY[address.version], protocol, port))

    def only_on_loopback(self, address: IPAddress, protocol: Protocol, port: int) -> bool:
        """Tell whether a port is published on this IPv4 loopback address."""
        return address.version == 4 and address.is_loopback and (address, protocol, port) in self.published
