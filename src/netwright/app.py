"""The engine put together: the only module that names concrete classes."""

import hashlib
import logging
import secrets
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from netwright.api import openapi
from netwright.api.routes.absent import routes as absent_routes
from netwright.api.routes.containers import ContainerBackends, ContainerRoutes
from netwright.api.routes.events import EventRoutes
from netwright.api.routes.executions import ExecutionRoutes
from netwright.api.routes.firewall import FirewallRoutes
from netwright.api.routes.images import ImageRoutes
from netwright.api.routes.names import NameRoutes
from netwright.api.routes.networks import NetworkRoutes
from netwright.api.routes.publishing import PublishingRoutes
from netwright.api.routes.sources import SourceRoutes
from netwright.api.routes.system import About, SystemBackends, SystemRoutes
from netwright.api.routes.upkeep import UpkeepRoutes
from netwright.api.routes.volumes import VolumeRoutes
from netwright.api.server import Server
from netwright.api.translate.containers import Shown
from netwright.config import Config
from netwright.containers.assembly import Services, Settings, assemble
from netwright.containers.cgroups import Cgroups
from netwright.containers.files import HOSTNAME, HOSTS, RESOLV_CONF, NameSettings, NetworkFiles
from netwright.containers.layout import Layout
from netwright.containers.processes import become_reaper, raise_file_limit
from netwright.containers.upkeep import Upkeep
from netwright.controller.engine import EngineSettings, NetworkEngine, has_ipv6, host_ports
from netwright.controller.naming.names import NameRules
from netwright.controller.predefined import DefaultBridge
from netwright.errors import InvalidInput, NotFound
from netwright.firewall.api import FirewallSettings
from netwright.firewall.iptables import IptablesBackend
from netwright.firewall.nftables import NftablesBackend
from netwright.insight.check import Check
from netwright.insight.explain import Explain
from netwright.ipam.default_bridge import DefaultBridgeAddresses
from netwright.ipam.subnets import Source, sources_with
from netwright.kernel import large_pages
from netwright.kernel.firewalld import DBusFirewalld
from netwright.kernel.legacy_feed import LegacyFeed
from netwright.kernel.linux import LinuxHost
from netwright.kernel.resolved import DBusResolved
from netwright.kernel.ruleset_feed import RulesetFeed
from netwright.kernel.stack_feed import StackFeed
from netwright.model.addressing import IPAddress
from netwright.model.container import Container
from netwright.model.events import Event
from netwright.plugins.registry import LocalPlugins
from netwright.store.sqlite import SqliteStore
from netwright.telemetry.bus import Bus
from netwright.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_BACKENDS: dict[str, type[NftablesBackend] | type[IptablesBackend]] = {
    "iptables": IptablesBackend,
    "nftables": NftablesBackend,
}
_GROUP_BASE = 0x4E570000
"""The upper half of our link groups, the letters NW; the lower half is the engine's own."""


async def build(config: Config) -> "Engine":
    """Return an engine for a configuration. Nothing on the machine has changed yet."""
    identity = engine_identity(config.data_root)
    host = LinuxHost(exec_root=str(config.exec_root), group=link_group(identity))
    store = SqliteStore(config.data_root / "netwright.db")
    bus, metrics = Bus(), Metrics()
    network = NetworkEngine(
        network_settings(config, identity),
        store=store,
        host=host,
        bus=bus,
        ports=await host_ports(host),
        host_has_ipv6=await has_ipv6(host),
        plugins=LocalPlugins(),
    )
    firewalld = DBusFirewalld()
    if config.iptables or config.ip6tables:
        # Where no rule of ours stands, what passes is for the administrator to say, and firewalld is his.
        network.zones.use(firewalld)
    resolved = DBusResolved()
    network.link_dns.use(resolved)
    services = assemble(
        container_settings(config, identity, network), store=store, sandboxes=network.sandboxes, host=host, bus=bus
    )
    return Engine(
        config,
        identity,
        Parts(
            host=host,
            stack_feed=StackFeed(link_group(identity)),
            ruleset_feed=RulesetFeed(host.own_processes),
            legacy_feed=LegacyFeed(),
            firewalld=firewalld,
            resolved=resolved,
            store=store,
            bus=bus,
            metrics=metrics,
            network=network,
            services=services,
        ),
    )


def engine_identity(data_root: Path) -> str:
    """Return the id that this data-root's engine has for ever; made at its first start."""
    path = data_root / "engine-id"
    if not path.exists():
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(secrets.token_hex(16) + "\n")
        fresh.replace(path)
    return path.read_text().strip()


def link_group(identity: str) -> int:
    """Return the link group that tags the links of an engine."""
    return _GROUP_BASE | (int.from_bytes(hashlib.sha256(identity.encode()).digest()[:2], "big") | 1)


def cgroup_tag(identity: str) -> str:
    """Return the name of the cgroup in which those of an engine's containers lie."""
    return identity[:12]


def network_settings(config: Config, identity: str) -> EngineSettings:
    """Return what the options say to the network engine."""
    firewall = FirewallSettings(
        instance=identity[:6],
        ipv4=config.iptables,
        ipv6=config.ip6tables,
        proxied=config.firewall_backend == "iptables" and config.userland_proxy,
        deny_metadata=config.deny_metadata,
    )
    return EngineSettings(
        identity=identity,
        group=link_group(identity),
        netns_directory=str(config.exec_root / "netns"),
        sources=sources_with([Source(pool.base, pool.size) for pool in config.default_address_pools], identity),
        default_bridge=default_bridge(config),
        firewall=firewall,
        # Where no rules are wanted, this one knows how to leave everything as it is.
        backend_name=config.firewall_backend if config.iptables or config.ip6tables else NftablesBackend.name,
        backends=_BACKENDS,
        ip_forward=config.ip_forward,
        guard_forwarding=not config.ip_forward_no_drop,
        direct_routing=config.allow_direct_routing,
        publish_from=config.publish_from,
        lenient_options=config.lenient_network_options,
        host_names=config.host_names,
        names=NameRules(
            default_bridge=config.default_bridge_names,
            ttl=config.dns_ttl,
            servers=config.dns,
            options=config.dns_opts,
            host=config.host_gateway_ips,
        ),
    )


def _remove_tree(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def default_bridge(config: Config) -> DefaultBridge:
    """Return what the options say of docker0."""
    return DefaultBridge(
        device=config.bridge,
        addresses=DefaultBridgeAddresses(
            bip=config.bip,
            bip6=config.bip6,
            fixed=config.fixed_cidr,
            fixed6=config.fixed_cidr_v6,
            gateway=config.default_gateway,
            gateway6=config.default_gateway_v6,
        ),
        ipv6=config.ipv6,
        icc=config.icc,
        masquerade=config.ip_masq,
        binding=str(config.ip),
        mtu=config.mtu,
    )


def container_settings(config: Config, identity: str, network: NetworkEngine) -> Settings:
    """Return what the options say to the containers."""

    def host_gateways() -> Sequence[IPAddress]:
        return config.host_gateway_ips or network.default_gateways()

    names = NameSettings(
        dns=config.dns,
        dns_options=config.dns_opts,
        dns_search=config.dns_search,
        host_gateways=host_gateways,
        default_bridge_names=config.default_bridge_names,
        source=str(config.resolv_conf or ""),
    )
    return Settings(
        data_root=config.data_root,
        exec_root=config.exec_root,
        tag=cgroup_tag(identity),
        runtime=config.default_runtime,
        names=names,
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    host: LinuxHost
    stack_feed: StackFeed
    ruleset_feed: RulesetFeed
    legacy_feed: LegacyFeed
    firewalld: DBusFirewalld
    resolved: DBusResolved
    store: SqliteStore
    bus: Bus
    metrics: Metrics
    network: NetworkEngine
    services: Services


class Engine:
    """A whole engine: network, containers, API."""

    def __init__(self, config: Config, identity: str, parts: Parts) -> None:
        self._config = config
        self._identity = identity
        self._with = parts
        self._layout = Layout(data_root=config.data_root, exec_root=config.exec_root)
        self._files = NetworkFiles(self._layout, NameSettings())

    async def start(self) -> None:
        """Bring machine and store to agree, and take up what lives."""
        become_reaper()
        raise_file_limit()
        self._with.bus.watch(self._count)
        await self._with.network.start()
        # What comes between hearing and looking is heard.
        self._with.stack_feed.start(self._with.network.hear)
        self._with.network.foreign.follow()
        self._with.ruleset_feed.start(self._with.network.hear)
        self._with.legacy_feed.start(self._with.network.hear)
        await self._with.network.overlaps.look()
        await self._with.network.zones.start()
        self._with.network.link_dns.start()
        self._with.network.healing.start()
        await self._with.services.containers.restore()
        threading.Thread(target=large_pages.gather, name="large-pages", daemon=True).start()

    def _count(self, event: Event) -> None:
        self._with.metrics.event(event.type, event.action)

    async def stop(self) -> None:
        """Leave containers running or stop them, as `live_restore` says; close everything of this process."""
        if self._config.live_restore:
            await self._with.services.containers.close()
        else:
            await self._with.services.containers.stop_all(self._config.shutdown_timeout)
            await self._with.services.containers.close()
        self._with.stack_feed.close()
        self._with.ruleset_feed.close()
        self._with.legacy_feed.close()
        self._with.network.close()
        self._with.firewalld.close()
        self._with.resolved.close()
        self._with.bus.close()
        self._with.host.close()
        self._with.store.close()
        Cgroups(cgroup_tag(self._identity)).remove_parents()

    async def reload(self, config: Config) -> None:
        """Go on with another configuration; only reloadable options differ, and they are read where they are used."""
        self._config = config

    async def uninstall(self) -> None:
        """Remove containers, networks, rules, ports and files of this engine from the machine."""
        become_reaper()
        containers = self._with.services.containers
        await self._with.network.start()
        await containers.restore()
        for container in containers.list():
            await containers.remove(container.id, force=True, volumes=True)
        await containers.close()
        await self._with.network.uninstall()
        self._with.network.close()
        self._with.firewalld.close()
        self._with.resolved.close()
        self._with.host.close()
        self._with.store.close()
        self._remove_files()
        Cgroups(cgroup_tag(self._identity)).remove_parents()

    def _remove_files(self) -> None:
        """Remove what the engine keeps in both roots; whatever else lies there is not its own and stays."""
        data, run, layout = self._config.data_root, self._config.exec_root, self._layout
        for directory in (layout.containers, layout.layers, layout.scratch, layout.volumes, run / "netns"):
            _remove_tree(directory)
        for directory in (layout.bundles, layout.runtime_root, layout.sockets):
            _remove_tree(directory)
        for name in ("netwright.db", "netwright.db-wal", "netwright.db-shm", "engine-id"):
            (data / name).unlink(missing_ok=True)
        for name in ("keeper.sock", "keeper.log", "resolver.sock", "resolver.log"):
            (run / name).unlink(missing_ok=True)

    def runner(self, *, shutdown_timeout: float) -> web.BaseRunner:
        """Return what serves the API."""
        services, network = self._with.services, self._with.network
        system = SystemBackends(
            containers=services.containers,
            images=services.images,
            bus=self._with.bus,
            metrics=self._with.metrics,
            about=self._about,
            measure=self._measure,
            faults=network.faults,
        )
        containers = ContainerBackends(
            containers=services.containers,
            executions=services.executions,
            show=self._show,
            network_name=self._network_name,
        )
        networks = NetworkRoutes(
            network.networks,
            network.sandboxes,
            services.containers,
            self._config.network_options,
            network.condition.of,
        )
        routes = [
            *SystemRoutes(system).routes(),
            *EventRoutes(self._with.bus).routes(),
            *ContainerRoutes(containers).routes(),
            *ExecutionRoutes(services.executions).routes(),
            *ImageRoutes(services.images).routes(),
            *VolumeRoutes(services.volumes).routes(),
            *networks.routes(),
            *PublishingRoutes(services.containers, network.sandboxes).routes(),
            *self._firewall_routes().routes(),
            *SourceRoutes(network.source_sets).routes(),
            *UpkeepRoutes(Upkeep(network.diagnosis, services.containers)).routes(),
            *NameRoutes(services.containers, network.name_questions).routes(),
        ]
        answers = Server([*routes, openapi.route(routes), *absent_routes()], self._with.metrics)
        return answers.runner(shutdown_timeout=shutdown_timeout)

    def _network_name(self, reference: str) -> str:
        """Return the name of a network, however it is named; what is no network keeps what it is called."""
        try:
            return self._with.network.networks.get(reference).name
        except (NotFound, InvalidInput):
            return reference

    def _firewall_routes(self) -> FirewallRoutes:
        network = self._with.network
        check = Check(network.firewall, network.sandboxes, self._with.host)
        return FirewallRoutes(self._explain(), check, self._script, network.healing.everything)

    def _explain(self) -> Explain:
        """Return what explains packets."""
        services, network, config = self._with.services, self._with.network, self._config
        settings = network_settings(config, self._identity).firewall
        return Explain(services.containers, network.sandboxes, network.firewall, self._with.host, settings)

    def _script(self) -> str:
        """Return the rules that should stand; for families that are left to the administrator, what it takes there."""
        firewall = replace(network_settings(self._config, self._identity).firewall, ipv4=True, ipv6=True)
        return self._with.network.firewall.script(_BACKENDS[self._config.firewall_backend](firewall))

    async def _measure(self) -> None:
        """Ask for figures that are kept elsewhere, before they are shown."""
        self._with.metrics.names((await self._with.network.name_questions.counts()).values())
        self._with.metrics.degraded(len(self._with.network.faults()))

    def _show(self, container: Container) -> Shown:
        """Return all that is shown of a container."""
        sandboxes = self._with.network.sandboxes
        try:
            attachments, key = sandboxes.attachments(container.sandbox), sandboxes.path(container.sandbox)
        except NotFound:
            # It joined another's network stack, and the other is removed: what it holds leads nowhere.
            attachments, key = (), ""
        paths = self._files.paths(container.joins or container.id)
        exposed = attachments[0].sandbox.exposed if attachments and not container.joins else container.config.exposed
        if attachments and not container.joins:
            # What is published may have changed since the container was made: the stack knows.
            container = replace(container, host=replace(container.host, ports=attachments[0].sandbox.ports))
        published = tuple(request.port for request in container.host.ports)
        return Shown(
            container=container,
            attachments=attachments,
            sandbox_key=key,
            hostname_path=paths[HOSTNAME],
            hosts_path=paths[HOSTS],
            resolv_path=paths[RESOLV_CONF],
            log_path=str(self._layout.log(container.id)),
            directories=self._directories(container),
            exposed=tuple(dict.fromkeys((*exposed, *published))),
            executions=[execution.id for execution in self._with.services.executions.of(container.id)],
            degraded=self._with.network.condition.of(container.sandbox),
        )

    def _directories(self, container: Container) -> dict[str, str]:
        """Return where a container's root file system lies, under overlayfs's names; the topmost layer comes first."""
        layout = self._layout
        return {
            "LowerDir": ":".join(str(layout.layer(digest)) for digest in reversed(container.layers)),
            "MergedDir": str(layout.root(container.id)),
            "UpperDir": str(layout.upper(container.id)),
            "WorkDir": str(layout.work(container.id)),
        }

    def _about(self) -> About:
        runtime = self._with.services.runtime
        return About(
            engine_id=self._identity,
            data_root=str(self._config.data_root),
            firewall=self._config.firewall_backend,
            runtime=Path(runtime).name,
            runtimes={Path(runtime).name: runtime},
            labels=tuple(f"{key}={value}" for key, value in self._config.labels),
            pools=tuple((str(pool.base), pool.size) for pool in self._config.default_address_pools),
            live_restore=self._config.live_restore,
            debug=self._config.debug,
        )
