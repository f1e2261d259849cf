"""Mounts, by system call."""

import ctypes
import errno
import os
from pathlib import Path

from netwright.errors import OperationFailed

_FLAGS = {"ro": 0x1, "nosuid": 0x2, "nodev": 0x4, "noexec": 0x8, "bind": 0x1000, "rbind": 0x5000}
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, options: str) -> None:
    """Mount a file system; content where the target is a mount point already. Raises OperationFailed."""
    if os.path.ismount(target):
        return
    words = [word for word in options.split(",") if word]
    flags = 0
    for word in words:
        flags |= _FLAGS.get(word, 0)
    data = ",".join(word for word in words if word not in _FLAGS)
    arguments = (os.fsencode(source), os.fsencode(target), os.fsencode(kind), flags, os.fsencode(data))
    if _libc.mount(*arguments) != 0:
        number = ctypes.get_errno()
        raise OperationFailed(f"mounting {kind} at {target}: {os.strerror(number)}", errno=number)


def unmount(target: str) -> None:
    """Detach a mount; content where there is none. Raises OperationFailed."""
    if _libc.umount2(os.fsencode(target), _MNT_DETACH) != 0:
        number = ctypes.get_errno()
        if number not in {errno.EINVAL, errno.ENOENT}:
            raise OperationFailed(f"unmounting {target}: {os.strerror(number)}", errno=number)


def below(directory: str) -> tuple[str, ...]:
    """Return the mount points below a directory, outermost first."""
    prefix = directory.rstrip("/") + "/"
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(prefix):
            found.append(point)
    return tuple(found)
