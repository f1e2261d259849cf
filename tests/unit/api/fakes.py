"""An engine in memory for the API's tests: all that stands behind the routes, without a machine."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from aiohttp import web
from tests.unit.api.fake_containers import FakeContainers, FakeExecutions
from tests.unit.api.fake_images import FakeImages, FakeVolumes
from tests.unit.api.fake_names import FakeNames
from tests.unit.api.fake_networks import FakeNetworks, FakeSandboxes

from netwright.api.routes.absent import routes as absent_routes
from netwright.api.routes.containers import ContainerBackends, ContainerRoutes
from netwright.api.routes.events import EventRoutes
from netwright.api.routes.executions import ExecutionRoutes
from netwright.api.routes.images import ImageRoutes
from netwright.api.routes.names import NameRoutes
from netwright.api.routes.networks import NetworkRoutes
from netwright.api.routes.system import SystemBackends, SystemRoutes
from netwright.api.routes.table import Route
from netwright.api.routes.volumes import VolumeRoutes
from netwright.api.server import Server
from netwright.api.translate.containers import Shown
from netwright.api.translate.engine import About
from netwright.errors import NotFound
from netwright.model.container import (
    Container,
)
from netwright.model.events import Event
from netwright.model.names import short
from netwright.telemetry.bus import Bus
from netwright.telemetry.metrics import Metrics


class FakeEngine:
    """Everything that stands behind the API."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.images = FakeImages()
        self.volumes = FakeVolumes()
        self.sandboxes = FakeSandboxes(self)
        self.networks = FakeNetworks(self)
        self.containers = FakeContainers(self)
        self.executions = FakeExecutions(self)
        self.questions = FakeNames()
        self.metrics = Metrics()
        self.clock = 1_700_000_000_000_000_000

    def say(self, kind: str, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        """Publish an event, each a second after the one before."""
        self.clock += 1_000_000_000
        self.bus.publish(Event(type=kind, action=action, actor=actor, attributes=attributes, time=self.clock))

    def show(self, row: Container) -> Shown:
        """Return all that is shown of a container."""
        folder = f"/var/lib/netwright/containers/{row.id}"
        return Shown(
            container=row,
            attachments=self.sandboxes.items.get(row.sandbox, []),
            sandbox_key=f"/run/netwright/netns/{short(row.sandbox)}",
            hostname_path=f"{folder}/hostname",
            hosts_path=f"{folder}/hosts",
            resolv_path=f"{folder}/resolv.conf",
            log_path=f"{folder}/log",
            directories={"UpperDir": f"{folder}/diff"},
            exposed=tuple(dict.fromkeys((*row.config.exposed, *(request.port for request in row.host.ports)))),
            executions=[item.id for item in self.executions.of(row.id)],
        )

    def network_name(self, reference: str) -> str:
        """Return the name of a network, however it is named."""
        with contextlib.suppress(NotFound):
            return self.networks.get(reference).name
        return reference

    def about(self) -> About:
        """Return what the engine says of itself."""
        return About(
            engine_id="feed" * 8,
            data_root="/var/lib/netwright",
            firewall="nftables",
            runtime="runc",
            runtimes={"runc": "/usr/sbin/runc"},
            labels=("rack=7",),
        )

    async def measure(self) -> None:
        """Count names, as if the resolver had been asked."""
        self.metrics.names((await self.questions.counts()).values())

    def application(self, *more: Route) -> web.Application:
        """Return the API, with some routes more."""
        system = SystemBackends(
            containers=self.containers,
            images=self.images,
            bus=self.bus,
            metrics=self.metrics,
            about=self.about,
            measure=self.measure,
        )
        containers = ContainerBackends(
            containers=self.containers, executions=self.executions, show=self.show, network_name=self.network_name
        )
        networks = NetworkRoutes(self.networks, self.sandboxes, self.containers, lambda _: {})
        routes = [
            *more,
            *SystemRoutes(system).routes(),
            *EventRoutes(self.bus).routes(),
            *ContainerRoutes(containers).routes(),
            *ExecutionRoutes(self.executions).routes(),
            *ImageRoutes(self.images).routes(),
            *VolumeRoutes(self.volumes).routes(),
            *networks.routes(),
            *NameRoutes(self.containers, self.questions).routes(),
            *absent_routes(),
        ]
        return Server(routes, self.metrics).application()


@contextlib.asynccontextmanager
async def served(engine: FakeEngine, path: Path, *more: Route) -> AsyncIterator[FakeEngine]:
    """Serve an engine on a unix socket as the daemon does."""
    runner = web.AppRunner(engine.application(*more), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path)).start()
        yield engine
    finally:
        await runner.cleanup()
        await engine.containers.close()
