"""Putting the containers together, for whoever starts an engine."""

from dataclasses import dataclass, field
from pathlib import Path

from netwright.containers.announcements import Announcements
from netwright.containers.cgroups import Cgroups
from netwright.containers.containers import Containers, Parts
from netwright.containers.copies import Copies
from netwright.containers.creation import Creation
from netwright.containers.executions import Executions
from netwright.containers.files import NameSettings, NetworkFiles
from netwright.containers.images import Images
from netwright.containers.layers import Layers
from netwright.containers.layout import Layout
from netwright.containers.lives import Lives
from netwright.containers.machine import choose_runtime, look
from netwright.containers.removal import Removal
from netwright.containers.restoration import Restoration
from netwright.containers.rootfs import RootFileSystems
from netwright.containers.rows import Rows
from netwright.containers.runtime import Runtime
from netwright.containers.starting import Starting
from netwright.containers.strays import Strays
from netwright.containers.volumes import Volumes
from netwright.controller.api import Sandboxes
from netwright.host.protocol import Host
from netwright.store.api import Store
from netwright.telemetry.bus import Bus


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an engine decides of its containers. `runtime` is `auto`, `runc`, `crun` or a path.

    `tag` is what tells this engine's cgroups from those of others.
    """

    data_root: Path
    exec_root: Path
    tag: str = ""
    runtime: str = "auto"
    conmon: str = "/usr/bin/conmon"
    names: NameSettings = field(default_factory=NameSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The four facades; `runtime` is the path of the OCI runtime."""

    containers: Containers
    executions: Executions
    images: Images
    volumes: Volumes
    runtime: str


def assemble(settings: Settings, *, store: Store, sandboxes: Sandboxes, host: Host, bus: Bus) -> Services:
    """Return the facades. Call `containers.restore()` before anything else, with the network engine restored.

    The process should be a reaper of orphans (`processes.become_reaper`) before the first container is started. Raises
    SystemFailure where no OCI runtime is installed.
    """
    layout = Layout(data_root=settings.data_root, exec_root=settings.exec_root)
    for directory in (layout.containers, layout.bundles, layout.runtime_root, layout.sockets):
        directory.mkdir(parents=True, exist_ok=True, mode=0o710)
    rows = Rows(store)
    announcements = Announcements(bus)
    images = Images(store, Layers(layout), announcements, rows.all)
    volumes = Volumes(store, layout, announcements, rows.all)
    runtime = Runtime(layout, program=choose_runtime(settings.runtime), conmon=settings.conmon)
    roots = RootFileSystems(layout, host)
    files = NetworkFiles(layout, settings.names)
    offer = look()
    cgroups = Cgroups(settings.tag)
    starting = Starting(
        rows=rows,
        layout=layout,
        roots=roots,
        runtime=runtime,
        sandboxes=sandboxes,
        files=files,
        offer=offer,
        cgroup_parent=cgroups.parent,
    )
    lives = Lives(rows, layout, starting, announcements)
    removal = Removal(
        rows=rows, layout=layout, host=host, roots=roots, runtime=runtime, sandboxes=sandboxes, volumes=volumes
    )
    creation = Creation(
        rows=rows,
        images=images,
        volumes=volumes,
        roots=roots,
        sandboxes=sandboxes,
        removal=removal,
        announcements=announcements,
        runtime=Path(runtime.program).name,
    )
    restoration = Restoration(
        rows=rows,
        layout=layout,
        host=host,
        roots=roots,
        files=files,
        runtime=runtime,
        lives=lives,
        removal=removal,
        images=images,
        announcements=announcements,
        cgroups=cgroups,
        strays=Strays(rows=rows, layout=layout, host=host, runtime=runtime, removal=removal, cgroups=cgroups),
    )
    executions = Executions(rows, layout, lives, runtime, announcements, offer)
    parts = Parts(
        rows=rows,
        layout=layout,
        lives=lives,
        creation=creation,
        removal=removal,
        restoration=restoration,
        copies=Copies(lives, roots),
        files=files,
        sandboxes=sandboxes,
        announcements=announcements,
        forget=executions.discard,
    )
    return Services(
        containers=Containers(parts), executions=executions, images=images, volumes=volumes, runtime=runtime.program
    )
