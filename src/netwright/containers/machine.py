"""What this machine offers to containers: capabilities, cgroups, devices, an init, a seccomp profile. It only looks."""

import os
import platform
import resource
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.containers.spec.capabilities import from_mask
from netwright.containers.spec.resources import DeviceNode
from netwright.containers.spec.seccomp import Machine
from netwright.errors import InvalidInput, SystemFailure
from netwright.model.container import DeviceSpec, HostSettings

SECCOMP_PROFILES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
_INITS = ("docker-init", "tini-static", "tini", "catatonit")
_OWN_DEVICES = frozenset({"pts", "shm", "fd", "mqueue", "console"})
"""What below /dev every container has of its own, privileged or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the machine offers, looked up once at the start."""

    capabilities: frozenset[str]
    cgroup_v2: bool
    swap_limits: bool
    seccomp: bytes
    machine: Machine
    open_files: tuple[int, int] | None = None


def look() -> Offer:
    """Look at the machine."""
    status = Path("/proc/self/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    release = platform.release().split(".")
    kernel = (int(release[0]), int("".join(filter(str.isdigit, release[1])) or 0))
    cgroup_v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    profile = next((path for path in SECCOMP_PROFILES if path.is_file()), None)
    return Offer(
        capabilities=from_mask(int(mask, 16)),
        cgroup_v2=cgroup_v2,
        swap_limits=cgroup_v2 or Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists(),
        seccomp=profile.read_bytes() if profile is not None else b"",
        machine=Machine(architecture=platform.machine(), kernel=kernel),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
    )


def choose_runtime(setting: str) -> str:
    """Return the path of the OCI runtime for a setting: `auto`, `runc`, `crun` or a path.

    crun is the quicker one and refuses machines whose cgroup version 2 has only some of the controllers. Raises
    SystemFailure where it is not installed.
    """
    names = [setting]
    if setting == "auto":
        pure = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        names = ["crun", "runc"] if pure else ["runc"]
    # Daemons are often started with a PATH that lacks /usr/sbin, where Debian puts runc.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    for name in names:
        if (found := shutil.which(name, path=path)) is not None:
            return found
    raise SystemFailure(f"no OCI runtime found, looked for {' and '.join(names)}: install runc")


def find_init() -> str:
    """Return the path of a small init. Raises SystemFailure."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/libexec/podman:/usr/libexec/docker"
    for name in _INITS:
        if (found := shutil.which(name, path=path)) is not None:
            return found
    raise SystemFailure("--init needs a small init program on the host and found none: install tini or catatonit")


def seccomp_profile(host: HostSettings, offer: Offer) -> bytes:
    """Return the profile that a container gets, empty for none. Raises InvalidInput for an unknown option."""
    for option in host.security_options:
        name, _, value = option.replace(":", "=", 1).partition("=")
        if name == "seccomp":
            if value == "unconfined":
                return b""
            # The command line sends a profile's content and not its path.
            return offer.seccomp if value == "builtin" else value.encode()
        if name not in {"no-new-privileges", "label", "apparmor", "systempaths"}:
            raise InvalidInput(f"invalid --security-opt 2: {option!r}")
    return offer.seccomp


def device_nodes(host: HostSettings) -> tuple[DeviceNode, ...]:
    """Return the device nodes that a container gets. Raises InvalidInput where one is not there."""
    nodes = list(_all_nodes()) if host.privileged else []
    for spec in host.devices:
        nodes.extend(_nodes_of(spec))
    return tuple({node.path: node for node in nodes}.values())


def _all_nodes() -> Iterator[DeviceNode]:
    for path in sorted(Path("/dev").iterdir()):
        if path.name not in _OWN_DEVICES and not path.is_symlink():
            yield from _below(path, str(path), "rwm")


def _nodes_of(spec: DeviceSpec) -> Sequence[DeviceNode]:
    path = Path(spec.host_path).resolve()
    nodes = list(_below(path, spec.container_path or spec.host_path, spec.permissions or "rwm"))
    if not nodes:
        raise InvalidInput(
            f'error gathering device information while adding custom device "{spec.host_path}": '
            "no such file or directory"
        )
    return nodes


def _below(path: Path, target: str, permissions: str) -> Iterator[DeviceNode]:
    """Yield a device node, or all below a directory."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        for child in sorted(path.iterdir()):
            yield from _below(child, f"{target}/{child.name}", permissions)
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        yield DeviceNode(
            path=target,
            mode=status.st_mode,
            major=os.major(status.st_rdev),
            minor=os.minor(status.st_rdev),
            uid=status.st_uid,
            gid=status.st_gid,
            permissions=permissions,
        )
