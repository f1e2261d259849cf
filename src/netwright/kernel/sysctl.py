"""Sysctls: files below /proc/sys. Those of the network belong to the namespace of the thread that opens them."""

from pathlib import Path

from netwright.errors import OperationFailed

_ROOT = Path("/proc/sys")


def write(key: str, value: str, *, optional: bool) -> None:
    """Write a sysctl where it differs. Raises OperationFailed, except for an optional one that the kernel lacks."""
    path = _path(key)
    try:
        if path.read_text().strip() != value:
            path.write_text(value)
    except FileNotFoundError:
        if not optional:
            raise OperationFailed(f"this kernel has no sysctl {key}") from None
    except OSError as error:
        raise OperationFailed(f"writing {value!r} to sysctl {key}: {error.strerror}", errno=error.errno) from error


def read(key: str) -> str | None:
    """Return a sysctl's value, or None where the kernel has no such key."""
    try:
        return _path(key).read_text().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperationFailed(f"reading sysctl {key}: {error.strerror}", errno=error.errno) from error


def _path(key: str) -> Path:
    if ".." in key.split("/") or key.startswith("/"):
        raise OperationFailed(f"{key!r} is no name of a sysctl")
    return _ROOT / key
