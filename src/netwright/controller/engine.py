"""The network engine as a whole: its parts put together, started and taken down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from msgspec import structs

from netwright.controller.addresses.addressing import Addressing
from netwright.controller.addresses.foreign_routes import ForeignRoutes
from netwright.controller.addresses.ipam_plugins import IpamPlugins
from netwright.controller.addresses.leases import Leases
from netwright.controller.addresses.neighbours import Neighbours
from netwright.controller.addresses.overlaps import Overlaps
from netwright.controller.addresses.remote_ipam import RemoteIpam
from netwright.controller.afterwards import Afterwards
from netwright.controller.announcing import Announcing
from netwright.controller.events import NetworkEvents
from netwright.controller.firewall.backend import settle
from netwright.controller.firewall.forwarding import Forwarding
from netwright.controller.firewall.lan import Lan
from netwright.controller.firewall.source_sets import SourceSets
from netwright.controller.firewall.writer import Firewall
from netwright.controller.firewall.zones import Zones
from netwright.controller.naming.host_names import HostNames
from netwright.controller.naming.link_dns import LinkDns
from netwright.controller.naming.names import NameRules
from netwright.controller.naming.questions import NameQuestions
from netwright.controller.networks import NetworkCollaborators, Networks
from netwright.controller.own_links import OwnLinks
from netwright.controller.predefined import DefaultBridge, Predefined
from netwright.controller.publishing import Publishing
from netwright.controller.repair.condition import FIREWALL, NAMES, Condition
from netwright.controller.repair.diagnosis import Diagnosis, DiagnosisCollaborators
from netwright.controller.repair.healing import Healing, HealingCollaborators
from netwright.controller.repair.leftovers import Leftovers
from netwright.controller.repair.restore import Restoration
from netwright.controller.requests import DEFAULT_BRIDGE
from netwright.controller.reservations import Reservations
from netwright.controller.sandboxes import Collaborators, Sandboxes
from netwright.controller.shape import Means
from netwright.controller.state import State
from netwright.controller.teardown import carry_out_all
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.drivers.option_names import OptionNames
from netwright.errors import NetwrightError, TeardownFailed
from netwright.firewall.api import Backend, FirewallSettings
from netwright.host.notices import Notice
from netwright.host.ops import Op, ReleasePort
from netwright.host.protocol import Host
from netwright.host.queries import HasIPv6, HeldPorts, NamesServed, ReadFile
from netwright.ipam.api import Ipam
from netwright.ipam.builtin import BuiltinIpam
from netwright.ipam.by_driver import IpamByDriver
from netwright.ipam.null import NullIpam
from netwright.ipam.subnets import Source
from netwright.model.addressing import IPAddress
from netwright.model.listener import Listener
from netwright.model.names import Id
from netwright.model.network import Network
from netwright.model.sources import EVERYBODY, Sources
from netwright.plugins.api import NoPlugins, Plugins
from netwright.publish.allocate import HostPorts, RelayPolicy
from netwright.store.api import Store
from netwright.telemetry.bus import Bus

_EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range"
_AVOIDED = "/proc/sys/net/ipv4/ip_local_reserved_ports"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What of the daemon's options concerns the network engine.

    `identity` is the engine's id. `group` is the link group that tags the links of this engine. `backends` make a
    firewall once it is known what must be guarded; `backend_name` is the one to use.
    """

    identity: str
    group: int
    netns_directory: str
    sources: tuple[Source, ...]
    default_bridge: DefaultBridge
    firewall: FirewallSettings
    backend_name: str
    backends: Mapping[str, Callable[[FirewallSettings], Backend]]
    ip_forward: bool = True
    guard_forwarding: bool = True
    direct_routing: bool = False
    publish_from: Sources = EVERYBODY
    lenient_options: bool = False
    host_names: tuple[Listener, ...] = ()
    names: NameRules = field(default_factory=NameRules)
    """Where it says nothing of the host's addresses, those of the default bridge are meant."""

    def backend(self, firewall: FirewallSettings) -> Backend:
        """Return the backend to use."""
        return self.backends[self.backend_name](firewall)


class NetworkEngine:
    """Networks and sandboxes on one machine."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        store: Store,
        host: Host,
        bus: Bus,
        ports: HostPorts,
        host_has_ipv6: bool,
        plugins: Plugins | None = None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._store = store
        self._state = State(store)
        self._state.load()
        self._forwarding = Forwarding(store, host)
        self._forwarding.load()
        leases = Leases(store)
        leases.load()
        own: dict[str, Ipam] = {"default": BuiltinIpam(settings.sources, self._name_of), "null": NullIpam()}
        self._ipam_plugins = IpamPlugins(plugins or NoPlugins(), leases, self._state)
        self._addressing = Addressing(
            IpamByDriver(own), own, RemoteIpam(self._ipam_plugins, leases, self._state, self._name_of)
        )
        self._drivers = builtin(
            BridgeSettings(
                group=settings.group,
                loopback_by_nat=settings.firewall.ipv4 and not settings.firewall.proxied,
                direct=settings.direct_routing,
            )
        )
        firewall = settings.firewall
        relays = RelayPolicy(
            always4=firewall.proxied or not firewall.ipv4, always6=firewall.proxied or not firewall.ipv6
        )
        self._publishing = Publishing(
            ports, self._drivers, relays=relays, host_has_ipv6=host_has_ipv6, sources=settings.publish_from
        )
        self._reservations = Reservations(self._addressing, self._drivers)
        means = Means(self._drivers, relays, self._name_rules)
        self.firewall = Firewall(settings.backend(settings.firewall), self._state, self._drivers, host)
        leftovers = Leftovers(self.firewall)
        events, names = NetworkEvents(bus, settings.identity), OptionNames(lenient=settings.lenient_options)
        links = OwnLinks(self._state, self._drivers)
        neighbours = Neighbours(links, self._drivers, host, self._answer)
        self._announcing = Announcing(self._drivers, links)
        self.foreign = ForeignRoutes(links, host)
        self.overlaps = Overlaps(self._state, self._drivers, links, host, events)
        self.zones = Zones(self._state, self._drivers, host, self.firewall)
        listeners = tuple(dict.fromkeys(settings.host_names))
        host_names = HostNames(listeners, self._state, host, self._name_rules)
        self.link_dns = LinkDns(listeners, self._state, links, host, settings.names)
        self.networks = Networks(
            NetworkCollaborators(
                state=self._state,
                host=host,
                drivers=self._drivers,
                addressing=self._addressing,
                firewall=self.firewall,
                leftovers=leftovers,
                events=events,
                announcing=self._announcing,
                links=links,
                foreign=self.foreign,
                overlaps=self.overlaps,
                forward=self._forward,
                names=names,
                zones=self.zones,
                host_names=host_names,
                link_dns=self.link_dns,
            )
        )
        self.source_sets = SourceSets(self._state, self.firewall, host, settings.publish_from)
        self._collaborators = Collaborators(
            state=self._state,
            host=host,
            means=means,
            reservations=self._reservations,
            firewall=self.firewall,
            leftovers=leftovers,
            publishing=self._publishing,
            events=events,
            names=names,
            neighbours=neighbours,
            announcing=self._announcing,
            host_names=host_names,
            source_sets=self.source_sets,
            netns_directory=settings.netns_directory,
        )
        self.sandboxes = Sandboxes(self._collaborators)
        self._finding = Afterwards(self.sandboxes.be_found, "neighbours may not find containers of routed networks")

        self._lan = Lan(links, host, self.firewall, group=settings.group)
        self.condition = Condition()
        self._restoration = Restoration(self._collaborators, self.sandboxes, self.condition, group=settings.group)
        leftovers.sweep = self._restoration.sweep
        self.healing = Healing(
            HealingCollaborators(
                state=self._state,
                host=host,
                drivers=self._drivers,
                links=links,
                firewall=self.firewall,
                forwarding=self._forwarding,
                sandboxes=self.sandboxes,
                restoration=self._restoration,
                condition=self.condition,
                events=events,
            )
        )
        self.diagnosis = Diagnosis(
            DiagnosisCollaborators(
                state=self._state,
                host=host,
                firewall=self.firewall,
                forwarding=self._forwarding,
                restoration=self._restoration,
                healing=self.healing,
                condition=self.condition,
                events=events,
            )
        )

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; nothing is awaited."""
        self.foreign.hear(notice)
        self.overlaps.hear(notice)
        self._lan.hear(notice)
        self._announcing.hear(notice)
        self.link_dns.hear(notice)
        self.healing.hear(notice)
        if self._collaborators.neighbours.are_concerned(notice):
            self._finding.soon()

    def close(self) -> None:
        """Stop what is under way in the background; the machine stays as it is."""
        self._ipam_plugins.close()
        self.overlaps.close()
        self._lan.close()
        self.firewall.close()
        self.healing.close()
        self.zones.close()
        self.link_dns.close()
        self._finding.close()

    @property
    def name_questions(self) -> NameQuestions:
        """What can be asked about names."""
        settings = self._settings
        return NameQuestions(self.sandboxes, self._host, settings.netns_directory, settings.host_names)

    def _name_rules(self) -> NameRules:
        rules = self._settings.names
        return rules if rules.host else structs.replace(rules, host=self.default_gateways())

    def faults(self) -> list[str]:
        """Return in words what is out of order and could not be put right."""
        names = {row.id: f"network {row.name}" for row in self._state.networks.values()}
        names.update({row.id: row.name for row in self._state.sandboxes.values()})
        names.update({FIREWALL: "the firewall", NAMES: "names in containers"})
        return [
            f"{names[owner]}: {fault}"
            for owner, faults in self.condition.all().items()
            if owner in names
            for fault in faults
        ]

    def default_gateways(self) -> tuple[IPAddress, ...]:
        """Return the host's addresses on the default bridge, under which sandboxes reach the host."""
        bridge = self._state.network_called(DEFAULT_BRIDGE)
        return () if bridge is None else tuple(pool.gateway for pool in bridge.pools if pool.gateway is not None)

    async def start(self) -> None:
        """Make the machine agree with the rows, and see to the engine's own networks. Raises what refuses a start."""
        self._restore_addresses()
        predefined = Predefined(
            self._settings.default_bridge,
            store=self._store,
            state=self._state,
            host=self._host,
            networks=self.networks,
            reservations=self._reservations,
            group=self._settings.group,
        )
        await predefined.check()
        await settle(self._store, self._host, self._settings.backend_name, self._backends())
        await self._note_forwarding()
        await self._lan.learn()
        self.link_dns.note(await self._host.ask(NamesServed(self._settings.netns_directory)))
        await self.source_sets.ensure_default()
        await self._restoration.run()
        await self._lan.follow()  # what was swept was no neighbour
        self._restore_ports()
        if self._settings.ip_forward:
            await self._forwarding.switch_on()
        await predefined.ensure()
        self._ipam_plugins.restore()

    def _backends(self) -> Mapping[str, Backend]:
        return {name: make(self._settings.firewall) for name, make in self._settings.backends.items()}

    def _restore_addresses(self) -> None:
        """Fill IPAM, which is derived from the rows."""
        networks = [network for network in self._state.networks.values() if not network.config_only]
        self._addressing.restore(networks, self._state.endpoints.values())

    def _restore_ports(self) -> None:
        """Fill the index of host ports: from the stacks that are open once the lost ones are known."""
        for sandbox in self._state.sandboxes.values():
            if sandbox.open:
                self._publishing.restore(self.sandboxes.attachments(sandbox.id))

    def _name_of(self, sandbox: Id) -> str:
        """Return the name by which a user knows a sandbox; one that is just being made has none yet."""
        row = self._state.sandboxes.get(sandbox)
        return row.name if row is not None else "a container that is being created"

    async def _note_forwarding(self) -> None:
        """Note what the host does not forward yet and the networks need; before the firewall is made."""
        if not self._settings.ip_forward:
            return
        await self._forwarding.note(4)
        if any(_is_routed(network, 6) for network in self._state.networks.values()):
            await self._forwarding.note(6)
        self._guard()

    async def _forward(self, network: Network) -> None:
        """Let the host forward what a new network needs, behind a firewall that guards against the rest."""
        if self._settings.ip_forward and _is_routed(network, 6) and await self._forwarding.note(6):
            self._guard()
            await self.firewall.install()
            await self._forwarding.switch_on()

    async def _answer(self, link: str) -> None:
        if self._settings.ip_forward:
            await self._forwarding.answer(link)

    def _guard(self) -> None:
        """Have the firewall drop what this host did not forward before us, where we may make rules."""
        if self._settings.guard_forwarding:
            firewall = self._settings.firewall
            guarded = replace(
                firewall,
                guard_forwarding4=firewall.ipv4 and self._forwarding.guards(4),
                guard_forwarding6=firewall.ipv6 and self._forwarding.guards(6),
            )
            self.firewall.use(self._settings.backend(guarded))

    async def uninstall(self) -> None:
        """After `start`, take everything of ours from the machine: stacks, networks, rules, ports, switches.

        Reports all failures.
        """
        failures: list[BaseException] = []
        bridges = self.zones.bridges()
        try:
            await self.link_dns.uninstall()
        except NetwrightError as failure:
            failures.append(failure)
        for sandbox in self.sandboxes.list():
            try:
                await self.sandboxes.delete(sandbox.id)
            except NetwrightError as failure:
                failures.append(failure)
        for network in self.networks.list():
            try:
                await self.networks.unmake(network)
            except NetwrightError as failure:
                failures.append(failure)
        held = await self._host.ask(HeldPorts())
        release: list[Op] = [ReleasePort(protocol=p.protocol, address=p.address, port=p.port) for p in held]
        failures.extend(await carry_out_all(self._host, release))
        await self.firewall.uninstall()
        await self._restoration.sweep()
        await self._forwarding.restore()
        try:
            await self.zones.uninstall(bridges)
        except NetwrightError as failure:
            failures.append(failure)
        if failures:
            raise TeardownFailed("not everything could be removed", failures)


def _is_routed(network: Network, version: int) -> bool:
    """Tell whether the host routes a family of a network."""
    wanted = network.ipv6 if version == 6 else network.ipv4
    return wanted and not network.internal and not network.config_only


async def host_ports(host: Host) -> HostPorts:
    """Return an empty index of host ports with the host's ephemeral range (ip-sysctl: ip_local_port_range)."""
    text = await host.ask(ReadFile(_EPHEMERAL))
    first, last = map(int, (text or "32768 60999").split())
    avoided: set[int] = set()
    for part in (await host.ask(ReadFile(_AVOIDED)) or "").strip().split(","):
        low, _, high = part.partition("-")
        if low:
            avoided.update(range(int(low), int(high or low) + 1))
    return HostPorts(ephemeral=range(first, last + 1), avoided=frozenset(avoided))


async def has_ipv6(host: Host) -> bool:
    """Tell whether this host speaks IPv6."""
    return await host.ask(HasIPv6())
