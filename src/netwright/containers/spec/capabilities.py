"""Linux capabilities: Docker's default set, and how `--cap-add`, `--cap-drop` and `--privileged` change it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from netwright.errors import InvalidInput

# In the order of the kernel's numbers (include/uapi/linux/capability.h), from 0 on.
KNOWN = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
        "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL "
        "SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)

DEFAULT = tuple(
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE"
    ).split()
)

ALL = "ALL"


def from_mask(mask: int) -> frozenset[str]:
    """Return the names of the bits of a capability mask, as `/proc/PID/status` shows it."""
    return frozenset(name for number, name in enumerate(KNOWN) if mask >> number & 1)


def choose(
    *, add: Sequence[str], drop: Sequence[str], privileged: bool, available: AbstractSet[str] = frozenset(KNOWN)
) -> tuple[str, ...]:
    """Return a container's capabilities in the kernel's order.

    `available` are the engine's own: ALL and `--privileged` mean all of these, for nobody can give what he has not.
    Raises InvalidInput for names that the kernel does not know.
    """
    added = _normalized(add, "CapAdd")
    dropped = _normalized(drop, "CapDrop")
    if privileged:
        chosen = set(available)
    elif ALL in added:
        chosen = set(available) - dropped
    elif ALL in dropped:
        chosen = added
    else:
        chosen = (set(DEFAULT) - dropped) | added
    return tuple(name for name in KNOWN if name in chosen)


def _normalized(names: Sequence[str], field: str) -> set[str]:
    found = set()
    for name in names:
        upper = name.upper()
        full = upper if upper == ALL or upper.startswith("CAP_") else f"CAP_{upper}"
        if full != ALL and full not in KNOWN:
            raise InvalidInput(f'invalid {field}: unknown capability: "{full}"')
        found.add(full)
    return found
