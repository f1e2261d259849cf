"""What GET /info tells of the machine; it only looks."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "armv6l": "arm"}
"""Names of processors as Go has them, where they differ from the kernel's."""

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine at a moment. `memory` is in bytes; `controllers` are the cgroup controllers that can be used."""

    name: str
    kernel: str
    system: str
    system_version: str
    architecture: str
    go_architecture: str
    processors: int
    memory: int
    open_files: int
    cgroup_version: str
    controllers: frozenset[str]
    ipv4_forwarding: bool
    bridge_nf_iptables: bool
    bridge_nf_ip6tables: bool


def look() -> Machine:
    """Return what the machine is like now."""
    release = _release()
    unified = (_CGROUP / "cgroup.controllers").exists()
    return Machine(
        name=platform.node(),
        kernel=platform.release(),
        system=release.get("PRETTY_NAME", "Linux"),
        system_version=release.get("VERSION_ID", ""),
        architecture=platform.machine(),
        go_architecture=GO_NAMES.get(platform.machine(), platform.machine()),
        processors=os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        open_files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        cgroup_version="2" if unified else "1",
        controllers=_controllers(unified=unified),
        ipv4_forwarding=_is_on("net/ipv4/ip_forward"),
        bridge_nf_iptables=_is_on("net/bridge/bridge-nf-call-iptables"),
        bridge_nf_ip6tables=_is_on("net/bridge/bridge-nf-call-ip6tables"),
    )


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _controllers(*, unified: bool) -> frozenset[str]:
    if unified:
        return frozenset((_CGROUP / "cgroup.controllers").read_text().split())
    return frozenset(_flattened(path.name.split(",") for path in _CGROUP.iterdir()) if _CGROUP.exists() else ())


def _flattened(names: Iterable[list[str]]) -> Iterable[str]:
    return (name for group in names for name in group)


def _is_on(key: str) -> bool:
    """Tell whether a sysctl is 1; without br_netfilter some are not there, which is as good as off."""
    try:
        return Path(f"/proc/sys/{key}").read_text().strip() == "1"
    except FileNotFoundError:
        return False
