"""Processes that are not our children for certain: held by pidfd, so that a number can never mean another process.

A container's process and its conmon outlive the engine. After a restart their numbers are read from files, and a
number may have been given to somebody else since. So a process is opened first and recognised afterwards, by something
that only it has: conmon by the container's id on its command line, the container's process by the id in its cgroup.
"""

import asyncio
import ctypes
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from netwright.errors import SystemFailure

_PR_SET_CHILD_SUBREAPER = 36


def become_reaper() -> None:
    """Let orphaned descendants become children of this process, so that it can reap them and read their exit codes.

    Without it they would go to PID 1, which in many containers and small machines does not reap. Raises SystemFailure.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemFailure(f"the engine cannot reap orphans: {os.strerror(ctypes.get_errno())}")


def raise_file_limit() -> None:
    """Let this process have as many open files as it may: it holds two for each container, and more for each client."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def readable(descriptor: int) -> None:
    """Wait until a descriptor can be read; a pidfd can once its process has ended."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def note() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, note)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


class HeldProcess:
    """A process that is held by its pidfd. Close it when done."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    async def ended(self) -> int | None:
        """Wait for its end, reap it if it is our child, and return its exit code in the shell's way if we may know."""
        await readable(self._descriptor)
        try:
            info = os.waitid(os.P_PIDFD, self._descriptor, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - WNOHANG does not wait
        except ChildProcessError:
            return None
        if info is None:
            return None
        return info.si_status if info.si_code == os.CLD_EXITED else 128 + info.si_status

    def signal(self, number: int) -> None:
        """Send a signal; content where the process has ended."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def hold(pid: int, recognise: Callable[[int], bool]) -> HeldProcess | None:
    """Hold the process of a number if it is there and is the one that is meant."""
    if pid <= 0:
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if not recognise(pid):
        os.close(descriptor)
        return None
    return HeldProcess(pid, descriptor)


def has_argument(text: str) -> Callable[[int], bool]:
    """Recognise a process by a word of its command line."""
    return lambda pid: text.encode() in _read(pid, "cmdline").split(b"\0")


def command_line(pid: int) -> list[str]:
    """Return the words of a process's command line; none where there is no such process, or the kernel's own."""
    return [word.decode(errors="replace") for word in _read(pid, "cmdline").split(b"\0")[:-1]]


def in_cgroup(name: str) -> Callable[[int], bool]:
    """Recognise a process by a directory in the path of its cgroup."""
    return lambda pid: any(name.encode() in line.split(b"/") for line in _read(pid, "cgroup").splitlines())


def anyone(_: int) -> bool:
    """Recognise any process: for a number that was learnt this moment."""
    return True


def read_pid(path: Path) -> int:
    """Return the number in a pid file, 0 where there is none or none yet."""
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdigit() else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
