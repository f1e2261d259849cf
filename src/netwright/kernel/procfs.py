"""A procfs of our own, by which the sysctls of other network namespaces are reached in the same time however many.

The kernel keeps the names that were looked up in a procfs for as long as their namespace lives, and those of one name,
such as `net/ipv6/conf/default`, of all namespaces in one chain, which every later look-up walks from end to end
(fs/proc/proc_sysctl.c: proc_sys_compare). With a thousand namespaces that is a millisecond for a file, more than all
else that a namespace needs. A procfs that was just made remembers nothing. So there is one that is mounted nowhere,
and a new one after some visits (fsopen(2), 25 µs).
"""

import ctypes
import os

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
"""Numbers of system calls, the same on all machines (asm-generic/unistd.h)."""
_CLOEXEC = 1
_CMD_CREATE = 6

_libc = ctypes.CDLL(None, use_errno=True)


class Procfs:
    """The root of a procfs, for one thread."""

    RENEWED_AFTER = 32
    """How many namespaces one instance remembers at most."""

    def __init__(self) -> None:
        self._root: int | None = None
        self._lent = 0

    def root(self) -> int:
        """Return a descriptor of the root, for one visit of a namespace; it stays this object's."""
        if self._root is None or self._lent == self.RENEWED_AFTER:
            new = _instance()
            self.close()
            self._root, self._lent = new, 0
        self._lent += 1
        return self._root

    def close(self) -> None:
        """Let go of it; content when repeated."""
        if self._root is not None:
            os.close(self._root)
            self._root = None


def _instance() -> int:
    """Return the root of a new procfs; that of the machine where none may be made, or the kernel is older than 5.2."""
    context = _libc.syscall(_FSOPEN, b"proc", _CLOEXEC)
    if context < 0:
        return os.open("/proc", os.O_PATH | os.O_CLOEXEC)
    try:
        if _libc.syscall(_FSCONFIG, context, _CMD_CREATE, None, None, 0) == 0:
            root: int = _libc.syscall(_FSMOUNT, context, _CLOEXEC, 0)
            if root >= 0:
                return root
    finally:
        os.close(context)
    return os.open("/proc", os.O_PATH | os.O_CLOEXEC)
