"""The routes of the engine itself: ping, version, info, events, metrics."""

import asyncio
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from aiohttp import web

from netwright import __version__
from netwright.api.call import Call, answer
from netwright.api.filters import Filters
from netwright.api.moments import parse_moment, rfc3339
from netwright.api.routes.table import Route
from netwright.api.versions import NEWEST, OLDEST
from netwright.api.wire import system as wire
from netwright.api.wire.shape import encode
from netwright.model.container import Container, Image, Status
from netwright.model.events import Event
from netwright.telemetry.bus import Bus
from netwright.telemetry.metrics import CONTENT_TYPE, Metrics


class Containers(Protocol):
    """What these routes need of the containers."""

    def list(self) -> Sequence[Container]:
        """Return all containers."""


class Images(Protocol):
    """What these routes need of the images."""

    def list(self) -> Sequence[Image]:
        """Return all images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of this engine and its machine once it has started."""

    engine_id: str
    data_root: str
    firewall: str
    runtime: str
    runtimes: dict[str, str]
    cgroup_version: str
    labels: tuple[str, ...] = ()
    pools: tuple[tuple[str, int], ...] = ()
    live_restore: bool = True
    debug: bool = False
    drivers: tuple[str, ...] = ("bridge", "host", "null")
    memory: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBackends:
    """What these routes need."""

    containers: Containers
    images: Images
    bus: Bus
    metrics: Metrics
    about: Callable[[], About]


_EVENT_FILTERS = (
    "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
    "service", "type", "volume",
)  # fmt: skip


class SystemRoutes:
    """Answers about the engine."""

    def __init__(self, backends: SystemBackends) -> None:
        self._with = backends

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/_ping", self.ping),
            Route("HEAD", "/_ping", self.ping),
            Route("GET", "/version", self.version),
            Route("GET", "/info", self.info),
            Route("GET", "/events", self.events),
            Route("GET", "/metrics", self.metrics),
            Route("GET", "/system/df", self.disk_usage),
        ]

    async def ping(self, call: Call) -> web.StreamResponse:
        """Say that the engine is up, and which API it speaks."""
        headers = {
            "Builder-Version": "",
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Swarm": "inactive",
        }
        text = "" if call.request.method == "HEAD" else "OK"
        return web.Response(text=text, headers=headers, content_type="text/plain", charset="utf-8")

    async def version(self, call: Call) -> web.StreamResponse:  # noqa: ARG002
        """Show versions."""
        kernel, arch = platform.release(), _go_architecture()
        details = {
            "ApiVersion": str(NEWEST),
            "Arch": arch,
            "KernelVersion": kernel,
            "MinAPIVersion": str(OLDEST),
            "Os": "linux",
        }
        return answer(
            wire.Version(
                platform=wire.Platform(name="Netwright"),
                components=[wire.Component(name="Engine", version=__version__, details=details)],
                version=__version__,
                api_version=str(NEWEST),
                min_api_version=str(OLDEST),
                git_commit="",
                go_version="",
                os="linux",
                arch=arch,
                kernel_version=kernel,
                build_time="",
            )
        )

    async def info(self, call: Call) -> web.StreamResponse:  # noqa: ARG002
        """Show the engine and its machine."""
        about = self._with.about()
        containers = self._with.containers.list()
        running = sum(container.state.status is Status.RUNNING for container in containers)
        shown = wire.Info(
            id=about.engine_id,
            containers=len(containers),
            containers_running=running,
            containers_paused=0,
            containers_stopped=len(containers) - running,
            images=len(self._with.images.list()),
            driver="overlay2",
            driver_status=[["Backing Filesystem", "overlayfs on the data-root's file system"]],
            plugins=wire.Plugins(
                volume=["local"], network=sorted(about.drivers), authorization=None, log=["json-file"]
            ),
            memory_limit=True,
            swap_limit=True,
            cpu_cfs_period=True,
            cpu_cfs_quota=True,
            cpu_shares=True,
            cpu_set=True,
            pids_limit=True,
            ipv4_forwarding=_sysctl_is_on("net/ipv4/ip_forward"),
            bridge_nf_iptables=_sysctl_is_on("net/bridge/bridge-nf-call-iptables"),
            bridge_nf_ip6tables=_sysctl_is_on("net/bridge/bridge-nf-call-ip6tables"),
            debug=about.debug,
            n_fd=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            oom_kill_disable=False,
            n_goroutines=len(asyncio.all_tasks()),
            system_time=rfc3339(datetime.now(UTC)),
            logging_driver="json-file",
            cgroup_driver="cgroupfs",
            cgroup_version=about.cgroup_version,
            n_events_listener=self._with.bus.subscribers,
            kernel_version=platform.release(),
            operating_system=platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
            os_version=platform.freedesktop_os_release().get("VERSION_ID", ""),
            os_type="linux",
            architecture=platform.machine(),
            index_server_address="https://index.docker.io/v1/",
            registry_config=wire.RegistryConfig(insecure_registry_cidrs=["127.0.0.0/8", "::1/128"]),
            ncpu=os.cpu_count() or 1,
            mem_total=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            generic_resources=None,
            docker_root_dir=about.data_root,
            http_proxy="",
            https_proxy="",
            no_proxy="",
            name=platform.node(),
            labels=list(about.labels),
            experimental_build=False,
            server_version=__version__,
            runtimes={name: wire.RuntimeShown(path=path) for name, path in about.runtimes.items()},
            default_runtime=about.runtime,
            swarm=wire.Swarm(),
            live_restore_enabled=about.live_restore,
            isolation="",
            init_binary="docker-init",
            containerd_commit=wire.Commit(),
            runc_commit=wire.Commit(),
            init_commit=wire.Commit(),
            security_options=["name=cgroupns"],
            default_address_pools=[wire.AddressPool(base=base, size=size) for base, size in about.pools] or None,
            firewall_backend=wire.FirewallBackend(driver=about.firewall),
            warnings=None,
        )
        return answer(shown)

    async def metrics(self, call: Call) -> web.StreamResponse:  # noqa: ARG002
        """Show figures for Prometheus."""
        return web.Response(body=self._with.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def disk_usage(self, call: Call) -> web.StreamResponse:  # noqa: ARG002
        """Show what images take on disk; containers and volumes are not measured."""
        images = self._with.images.list()
        size = sum(image.size for image in images)
        return answer({"LayersSize": size, "Images": [], "Containers": [], "Volumes": [], "BuildCache": []})

    async def events(self, call: Call) -> web.StreamResponse:
        """Show what happens, as it happens, from a past moment or until a coming one."""
        filters = call.filters(*_EVENT_FILTERS)
        since = parse_moment(call.text("since")) if call.text("since") else None
        until = parse_moment(call.text("until")) if call.text("until") else None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        with self._with.bus.subscribe(since=since) as subscription:
            await response.prepare(call.request)
            left = None if until is None else max(0.0, until / 1e9 - time.time())
            try:
                async with asyncio.timeout(left):
                    async for event in subscription:
                        if until is not None and event.time > until:
                            break
                        if _passes(event, filters):
                            await response.write(encode(_shown(event)) + b"\n")
            except TimeoutError:
                pass
        await response.write_eof()
        return response


def _go_architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _sysctl_is_on(key: str) -> bool:
    try:
        return Path(f"/proc/sys/{key}").read_text().strip() == "1"
    except OSError:
        return False


def _passes(event: Event, filters: Filters) -> bool:
    action = event.action.partition(":")[0]
    named = all(
        not filters.has(kind)
        or (
            event.type == kind
            and any(
                event.actor.startswith(value) or event.attributes.get("name") == value for value in filters.get(kind)
            )
        )
        for kind in ("network", "volume", "image")
    )
    return (
        filters.exact("type", event.type)
        and (filters.exact("event", action) or filters.exact("event", event.action))
        and filters.exact("scope", "local")
        and filters.labels(event.attributes)
        and named
        and _about_container(event, filters)
    )


def _about_container(event: Event, filters: Filters) -> bool:
    wanted = filters.get("container")
    if not wanted:
        return True
    identity = event.actor if event.type == "container" else event.attributes.get("container", "")
    name = event.attributes.get("name") if event.type == "container" else None
    return any((identity and identity.startswith(value)) or name == value for value in wanted)


def _shown(event: Event) -> wire.EventShown:
    old = event.type in {"container", "image"}
    return wire.EventShown(
        status=event.action if old else "",
        id=event.actor if old else "",
        origin=event.attributes.get("image", "") if event.type == "container" else "",
        type=event.type,
        action=event.action,
        actor=wire.Actor(id=event.actor, attributes=dict(event.attributes)),
        time=event.time // 1_000_000_000,
        time_nano=event.time,
    )
