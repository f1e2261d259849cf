"""Mounts, by system call."""

import ctypes
import errno
import os
import re
from pathlib import Path

from netwright.errors import OperationFailed

_FLAGS = {"ro": 0x1, "nosuid": 0x2, "nodev": 0x4, "noexec": 0x8, "bind": 0x1000, "rbind": 0x5000}
_MNT_DETACH = 2
_ESCAPE = re.compile(r"\\([0-7]{3})")

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, options: str) -> None:
    """Mount a file system; content where the target is a mount point already. Raises OperationFailed."""
    if is_mount_point(target):
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


def is_mount_point(path: str) -> bool:
    """Tell whether something is mounted at a path; a bind mount within one file system counts."""
    real = os.path.realpath(path)
    try:
        return real == "/" or _mount_id(real) != _mount_id(str(Path(real).parent))
    except FileNotFoundError:
        return False


def _mount_id(path: str) -> str:
    """Return the kernel's number of the mount that a path lies on."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        fields = Path(f"/proc/thread-self/fdinfo/{descriptor}").read_text()
    finally:
        os.close(descriptor)
    return next(line.split()[1] for line in fields.splitlines() if line.startswith("mnt_id:"))


def below(directory: str) -> tuple[str, ...]:
    """Return the mount points below a directory, outermost first, written as the directory is."""
    # The kernel knows no symbolic links, a caller's path may hold some. A thread may have mounts of its own.
    real = os.path.realpath(directory).rstrip("/") + "/"
    shown = directory.rstrip("/") + "/"
    points = [_unescaped(line.split()[4]) for line in Path("/proc/thread-self/mountinfo").read_text().splitlines()]
    return tuple(sorted(shown + point.removeprefix(real) for point in points if point.startswith(real)))


def _unescaped(text: str) -> str:
    """Read mountinfo's notation, in which blanks and backslashes are octal numbers (proc_pid_mountinfo(5))."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
