"""A process that is forked from this one, with all that it has imported, into the namespaces of another.

A daemon that is started a thousand times spends most of that on the import of its modules.
"""

import ctypes
import os
import select
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


class Forked:
    """As much of subprocess.Popen as tests need."""

    def __init__(self, work: Callable[[], int], *, beside: int, log: Path) -> None:
        """Do work in the network and mount namespaces of the process `beside`; what it writes goes to a log."""
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_done(work, beside, log))

    def poll(self) -> int | None:
        """Look whether it has ended, and how."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if self.poll() is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                select.select([descriptor], [], [], timeout)
            finally:
                os.close(descriptor)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(9)


def _done(work: Callable[[], int], beside: int, log: Path) -> int:
    """Do the work as a process of its own would, and return its exit code; this is the child."""
    try:
        _stand_alone(beside, log)
        code = work()
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does: threads finish what they are at
    return code


def _stand_alone(beside: int, log: Path) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target in (1, 2):
        os.dup2(output, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # What else is open here is the parent's: pipes whose end is to be seen, sockets.
    os.closerange(3, 1 + max(int(path.name) for path in Path("/proc/self/fd").iterdir()))
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    namespaces = [os.open(f"/proc/{beside}/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")]
    for descriptor in namespaces:
        if _libc.setns(descriptor, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the machine's namespaces")
        os.close(descriptor)
