"""Why a packet arrives, or does not: the walk through the policy, for words that a user would use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from netwright.controller.api import Attachment
from netwright.errors import InvalidInput
from netwright.firewall.api import FirewallSettings
from netwright.firewall.intent import Intent
from netwright.firewall.policy import Policy
from netwright.firewall.simulate import Attempt, Surroundings, Walk, walk
from netwright.host.protocol import Host
from netwright.host.queries import IptablesRules, Link, Links, NftTables, Route, Routes, Sysctl
from netwright.insight.others import SWITCHES, notes
from netwright.insight.question import HOST, Target, parse_sender, parse_target
from netwright.model.addressing import IPAddress
from netwright.model.container import Container
from netwright.model.names import Id


class Containers(Interface):
    """What an explanation needs of the containers."""

    def get(self, reference: str) -> Container:
        """Return a container. Raises NotFound."""


class Sandboxes(Interface):
    """What an explanation needs of the network stacks."""

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        """Return a stack's endpoints."""


class Firewall(Interface):
    """What an explanation needs of the firewall."""

    def intents(self) -> list[Intent]:
        """Return all that should be true of traffic."""

    @property
    def own_tables(self) -> Sequence[str]:
        """The nftables tables that are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What becomes of a packet, and who else may have a say."""

    attempt: Attempt
    walk: Walk
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What there is: the policy, and this host's interfaces and routes."""

    policy: Policy
    links: Sequence[Link]
    routes: Sequence[Route]

    def bridge_of(self, address: IPAddress) -> str:
        """Return the bridge on which a container's address is."""
        network = self.policy.network_of(address)
        return "" if network is None else network.bridge

    @property
    def own(self) -> set[IPAddress]:
        """This host's addresses."""
        return {interface.ip for link in self.links for interface in link.addresses}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """Where a packet starts: an address, and the interface of this host that it comes in by ("" for this host)."""

    address: IPAddress
    interface: str


class Explain:
    """Explains what becomes of packets."""

    def __init__(
        self,
        containers: Containers,
        sandboxes: Sandboxes,
        firewall: Firewall,
        host: Host,
        settings: FirewallSettings,
    ) -> None:
        self._containers = containers
        self._sandboxes = sandboxes
        self._firewall = firewall
        self._host = host
        self._settings = settings

    async def explain(self, sender: str, target: str) -> Explanation:
        """Explain what becomes of the first packet from a sender to a target. Raises InvalidInput, NotFound."""
        asked, who = parse_target(target), parse_sender(sender)
        links, routes = await self._host.ask(Links()), await self._host.ask(Routes())
        scene = _Scene(policy=Policy.of(self._firewall.intents()), links=links, routes=routes)
        start = self._start(who, asked, scene)
        address = asked.address or self._address(asked, start, scene)
        if address.version != start.address.version:
            raise InvalidInput(f"{start.address} and {address} are of different families: they cannot meet")
        attempt = Attempt(
            interface=start.interface, source=start.address, address=address, protocol=asked.protocol, port=asked.port
        )
        settings = self._settings
        around = Surroundings(own=scene.own, proxied=settings.proxied, deny_metadata=settings.deny_metadata)
        found = walk(scene.policy, attempt, around)
        return Explanation(attempt=attempt, walk=found, notes=tuple(await self._notes(address.version)))

    def _start(self, who: IPAddress | str, asked: Target, scene: _Scene) -> _Start:
        if isinstance(who, str):
            version = 4 if asked.address is None else asked.address.version
            if who == HOST:
                return _Start(address=_first_own(scene.links, version), interface="")
            return self._container(who, asked, version, scene)
        if who in scene.own:
            return _Start(address=who, interface="")
        way = _longest(scene.routes, who)
        if way is None:
            raise InvalidInput(f"no route of this host leads to {who}: no answer could reach it")
        return _Start(address=who, interface=way.link)

    def _container(self, name: str, asked: Target, version: int, scene: _Scene) -> _Start:
        """Return where a container sends from: from the network that it shares with the target, if there is one."""
        own = self._attachments(name)
        other = {item.network.id for item in self._attachments(asked.name)} if asked.name else set()
        item = next((item for item in own if item.network.id in other), own[0])
        wanted = item.endpoint.ipv4 if version == 4 else item.endpoint.ipv6
        address = wanted or item.endpoint.ipv4 or item.endpoint.ipv6
        if address is None:
            raise InvalidInput(f"container {name} has no address on network {item.network.name}")
        return _Start(address=address.ip, interface=scene.bridge_of(address.ip))

    def _address(self, asked: Target, start: _Start, scene: _Scene) -> IPAddress:
        """Return the address that is meant where none is written: a container's, or this host's towards the sender."""
        version = start.address.version
        if not asked.name:
            facing = [link for link in scene.links if link.name == start.interface]
            return _first_own(facing or scene.links, version)
        addresses = [
            interface.ip
            for item in self._attachments(asked.name)
            for interface in (item.endpoint.ipv4, item.endpoint.ipv6)
            if interface is not None and interface.version == version
        ]
        if not addresses:
            raise InvalidInput(f"container {asked.name} has no IPv{version} address")
        shared = [address for address in addresses if scene.bridge_of(address) == start.interface]
        return (shared or addresses)[0]

    def _attachments(self, name: str) -> Sequence[Attachment]:
        found = self._sandboxes.attachments(self._containers.get(name).sandbox)
        if not found or not found[0].sandbox.open:
            raise InvalidInput(f"container {name} does not run: it sends and gets nothing")
        return found

    async def _notes(self, version: int) -> list[str]:
        own = set(self._firewall.own_tables)
        tables = [table for table in await self._host.ask(NftTables()) if table not in own]
        filters: Mapping[int, str | None] = {version: await self._host.ask(IptablesRules(version, "filter"))}
        key = SWITCHES[version]
        return notes(tables=tables, filters=filters, sysctls={key: await self._host.ask(Sysctl(key))})


def _first_own(links: Sequence[Link], version: int) -> IPAddress:
    """Return the first address of a host's own that others can use. Raises InvalidInput where there is none."""
    for link in links:
        for interface in link.addresses:
            if interface.version == version and not (interface.ip.is_loopback or interface.ip.is_link_local):
                return interface.ip
    raise InvalidInput(f"this host has no IPv{version} address there: name one")


def _longest(routes: Sequence[Route], address: IPAddress) -> Route | None:
    """Return the route that leads to an address: the longest prefix that holds it."""
    fitting = [r for r in routes if r.destination.version == address.version and address in r.destination]
    return max(fitting, key=lambda route: route.destination.prefixlen, default=None)
