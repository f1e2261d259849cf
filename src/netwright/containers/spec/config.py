"""The runtime's config.json of a container, with Docker's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.containers.spec.capabilities import KNOWN, choose
from netwright.containers.spec.mounts import oci_mount, root_propagation
from netwright.containers.spec.process import INIT_TARGET
from netwright.containers.spec.resources import DeviceNode, oci_device, oci_rlimits, resources
from netwright.containers.spec.seccomp import Machine, profile
from netwright.containers.spec.user import User
from netwright.model.container import Container, HostSettings, MountPoint

SHM_SIZE = 64 * 1024 * 1024
"""Bytes of /dev/shm where the user names none."""

CGROUP_PARENT = "/netwright"

MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)

READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

OWN_STACK_SYSCTLS = {
    # Without these a user other than root could neither listen on port 80 nor ping in his own network stack.
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the machine contributes to a container's configuration, looked up beforehand.

    `netns` is the path of the network namespace, None for the host's. `files` maps targets such as /etc/hosts to paths
    on the host. `init` is the host path of a small init, needed with `--init`. `devices` are those asked for, or all of
    the host with `--privileged`. `capabilities` are the engine's own. `open_files` are the
    soft and hard limit of open files that the engine was started with: its own are higher.
    """

    root: str
    netns: str | None
    own_stack: bool
    user: User
    files: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[DeviceNode, ...] = ()
    init: str = ""
    capabilities: frozenset[str] = frozenset(KNOWN)
    seccomp: bytes = b""
    machine: Machine | None = None
    cgroup_v2: bool = False
    swap_limits: bool = False
    cgroup_parent: str = CGROUP_PARENT
    open_files: tuple[int, int] | None = None


def config(container: Container, around: Surroundings) -> dict[str, object]:
    """Return the whole configuration."""
    host = container.host
    capabilities = granted(host, around)
    return {
        "ociVersion": "1.0.2",
        "process": process(container, around.user, capabilities, around.open_files),
        "root": {"path": around.root, "readonly": host.read_only},
        **({} if host.uts_mode == "host" else {"hostname": container.hostname}),
        "mounts": _mounts(container, around),
        "linux": _linux(container, around, capabilities),
    }


def granted(host: HostSettings, around: Surroundings) -> tuple[str, ...]:
    """Return the capabilities of a container."""
    return choose(add=host.cap_add, drop=host.cap_drop, privileged=host.privileged, available=around.capabilities)


def process(
    container: Container, user: User, capabilities: tuple[str, ...], open_files: tuple[int, int] | None
) -> dict[str, object]:
    """Return the `process` section."""
    host = container.host
    wanted: dict[str, object] = {
        **oci_process(container.process.arguments, container.process.environment, container.process.directory, user),
        "terminal": container.process.tty,
        "capabilities": oci_capabilities(capabilities),
        "noNewPrivileges": _no_new_privileges(host),
        "rlimits": oci_rlimits(host, open_files),
    }
    if host.oom_score:
        wanted["oomScoreAdj"] = host.oom_score
    return {**wanted, **console_size(host.console if container.process.tty else (0, 0))}


def console_size(size: tuple[int, int]) -> dict[str, object]:
    """Return a terminal's first size, rows and columns, as part of a process; zeros leave it to the kernel."""
    return {"consoleSize": {"height": size[0], "width": size[1]}} if all(size) else {}


def oci_process(
    arguments: tuple[str, ...], environment: tuple[str, ...], directory: str, user: User
) -> dict[str, object]:
    """Return what every process has: what, where, as whom."""
    return {
        "args": list(arguments),
        "env": list(environment),
        "cwd": directory,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
    }


def oci_capabilities(names: tuple[str, ...]) -> dict[str, object]:
    """Return the capability sets; nothing is inheritable, which Docker gives up since CVE-2022-24769."""
    return {"bounding": list(names), "effective": list(names), "permitted": list(names)}


def _no_new_privileges(host: HostSettings) -> bool:
    return any(
        option.replace("=", ":") in {"no-new-privileges", "no-new-privileges:true"} for option in host.security_options
    )


def _mounts(container: Container, around: Surroundings) -> list[dict[str, object]]:
    host = container.host
    taken = {point.target for point in container.mounts}
    mounts = [mount for mount in _system_mounts(host) if mount["destination"] not in taken]
    mounts.extend(
        _file_mount(source, target, read_only=host.read_only)
        for target, source in around.files.items()
        if target not in taken
    )
    if host.init:
        mounts.append(_file_mount(around.init, INIT_TARGET, read_only=True))
    return [*mounts, *map(oci_mount, container.mounts)]


def _file_mount(source: str, target: str, *, read_only: bool) -> dict[str, object]:
    point = MountPoint(type="bind", source=source, target=target, read_only=read_only)
    return oci_mount(point)


def _system_mounts(host: HostSettings) -> list[dict[str, object]]:
    access = "rw" if host.privileged else "ro"
    plain = ["nosuid", "noexec", "nodev"]
    mounts = [
        _mount("/proc", "proc", "proc", plain),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount(
            "/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        ),
        _mount("/sys", "sysfs", "sysfs", [*plain, access]),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", [access, *plain]),
    ]
    if host.ipc_mode == "host":
        mounts.append(_mount("/dev/mqueue", "bind", "/dev/mqueue", ["rbind", "nosuid", "noexec", "nodev"]))
        mounts.append(_mount("/dev/shm", "bind", "/dev/shm", ["rbind", "rprivate"]))
        return mounts
    mounts.append(_mount("/dev/mqueue", "mqueue", "mqueue", plain))
    if host.ipc_mode != "none":
        size = host.shm_size or SHM_SIZE
        mounts.append(_mount("/dev/shm", "tmpfs", "shm", [*plain, "mode=1777", f"size={size}"]))
    return mounts


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, object]:
    return {"destination": target, "type": kind, "source": source, "options": options}


def _linux(container: Container, around: Surroundings, capabilities: tuple[str, ...]) -> dict[str, object]:
    host = container.host
    wanted: dict[str, object] = {
        "namespaces": _namespaces(host, around),
        "resources": resources(host, around.devices, swap_limits=around.swap_limits),
        "devices": [oci_device(node) for node in around.devices],
        "cgroupsPath": f"{host.cgroup_parent or around.cgroup_parent}/{container.id}",
        "sysctl": _sysctls(container, around),
    }
    if not host.privileged:
        wanted["maskedPaths"] = list(MASKED)
        wanted["readonlyPaths"] = list(READ_ONLY)
        if around.seccomp and around.machine is not None:
            wanted["seccomp"] = profile(around.seccomp, around.machine, frozenset(capabilities))
    if (propagation := root_propagation(container.mounts)) is not None:
        wanted["rootfsPropagation"] = propagation
    return wanted


def _namespaces(host: HostSettings, around: Surroundings) -> list[dict[str, object]]:
    """Return the namespaces to be made or joined; one that is not listed is the host's."""
    spaces: list[dict[str, object]] = [{"type": "mount"}]
    if around.netns is not None:
        spaces.append({"type": "network", "path": around.netns})
    if host.uts_mode != "host":
        spaces.append({"type": "uts"})
    if host.pid_mode != "host":
        spaces.append({"type": "pid"})
    if host.ipc_mode != "host":
        spaces.append({"type": "ipc"})
    if around.cgroup_v2:
        spaces.append({"type": "cgroup"})
    return spaces


def _sysctls(container: Container, around: Surroundings) -> dict[str, str]:
    wanted = dict(OWN_STACK_SYSCTLS) if around.own_stack else {}
    if container.config.domainname and container.host.uts_mode != "host":
        wanted["kernel.domainname"] = container.config.domainname
    return {**wanted, **container.host.sysctls}
