"""The daemon as it is, but for one thing: it counts its steps, and dies or fails at the one that it is told.

A step is the moment before, and the moment after, each thing that is done to the machine: what goes to the kernel, the
keeper or the resolver at once, a commit, a program that is run for a container, a file or directory of the engine's
that is made, renamed or removed. Where steps are to fail, each operation is one of its own, and so is each question to
the machine; a program may fail, or do its work and not come back in time. A file is shared with whoever
steers (`Steering`): what is to happen, at which step, and how many there have been. Nothing of this is in the product:
its classes are wrapped here, so that what they raise by themselves is raised.
"""

import asyncio
import errno
import mmap
import os
import signal
import struct
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright.containers import creation, runtime
from netwright.errors import OperationFailed, SystemFailure
from netwright.frontends.daemon import main
from netwright.host import ops
from netwright.kernel import commands, links
from netwright.kernel.commands import Result, failure
from netwright.kernel.linux import LinuxHost
from netwright.kernel.names import CHANGES
from netwright.plugins import transport
from netwright.plugins.api import PluginRefused, PluginSilent
from netwright.store.sqlite import SqliteStore

_FORM = struct.Struct("<qqq")
_NAME, _WORDS = 400, 100
_SIZE = _FORM.size + _NAME + _WORDS

OFF, KILL, FAIL = 0, 1, 2

FULL = "database or disk is full"
REFUSED = "told to fail"
LATE = "did not end within 60 s"
SILENT = "no answer within 30 s"


class Steering:
    """The shared file: what is to happen (OFF, KILL, FAIL), at which step, how many there were, which one it was.

    `words` is what a failure was told in: whoever asked, or the log, has to say so.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def set(self, mode: int, target: int) -> None:
        """Begin to count; let something happen at a step."""
        self._memory[_FORM.size :] = bytes(_NAME + _WORDS)
        self._memory[: _FORM.size] = _FORM.pack(mode, target, 0)

    def rest(self) -> None:
        """Let nothing happen any more; what has happened stays known."""
        self._memory[: _FORM.size] = _FORM.pack(OFF, 0, 0)

    def get(self) -> tuple[int, int, int]:
        """Return mode, target and count."""
        mode, target, count = _FORM.unpack(self._memory[: _FORM.size])
        return mode, target, count

    def count(self, step: str, words: str) -> int:
        """Count a step, and return what is to happen at it."""
        mode, target, count = self.get()
        if mode == OFF:
            return OFF
        self._memory[: _FORM.size] = _FORM.pack(mode, target, count + 1)
        if count + 1 != target:
            return OFF
        self._memory[_FORM.size :] = _padded(step, _NAME) + _padded(words, _WORDS)
        return mode

    @property
    def step(self) -> str:
        """The step at which it happened."""
        return _text(self._memory[_FORM.size :][:_NAME])

    @property
    def words(self) -> str:
        """The words in which it was told."""
        return _text(self._memory[_FORM.size + _NAME :])


def _padded(text: str, size: int) -> bytes:
    return text.encode()[:size].ljust(size, b"\0")


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode(errors="replace")


class Steps:
    """Takes the steps of this process."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering
        self._lock = threading.Lock()

    def dies(self, when: str, what: str) -> None:
        """Take a step at which the process may die; it is none where steps are to fail."""
        self._take(KILL, f"{when} {what}", "")

    def fails(self, what: str, words: str) -> bool:
        """Take a step at which something may fail, in these words; it is none where the process is to die."""
        return self._take(FAIL, what, words) == FAIL

    def _take(self, mode: int, step: str, words: str) -> int:
        if self._steering.get()[0] != mode:
            return OFF
        with self._lock:
            fate = self._steering.count(step, words)
        if fate == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        return fate


def wrap(steps: Steps, folder: str) -> None:
    """Let the engine take its steps; `folder` is where all its files lie."""
    _wrap_machine(steps)
    _wrap_store(steps)
    _wrap_programs(steps)
    _wrap_plugins(steps)
    sys.addaudithook(Files(steps, folder))


def _wrap_machine(steps: Steps) -> None:
    carry, ask = LinuxHost._failures, LinuxHost._ask

    def stepping_failures(host: LinuxHost, work: Any, run: Sequence[Any]) -> Mapping[int, OperationFailed]:
        what = type(run[0]).__name__
        steps.dies("before", str(run[0]))
        refused = refusal(steps, run)
        failures = carry(host, work, run) if refused is None else refused.among(lambda some: carry(host, work, some))
        steps.dies("after", what)
        return failures

    def stepping_ask(host: LinuxHost, query: Any) -> Any:
        words = os.strerror(errno.ENOBUFS)
        if steps.fails(str(query), words):
            raise OperationFailed(f"{query}: {words}", errno=errno.ENOBUFS)
        return ask(host, query)

    _replace(LinuxHost, _failures=stepping_failures, _ask=stepping_ask)


def _replace(owner: object, **wrapped: object) -> None:
    for name, one in wrapped.items():
        setattr(owner, name, one)


@dataclass(frozen=True)
class Refusal:
    """One operation of a run fails. The kernel goes on with the next, the keeper does not, and some go as a whole."""

    run: Sequence[Any]
    place: int
    failure: Any
    goes_on: bool
    whole: bool

    def among(self, carry: Callable[[Sequence[Any]], Mapping[int, Any]]) -> Mapping[int, Any]:
        """Carry out what is carried out all the same; return what failed by its place."""
        before, after = self.run[: self.place], self.run[self.place + 1 :]
        if self.whole:
            return dict.fromkeys(range(len(self.run)), self.failure)
        failures = dict(carry(before)) if before else {}
        failures[self.place] = self.failure
        if not self.goes_on:
            return failures | dict.fromkeys(range(self.place, len(self.run)), self.failure)
        others = carry(after) if after else {}
        return failures | {self.place + 1 + place: other for place, other in others.items()}


def refusal(steps: Steps, run: Sequence[Any]) -> Refusal | None:
    """Return which operation of a run is to fail, if any, with the kind of error that it may have."""
    whole = isinstance(run[0], (*CHANGES, ops.ReleasePort))
    for place, op in enumerate(run[:1] if whole else run):
        number = _NUMBERS.get(type(op).__name__, errno.ENOBUFS)
        words = REFUSED if isinstance(op, (ops.NftTransaction, ops.IptablesTransaction)) else os.strerror(number)
        if steps.fails(str(op), words):
            return Refusal(run, place, _failure(op, number), isinstance(op, links.MESSAGES), whole)
    return None


_NUMBERS = {
    "CreateNamespace": errno.ENOSPC,
    "DeleteNamespace": errno.EBUSY,
    "AddBridge": errno.ENFILE,
    "SetSysctl": errno.EIO,
    "HoldPort": errno.EMFILE,
    "ReleasePort": errno.EPIPE,
    "RelayPort": errno.EMFILE,
    "ServeNames": errno.ENOMEM,
    "StopNames": errno.EPIPE,
    "PublishNames": errno.EPIPE,
    "WithdrawNames": errno.EPIPE,
    "SetNameView": errno.EPIPE,
    "ReplaceNames": errno.EPIPE,
    "ChangeElements": errno.ENOMEM,
    "Mount": errno.ENOMEM,
    "Unmount": errno.EIO,
}
"""The error that an operation has by preference; others have those of netlink."""


def _failure(op: Any, number: int) -> Any:
    match op:
        case ops.IptablesTransaction():
            return failure(["iptables-restore"], Result(code=4, output="", errors=REFUSED), op.rules)
        case ops.NftTransaction():
            return OperationFailed(f"nftables refused a transaction: {REFUSED}\n{op.commands}")
        case _:
            return OperationFailed(f"{op}: {os.strerror(number)}", errno=number)


def _wrap_store(steps: Steps) -> None:
    commit = SqliteStore.commit

    async def told(writing: Awaitable[None], what: str) -> None:
        await writing
        steps.dies("after", what)

    def stepping_commit(store: SqliteStore, changes: Sequence[Any]) -> Awaitable[None]:
        rows = (f"{type(one).__name__} {_row(one)}" for one in changes)
        what = f"commit of {', '.join(rows)}"
        steps.dies("before", what)
        if steps.fails(what, FULL):
            failed = asyncio.get_running_loop().create_future()
            failed.set_exception(SystemFailure(f"the store {store._path} could not be written: {FULL}"))
            return failed
        return told(commit(store, changes), what)

    _replace(SqliteStore, commit=stepping_commit)


def _row(change: Any) -> str:
    """Return what a change is about, and what it says of its state."""
    value = getattr(change, "value", None)
    state = getattr(getattr(value, "state", None), "status", None) or getattr(value, "open", "")
    kind = getattr(change, "kind", type(value))
    return f"{kind.__name__} {change.key[:12]} {state}".strip()


def _wrap_programs(steps: Steps) -> None:
    run, check = commands.run_async, commands.check

    async def stepping_run(argv: Sequence[str], **more: Any) -> Any:
        what = f"run of {Path(argv[0]).name} {argv[-2]} {argv[-1]}"
        steps.dies("before", what)
        if steps.fails(what, REFUSED):
            return commands.Result(code=1, output="", errors=REFUSED)
        if "-r" in argv and steps.fails(f"{what}: the runtime", REFUSED):
            argv = [_FAILING if before == "-r" else word for before, word in zip(("", *argv), argv, strict=False)]
        result = await run(argv, **more)
        if steps.fails(f"{what}: its end", LATE):
            raise OperationFailed(f"{' '.join(argv)} {LATE}")
        steps.dies("after", what)
        return result

    def stepping_check(argv: Sequence[str], **more: Any) -> str:
        what = f"run of {argv[0]}"
        steps.dies("before", what)
        if steps.fails(what, REFUSED):
            raise commands.failure(argv, commands.Result(code=1, output="", errors=REFUSED))
        output = check(argv, **more)
        steps.dies("after", what)
        return output

    _replace(runtime, run_async=stepping_run)
    _replace(creation, run_checked=stepping_check)


def _wrap_plugins(steps: Steps) -> None:
    call = transport.call

    async def stepping_call(address: Any, method: str, *asked: Any, **more: Any) -> Any:
        steps.dies("before", method)
        if steps.fails(method, REFUSED):
            raise PluginRefused(f"{method}: {REFUSED}", 500)
        answer = await call(address, method, *asked, **more)
        if steps.fails(f"{method}: its answer", SILENT):
            raise PluginSilent(f"{method}: {SILENT}")
        steps.dies("after", method)
        return answer

    _replace(transport, call=stepping_call)


_FAILING = str(Path(__file__).with_name("failing_runtime"))
"""A runtime that fails whatever it is asked."""


@dataclass(frozen=True)
class Files:
    """What hears of every file that is about to be made, renamed or removed (sys.addaudithook)."""

    steps: Steps
    folder: str

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take the step before something is done to a file of the engine's."""
        if event not in _EVENTS:
            return
        path = arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        path = os.fsdecode(path)
        if not (path.startswith(self.folder) or ("/netwright/" in path and path.startswith("/sys/fs/cgroup/"))):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if event == "os.mkdir" and Path(path).is_dir():
            return
        if event in {"os.remove", "os.rmdir"} and not os.path.lexists(path):
            return
        what, number = f"{event} of {path}", _EVENTS[event]
        self.steps.dies("before", what)
        if self.steps.fails(what, os.strerror(number)):
            raise OSError(number, os.strerror(number), path)


_EVENTS = {
    "open": errno.ENOSPC,
    "os.mkdir": errno.ENOSPC,
    "os.rename": errno.ENOSPC,
    "os.remove": errno.EIO,
    "os.rmdir": errno.EIO,
}


def serve(steering: Path, options: Sequence[str]) -> int:
    """Be the daemon, and return its exit code."""
    wrap(Steps(Steering(steering)), str(steering.parent))

    return main(options)
