"""Paths inside a container's root, opened so that no link leads out of it.

The kernel itself resolves them (openat2 with RESOLVE_IN_ROOT, openat2(2)): `/` and `..` stop at the root, and that
holds even while a process in the container changes links at the same moment.
"""

import ctypes
import errno
import os
import posixpath
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENAT2 = 437
_RESOLVE_IN_ROOT = 0x10
_RESOLVE_NO_MAGICLINKS = 0x02
_TRIES = 128

_libc = ctypes.CDLL(None, use_errno=True)


class Root:
    """A directory as the root of all paths."""

    def __init__(self, path: str | Path) -> None:
        self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    @contextmanager
    def opened(self, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
        """Open a path and close it after the block. Raises OSError."""
        descriptor = self.open(path, flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = 0) -> int:
        """Open a path, whose descriptor the caller closes. Raises OSError."""
        how = struct.pack("QQQ", flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        target = os.fsencode(path.lstrip("/") or ".")
        for _ in range(_TRIES):
            descriptor = int(_libc.syscall(_OPENAT2, self._descriptor, target, how, len(how)))
            if descriptor >= 0:
                return descriptor
            # EAGAIN: something was renamed while the kernel looked, so it could not be sure (openat2(2)).
            if ctypes.get_errno() != errno.EAGAIN:
                break
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)

    def text(self, path: str) -> str:
        """Return the text of a file, empty where there is none."""
        try:
            with os.fdopen(self.open(path), "rb") as file:
                return file.read().decode(errors="replace")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""

    def make_directories(self, path: str) -> None:
        """Make a directory with its parents, for everybody to read; content where it is there. Raises OSError."""
        reached = "/"
        for part in posixpath.normpath(path).strip("/").split("/"):
            parent, reached = reached, posixpath.join(reached, part)
            try:
                with self.opened(reached, os.O_PATH | os.O_DIRECTORY):
                    continue
            except FileNotFoundError:
                with self.opened(parent, os.O_PATH | os.O_DIRECTORY) as above:
                    os.mkdir(part, dir_fd=above)
                    os.chmod(part, 0o755, dir_fd=above)


@contextmanager
def root_at(path: str | Path) -> Iterator[Root]:
    """Yield a root, closed after the block. Raises OSError."""
    root = Root(path)
    try:
        yield root
    finally:
        root.close()
