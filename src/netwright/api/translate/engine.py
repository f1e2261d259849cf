"""What the engine tells of itself: version and info. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import UNSET

from netwright import __version__
from netwright.api.machine import Machine
from netwright.api.moments import rfc3339
from netwright.api.translate.containers import DRIVER
from netwright.api.versions import FIREWALL, NEWEST, NO_BRIDGE_NF, OLDEST, ApiVersion
from netwright.api.wire import system as wire
from netwright.model.container import Container, Status

NAME = "Netwright"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of this engine once it has started; `runtimes` are paths by name."""

    engine_id: str
    data_root: str
    firewall: str
    runtime: str
    runtimes: Mapping[str, str]
    labels: tuple[str, ...] = ()
    pools: tuple[tuple[str, int], ...] = ()
    live_restore: bool = True
    debug: bool = False
    drivers: tuple[str, ...] = ("bridge", "host", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """How the engine stands at a moment."""

    containers: Sequence[Container] = field(default_factory=tuple)
    images: int = 0
    tasks: int = 0
    subscribers: int = 0
    faults: Sequence[str] = ()
    """What is out of order and could not be put right."""


def show_version(machine: Machine) -> wire.Version:
    """Return the answer to GET /version."""
    details = {
        "ApiVersion": str(NEWEST),
        "Arch": machine.go_architecture,
        "Experimental": "false",
        "KernelVersion": machine.kernel,
        "MinAPIVersion": str(OLDEST),
        "Os": "linux",
    }
    return wire.Version(
        platform=wire.Platform(name=NAME),
        components=[wire.Component(name="Engine", version=__version__, details=details)],
        version=__version__,
        api_version=str(NEWEST),
        min_api_version=str(OLDEST),
        os="linux",
        arch=machine.go_architecture,
        kernel_version=machine.kernel,
    )


def show_info(about: About, machine: Machine, present: Present, now: datetime, version: ApiVersion) -> wire.Info:
    """Return the answer to GET /info."""
    running = sum(container.state.status is Status.RUNNING for container in present.containers)
    bridge_nf = version < NO_BRIDGE_NF
    info = wire.Info(
        id=about.engine_id,
        containers=len(present.containers),
        containers_running=running,
        containers_stopped=len(present.containers) - running,
        images=present.images,
        driver=DRIVER,
        plugins=wire.Plugins(volume=["local"], network=sorted(about.drivers), log=["json-file"]),
        ipv4_forwarding=machine.ipv4_forwarding,
        bridge_nf_iptables=machine.bridge_nf_iptables if bridge_nf else UNSET,
        bridge_nf_ip6tables=machine.bridge_nf_ip6tables if bridge_nf else UNSET,
        debug=about.debug,
        n_fd=machine.open_files,
        n_goroutines=present.tasks,
        system_time=rfc3339(now),
        cgroup_version=machine.cgroup_version,
        n_events_listener=present.subscribers,
        kernel_version=machine.kernel,
        operating_system=machine.system,
        os_version=machine.system_version,
        architecture=machine.architecture,
        ncpu=machine.processors,
        mem_total=machine.memory,
        docker_root_dir=about.data_root,
        name=machine.name,
        labels=list(about.labels),
        server_version=__version__,
        runtimes={name: wire.RuntimeShown(path=path) for name, path in about.runtimes.items()},
        default_runtime=about.runtime,
        live_restore_enabled=about.live_restore,
        default_address_pools=[wire.AddressPool(base=base, size=size) for base, size in about.pools] or UNSET,
        firewall_backend=wire.FirewallBackend(driver=about.firewall) if version >= FIREWALL else UNSET,
        warnings=[f"WARNING: {fault}" for fault in present.faults] or None,
    )
    _show_controllers(info, machine.controllers)
    return info


def _show_controllers(info: wire.Info, controllers: frozenset[str]) -> None:
    """Tell which limits this machine's kernel can set."""
    info.memory_limit = info.swap_limit = "memory" in controllers
    info.cpu_cfs_period = info.cpu_cfs_quota = info.cpu_shares = "cpu" in controllers
    info.cpu_set = "cpuset" in controllers
    info.pids_limit = "pids" in controllers
