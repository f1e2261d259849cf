"""Resources: memory, processor, processes and devices in the runtime's words, as Docker computes them."""

import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from netwright.errors import InvalidInput
from netwright.model.container import HostSettings, Limits

CPU_PERIOD = 100_000
"""Microseconds over which `--cpus` is counted."""

LEAST_MEMORY = 6 * 1024 * 1024
"""Bytes; Docker refuses less, because the runtime itself would not start."""

_SPAN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_MOST_PROCESSORS = 8192
"""More than the kernel can be built for."""

_NUMBERED = (
    # (type, major, minor): what Docker lets every container use, beyond making nodes.
    ("c", 1, 5),
    ("c", 1, 3),
    ("c", 1, 9),
    ("c", 1, 8),
    ("c", 5, 0),
    ("c", 5, 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNode:
    """A device node as it is found on the host. `mode` has type and permission bits, as `st_mode`."""

    path: str
    mode: int
    major: int
    minor: int
    uid: int = 0
    gid: int = 0
    permissions: str = "rwm"

    @property
    def kind(self) -> str:
        """`b` for a block device, else `c`."""
        return "b" if stat.S_ISBLK(self.mode) else "c"


def check_limits(limits: Limits, processors: Collection[int]) -> None:
    """Raise InvalidInput, in Docker's words, for limits that cannot be meant on a machine with these processors."""
    if 0 < limits.memory < LEAST_MEMORY:
        raise InvalidInput("Minimum memory limit allowed is 6MB")
    if limits.memory == 0 and limits.memory_swap > 0:
        raise InvalidInput("You should always set the Memory limit when using Memoryswap limit, see usage")
    if 0 < limits.memory_swap < limits.memory:
        raise InvalidInput("Minimum memoryswap limit should be larger than memory limit, see usage")
    if limits.memory and limits.memory_reservation > limits.memory:
        raise InvalidInput("Minimum memory limit can not be less than memory reservation limit, see usage")
    if limits.nano_cpus and (limits.cpu_period or limits.cpu_quota):
        raise InvalidInput("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if not 0 <= limits.nano_cpus <= len(processors) * 1_000_000_000:
        count = len(processors)
        raise InvalidInput(f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available")
    if not read_numbers(limits.cpuset_cpus, "cpus") <= set(processors):
        available = ",".join(map(str, sorted(processors)))
        raise InvalidInput(f"Requested CPUs are not available - requested {limits.cpuset_cpus}, available: {available}")
    read_numbers(limits.cpuset_mems, "mems")


def read_numbers(text: str, what: str) -> set[int]:
    """Read a list of processors or memory nodes such as `0-3,6`; `what` is its name. Raises InvalidInput."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        match = _SPAN.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < _MOST_PROCESSORS:
            raise InvalidInput(f"Invalid value {text} for cpuset {what}")
        found.update(range(first, last + 1))
    return found


def resources(host: HostSettings, devices: Sequence[DeviceNode], *, swap_limits: bool) -> dict[str, object]:
    """Return `linux.resources`; `swap_limits` tells whether this kernel counts swap."""
    limits = host.limits
    return {
        "devices": _device_rules(devices, privileged=host.privileged),
        **_section("memory", _memory(limits, swap_limits=swap_limits)),
        **_section("cpu", _cpu(limits)),
        **_section("pids", {"limit": limits.pids} if limits.pids > 0 else {}),
    }


def _section(name: str, values: dict[str, object]) -> dict[str, object]:
    return {name: values} if values else {}


def _memory(limits: Limits, *, swap_limits: bool) -> dict[str, object]:
    values: dict[str, object] = {}
    if limits.memory > 0:
        values["limit"] = limits.memory
        if swap_limits:
            # Docker's default: as much swap again as memory.
            values["swap"] = limits.memory_swap or limits.memory * 2
    if limits.memory_reservation > 0:
        values["reservation"] = limits.memory_reservation
    return values


def _cpu(limits: Limits) -> dict[str, object]:
    period, quota = limits.cpu_period, limits.cpu_quota
    if limits.nano_cpus:
        period = CPU_PERIOD
        quota = limits.nano_cpus * CPU_PERIOD // 1_000_000_000
    wanted: dict[str, object] = {
        "shares": limits.cpu_shares,
        "period": period,
        "quota": quota,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
    }
    return {key: value for key, value in wanted.items() if value}


def _device_rules(devices: Sequence[DeviceNode], *, privileged: bool) -> list[dict[str, object]]:
    if privileged:
        return [{"allow": True, "access": "rwm"}]
    rules: list[dict[str, object]] = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    rules.extend(_allow(kind, major, minor, "rwm") for kind, major, minor in _NUMBERED)
    rules.extend(_allow(node.kind, node.major, node.minor, node.permissions) for node in devices)
    return rules


def _allow(kind: str, major: int, minor: int, access: str) -> dict[str, object]:
    return {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}


def oci_device(node: DeviceNode) -> dict[str, object]:
    """Return a device node in the runtime's words."""
    return {
        "path": node.path,
        "type": node.kind,
        "major": node.major,
        "minor": node.minor,
        "fileMode": stat.S_IMODE(node.mode),
        "uid": node.uid,
        "gid": node.gid,
    }


def oci_rlimits(host: HostSettings, open_files: tuple[int, int] | None) -> list[dict[str, object]]:
    """Return the ulimits in the runtime's words; `open_files` are the soft and hard one where the host says none."""
    wanted = [(limit.name.upper(), limit.soft, limit.hard) for limit in host.ulimits]
    if open_files is not None and all(name != "NOFILE" for name, _, _ in wanted):
        wanted.append(("NOFILE", *open_files))
    return [{"type": f"RLIMIT_{name}", "soft": _unsigned(soft), "hard": _unsigned(hard)} for name, soft, hard in wanted]


def _unsigned(value: int) -> int:
    """Return a limit as the runtime's unsigned number; -1 is unlimited."""
    return value if value >= 0 else 2**64 - 1
