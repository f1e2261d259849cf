"""The seccomp profile: from the form in which distributions ship it to the runtime's.

The file is Docker's own format (containers-common installs one as /usr/share/containers/seccomp.json): rules that hold
only with certain capabilities, architectures or kernels. They are decided here, once for each container.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import msgspec

from netwright.errors import SystemFailure

_ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "amd64"),
    "aarch64": ("SCMP_ARCH_AARCH64", "arm64"),
    "armv7l": ("SCMP_ARCH_ARM", "arm"),
    "ppc64le": ("SCMP_ARCH_PPC64LE", "ppc64le"),
    "s390x": ("SCMP_ARCH_S390X", "s390x"),
    "riscv64": ("SCMP_ARCH_RISCV64", "riscv64"),
}
"""Machine names of uname to libseccomp's and Go's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the conditions of a profile ask about: uname's machine name, and the kernel as (major, minor)."""

    architecture: str
    kernel: tuple[int, int]


def profile(text: bytes, machine: Machine, capabilities: AbstractSet[str]) -> dict[str, object]:
    """Return `linux.seccomp` for a container with these capabilities. Raises SystemFailure for a broken file."""
    try:
        document: dict[str, Any] = msgspec.json.decode(text)
        return _compiled(document, machine, capabilities)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise SystemFailure(f"the seccomp profile cannot be read: {error}") from error


def _compiled(document: Mapping[str, Any], machine: Machine, capabilities: AbstractSet[str]) -> dict[str, object]:
    native, go_name = _ARCHITECTURES.get(machine.architecture, ("", machine.architecture))
    compiled: dict[str, object] = {
        "defaultAction": document["defaultAction"],
        "architectures": _architectures(document, native),
        "syscalls": [
            _rule(rule)
            for rule in document["syscalls"]
            if _includes(rule.get("includes") or {}, go_name, machine, capabilities)
            and not _excludes(rule.get("excludes") or {}, go_name, machine, capabilities)
        ],
    }
    if "defaultErrnoRet" in document:
        compiled["defaultErrnoRet"] = document["defaultErrnoRet"]
    return compiled


def _architectures(document: Mapping[str, Any], native: str) -> list[str]:
    for entry in document.get("archMap") or ():
        if entry["architecture"] == native:
            return [native, *(entry.get("subArchitectures") or ())]
    return [native] if native else []


def _includes(wanted: Mapping[str, Any], go_name: str, machine: Machine, capabilities: AbstractSet[str]) -> bool:
    """Tell whether all conditions hold."""
    arches, caps = wanted.get("arches") or (), wanted.get("caps") or ()
    return (
        (not arches or go_name in arches)
        and all(name in capabilities for name in caps)
        and (not wanted.get("minKernel") or machine.kernel >= _version(wanted["minKernel"]))
    )


def _excludes(unwanted: Mapping[str, Any], go_name: str, machine: Machine, capabilities: AbstractSet[str]) -> bool:
    """Tell whether any condition holds."""
    return (
        go_name in (unwanted.get("arches") or ())
        or any(name in capabilities for name in unwanted.get("caps") or ())
        or (bool(unwanted.get("minKernel")) and machine.kernel >= _version(unwanted["minKernel"]))
    )


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _rule(rule: Mapping[str, Any]) -> dict[str, object]:
    kept: dict[str, object] = {"names": rule["names"], "action": rule["action"]}
    if rule.get("args"):
        kept["args"] = rule["args"]
    if rule.get("errnoRet") is not None:
        kept["errnoRet"] = rule["errnoRet"]
    return kept
