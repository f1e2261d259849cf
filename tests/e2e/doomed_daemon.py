"""The daemon as it is, but for one thing: it counts its steps, and dies or fails at the one that it is told.

    doomed_daemon.py STEERING DAEMON-OPTIONS...

A step is the moment before, and the moment after, each operation on the machine, each commit, and each program that is
run for a container. The file STEERING is shared with whoever steers (`Steering`): what is to happen, at which step, and
how many there have been. Nothing of this is in the product: its classes are wrapped here.
"""

import mmap
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_FORM = struct.Struct("<qqq")
_NAME = 400

OFF, KILL, FAIL = 0, 1, 2


class Steering:
    """The shared file: what is to happen (OFF, KILL, FAIL), at which step, how many there were, which one it was."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_FORM.size + _NAME))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size + _NAME)

    def set(self, mode: int, target: int) -> None:
        """Begin to count; let something happen at a step."""
        self._memory[_FORM.size :] = bytes(_NAME)
        self._memory[: _FORM.size] = _FORM.pack(mode, target, 0)

    def get(self) -> tuple[int, int, int]:
        """Return mode, target and count."""
        mode, target, count = _FORM.unpack(self._memory[: _FORM.size])
        return mode, target, count

    def count(self, step: str) -> int:
        """Count a step, and return what is to happen at it."""
        mode, target, count = self.get()
        if mode == OFF:
            return OFF
        self._memory[: _FORM.size] = _FORM.pack(mode, target, count + 1)
        if count + 1 != target:
            return OFF
        self._memory[_FORM.size :] = step.encode()[:_NAME].ljust(_NAME, b"\0")
        return mode

    @property
    def step(self) -> str:
        """The step at which it happened."""
        return bytes(self._memory[_FORM.size :]).rstrip(b"\0").decode(errors="replace")


class Steps:
    """Takes the steps of this process."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering
        self._lock = threading.Lock()

    def before(self, what: str, refuse: Callable[[str], Exception]) -> None:
        """Take the step before something. Raises what `refuse` makes of the reason where it is to fail."""
        with self._lock:
            fate = self._steering.count(f"before {what}")
            if fate == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            if fate == FAIL:
                raise refuse(f"told to fail: {what}")

    def after(self, what: str) -> None:
        """Take the step after something; what is done cannot fail any more."""
        with self._lock:
            if self._steering.get()[0] == KILL and self._steering.count(f"after {what}") == KILL:
                os.kill(os.getpid(), signal.SIGKILL)


def wrap(steps: Steps) -> None:
    """Let the engine's classes take their steps."""
    from netwright.containers import runtime
    from netwright.errors import OperationFailed, SystemFailure
    from netwright.kernel import commands
    from netwright.kernel.linux import LinuxHost
    from netwright.store.sqlite import SqliteStore

    operations, commit, run = LinuxHost._operations, SqliteStore.commit, commands.run_async

    def stepping(kind: type, act: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def carry(work: object, op: object) -> None:
            steps.before(str(op), OperationFailed)
            act(work, op)
            steps.after(kind.__name__)

        return carry

    async def stepping_commit(store: SqliteStore, changes: Sequence[Any]) -> None:
        rows = (f"{type(one).__name__} {getattr(one, 'key', '')[:12]}" for one in changes)
        what = f"commit of {', '.join(rows)}"
        steps.before(what, SystemFailure)
        await commit(store, changes)
        steps.after(what)

    async def stepping_run(argv: Sequence[str], **more: Any) -> Any:
        what = f"run of {Path(argv[0]).name} {argv[-2]} {argv[-1]}"
        steps.before(what, OperationFailed)
        result = await run(argv, **more)
        steps.after(what)
        return result

    def stepping_operations(host: LinuxHost) -> dict[Any, Any]:
        return {kind: stepping(kind, act) for kind, act in operations(host).items()}

    for owner, name, wrapped in (
        (LinuxHost, "_operations", stepping_operations),
        (SqliteStore, "commit", stepping_commit),
        (runtime, "run_async", stepping_run),
    ):
        setattr(owner, name, wrapped)


if __name__ == "__main__":
    wrap(Steps(Steering(Path(sys.argv[1]))))
    from netwright.frontends.daemon import main

    sys.exit(main(sys.argv[2:]))
