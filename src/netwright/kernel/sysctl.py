"""Sysctls: files below /proc/sys. Those of the network belong to the namespace of the thread that opens them.

`procfs` is a descriptor of another procfs to find them in (`kernel.procfs`).
"""

import os

from netwright.errors import OperationFailed

_MOST = 1 << 16
"""Bytes of a value: the kernel writes no more than a page."""


def write(key: str, value: str, *, optional: bool, procfs: int | None = None) -> None:
    """Write a sysctl where it differs. Raises OperationFailed, except for an optional one that the kernel lacks."""
    try:
        file = _open(key, os.O_RDWR, procfs)
        try:
            if os.read(file, _MOST).decode().strip() != value:
                os.pwrite(file, value.encode(), 0)
        finally:
            os.close(file)
    except FileNotFoundError:
        if not optional:
            raise OperationFailed(f"this kernel has no sysctl {key}") from None
    except OSError as error:
        raise OperationFailed(f"writing {value!r} to sysctl {key}: {error.strerror}", errno=error.errno) from error


def read(key: str, *, procfs: int | None = None) -> str | None:
    """Return a sysctl's value, or None where the kernel has no such key."""
    try:
        file = _open(key, os.O_RDONLY, procfs)
        try:
            return os.read(file, _MOST).decode().strip()
        finally:
            os.close(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperationFailed(f"reading sysctl {key}: {error.strerror}", errno=error.errno) from error


def _open(key: str, flags: int, procfs: int | None) -> int:
    if ".." in key.split("/") or key.startswith("/"):
        raise OperationFailed(f"{key!r} is no name of a sysctl")
    path = f"sys/{key}" if procfs is not None else f"/proc/sys/{key}"
    return os.open(path, flags | os.O_CLOEXEC, dir_fd=procfs)
