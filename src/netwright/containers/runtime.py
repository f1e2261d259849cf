"""conmon and an OCI runtime: the processes of containers and executions, which outlive the engine.

conmon stands between the engine and a process: it holds its pipes or terminal, writes its log, offers a socket to
attach to, and leaves the exit code in a file. It is asked for by options and answers by pipes that it is told of in
its environment (conmon's own source, src/conmon.c):

    _OCI_STARTPIPE    it waits for a byte before it does anything, and with `--exec-attach` for one more
    _OCI_ATTACHPIPE   it writes here when somebody may connect to the attach socket of an execution
    _OCI_SYNCPIPE     it writes {"data": PID}, or {"data": -1, "message": ...} where the runtime failed

Signals go straight to the process through its pidfd: quicker than a fork of the runtime, and never to a wrong process.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from netwright.containers.disk import on_disk
from netwright.containers.layout import Bundle, Layout
from netwright.containers.processes import HeldProcess, anyone, has_argument, hold, in_cgroup, read_pid, readable
from netwright.containers.runtime_errors import StartFailure, of_create, of_exec
from netwright.errors import NetwrightError, OperationFailed, SystemFailure
from netwright.kernel.commands import Result, failure, run_async
from netwright.model.names import Id

SECONDS = 60.0
"""How long the runtime may take for one thing; a loaded machine with a cold page cache may need several."""

_READ = 65536
_GATE_SECONDS = 2.0
"""How long a created container may take to come to its gate."""

_LOOK_AGAIN = 0.02


class StartFailed(NetwrightError):
    """A process could not be started; `failure` says what the client hears and which exit code is kept."""

    def __init__(self, failure: StartFailure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """How a process is connected: to a terminal or to pipes, with stdin or without.

    `keep_stdin` leaves stdin open when the engine's connection is closed, for the next client.
    """

    tty: bool = False
    stdin: bool = False
    keep_stdin: bool = False

    @property
    def options(self) -> list[str]:
        """Conmon's options."""
        wanted = [("-t", self.tty), ("-i", self.stdin), ("--leave-stdin-open", self.stdin and self.keep_stdin)]
        return [option for option, there in wanted if there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process and its conmon, both held; `conmon` is None where it was killed and the process lives on."""

    process: HeldProcess
    conmon: HeldProcess | None

    def close(self) -> None:
        """Let go of both."""
        self.process.close()
        if self.conmon is not None:
            self.conmon.close()


@dataclass(slots=True)
class _Pipes:
    """The pipes of one conmon: our ends, and the numbers of its ends."""

    sync: int
    start: int
    attach: int
    given: dict[str, int]

    def close_given(self) -> None:
        """Close conmon's ends on our side, so that its death is seen as end of file."""
        for descriptor in self.given.values():
            os.close(descriptor)
        self.given.clear()

    def close(self) -> None:
        """Close everything."""
        self.close_given()
        for descriptor in (self.sync, self.start, self.attach):
            os.close(descriptor)


def _pipes() -> _Pipes:
    sync, sync_given = os.pipe()
    start_given, start = os.pipe()
    attach, attach_given = os.pipe()
    os.set_blocking(sync, False)
    os.set_blocking(attach, False)
    given = {"_OCI_SYNCPIPE": sync_given, "_OCI_STARTPIPE": start_given, "_OCI_ATTACHPIPE": attach_given}
    return _Pipes(sync, start, attach, given)


class Runtime:
    """Starts, finds and ends the processes of containers."""

    def __init__(self, layout: Layout, *, program: str, conmon: str = "/usr/bin/conmon") -> None:
        self._layout = layout
        self.program = program
        self._conmon = conmon

    async def create(self, identity: Id, config: bytes, terminal: Terminal) -> Running:
        """Make a container up to the point where only its program is missing. Raises StartFailed, OperationFailed."""
        bundle = self._layout.bundle(identity)
        if (self._layout.runtime_root / identity).exists():
            # What it kept of an earlier life could not be deleted then; it would refuse a second one of the name.
            await self.discard(identity)
        await on_disk(_prepare, bundle, bundle.config, config)
        log = self._layout.log(identity)
        pipes = _pipes()
        try:
            await self._launch(identity, bundle, terminal, pipes, ["-l", f"k8s-file:{log}"])
            pid = await _pid(pipes.sync, of_create)
        except BaseException:
            await self.discard(identity)
            raise
        finally:
            pipes.close()
        return self._held(bundle, pid)

    async def start(self, identity: Id) -> None:
        """Let the program of a created container run. Raises StartFailed."""
        if Path(self.program).name == "runc" and await _open_gate(self._layout.runtime_root / identity / "exec.fifo"):
            return
        result = await self._call("start", identity)
        if result.code != 0:
            raise StartFailed(of_create(result.errors))

    async def delete(self, identity: Id) -> None:
        """Kill what is left of a container, and take away its cgroup and the runtime's state; content without any."""
        result = await self._call("delete", "--force", identity)
        if result.code != 0 and "does not exist" not in result.errors:
            raise failure([self.program, "delete", identity], result)

    async def discard(self, identity: Id) -> None:
        """Take back a creation that failed or was cut short, whatever there is of it."""
        bundle = self._layout.bundle(identity)
        conmon = hold(read_pid(bundle.conmon_pid), has_argument(identity))
        if conmon is None:
            await self.delete(identity)
            return
        try:
            await _create_over(conmon, bundle)
            await self.delete(identity)
            conmon.signal(signal.SIGKILL)
            await conmon.ended()
        finally:
            conmon.close()

    def find(self, identity: Id) -> Running | None:
        """Return the process of a container from an earlier life of the engine, if it still lives."""
        bundle = self._layout.bundle(identity)
        process = hold(read_pid(bundle.pid), in_cgroup(identity))
        if process is None:
            return None
        return Running(process=process, conmon=hold(read_pid(bundle.conmon_pid), has_argument(identity)))

    def conmon_of(self, identity: Id) -> HeldProcess | None:
        """Return the living conmon of a container, if there is one."""
        return hold(read_pid(self._layout.bundle(identity).conmon_pid), has_argument(identity))

    def known(self) -> Sequence[Id]:
        """Return the containers that the runtime keeps state of."""
        root = self._layout.runtime_root
        return [Id(entry.name) for entry in root.iterdir()] if root.is_dir() else []

    @asynccontextmanager
    async def execute(
        self, container: Id, execution: Id, process: bytes, terminal: Terminal, *, attach: bool
    ) -> AsyncIterator["Launch"]:
        """Prepare one more process in a container.

        The block may connect to the attach socket before it calls `Launch.go`.
        """
        bundle = self._layout.exec_bundle(container, execution)
        await on_disk(_prepare, bundle, bundle.process, process)
        pipes = _pipes()
        options = ["-e", "--exec-process-spec", str(bundle.process), "-l", "none"]
        if attach:
            options.append("--exec-attach")
        try:
            await self._launch(container, bundle, terminal, pipes, options)
            if attach:
                await _said(pipes.attach)
            yield Launch(bundle, pipes, attach=attach)
        finally:
            pipes.close()

    async def _launch(
        self, identity: Id, bundle: Bundle, terminal: Terminal, pipes: _Pipes, options: Sequence[str]
    ) -> None:
        argv = [self._conmon, "--api-version", "1", "-c", identity, "-u", identity, "-r", self.program]
        argv += ["-b", str(bundle.path), "-p", str(bundle.pid), "--conmon-pidfile", str(bundle.conmon_pid)]
        argv += ["--exit-dir", str(bundle.exits), "--full-attach", "--socket-dir-path", str(self._layout.sockets)]
        argv += ["--runtime-arg", "--root", "--runtime-arg", str(self._layout.runtime_root)]
        argv += [*terminal.options, *options]
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        environment.update((name, str(number)) for name, number in pipes.given.items())
        # conmon goes to the background only after the first byte, so it has to be in the pipe beforehand.
        os.write(pipes.start, b"\0")
        result = await run_async(argv, env=environment, pass_fds=tuple(pipes.given.values()), timeout=SECONDS)
        pipes.close_given()
        if result.code != 0:
            raise failure(argv, result)

    def _held(self, bundle: Bundle, pid: int) -> Running:
        process = hold(pid, anyone)
        if process is None:
            raise SystemFailure(f"process {pid} ended before it was started")
        return Running(process=process, conmon=hold(read_pid(bundle.conmon_pid), anyone))

    async def _call(self, *arguments: str) -> Result:
        argv = [self.program, "--root", str(self._layout.runtime_root), *arguments]
        return await run_async(argv, timeout=SECONDS)


class Launch:
    """An execution about to begin."""

    def __init__(self, bundle: Bundle, pipes: _Pipes, *, attach: bool) -> None:
        self._bundle = bundle
        self._pipes = pipes
        self._attach = attach

    async def go(self) -> tuple[int, HeldProcess | None]:
        """Begin, and return the process's pid and its conmon. Raises StartFailed."""
        if self._attach:
            os.write(self._pipes.start, b"\0")
        pid = await _pid(self._pipes.sync, of_exec)
        return pid, hold(read_pid(self._bundle.conmon_pid), anyone)


async def _open_gate(gate: Path) -> bool:
    """Let a created container of runc's pass its gate; tell whether it did.

    A created container waits to write one byte into a named pipe, and all that `runc start` does is to read it and to
    remove the pipe: 10 ms for a process that need not be. Where anything is not as expected, `runc start` is asked.
    """
    try:
        descriptor = os.open(gate, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Where the time is up it may have come all the same: on a busy machine it is this process that is late.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GATE_SECONDS):
                await readable(descriptor)
        passed = os.read(descriptor, 1) != b""
    except OSError:
        passed = False
    finally:
        os.close(descriptor)
    if passed:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(gate)  # noqa: PTH108 - a removal of a moment, which a thread would only delay
    return passed


class _Answer(msgspec.Struct):
    """What conmon writes into its pipes."""

    data: int
    message: str = ""


async def _pid(descriptor: int, explain: Callable[[str], StartFailure]) -> int:
    """Return the pid that conmon tells. Raises StartFailed where it tells of a failure of the runtime."""
    answer = await _said(descriptor)
    if answer.data < 0:
        raise StartFailed(explain(answer.message))
    return answer.data


async def _said(descriptor: int) -> _Answer:
    """Return what conmon writes into a pipe first; where an execution ends quickly its exit code follows at once.

    Raises OperationFailed where conmon ends or says nothing in time.
    """
    text = b""
    try:
        async with asyncio.timeout(SECONDS):
            while b"\n" not in text:
                await readable(descriptor)
                more = os.read(descriptor, _READ)
                if not more:
                    break
                text += more
    except TimeoutError:
        raise OperationFailed(f"conmon said nothing within {SECONDS:.0f} s") from None
    try:
        return msgspec.json.decode(text.partition(b"\n")[0], type=_Answer)
    except msgspec.DecodeError:
        raise OperationFailed(f"conmon ended too early, its last words were {text!r}") from None


async def _create_over(conmon: HeldProcess, bundle: Bundle) -> None:
    """Wait until the runtime under a conmon has made its container or failed to.

    While it is at it there is nothing that could be deleted, and what it makes would be left behind. The pid file is
    the runtime's last act; nothing tells of it but looking.
    """
    ending = asyncio.ensure_future(conmon.ended())
    try:
        async with asyncio.timeout(SECONDS):
            while not bundle.pid.exists() and not ending.done():
                await asyncio.wait([ending], timeout=_LOOK_AGAIN)
    except TimeoutError:
        raise OperationFailed(f"the OCI runtime did not finish within {SECONDS:.0f} s") from None
    finally:
        ending.cancel()
        # Its reader has to be gone before anybody else waits for the same end.
        await asyncio.wait([ending])


def exit_code(bundle: Bundle, container: Id) -> int | None:
    """Return the exit code that conmon left, or None where it left none."""
    try:
        return int((bundle.exits / container).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _prepare(bundle: Bundle, path: Path, content: bytes) -> None:
    """Make a bundle without anything of an earlier run in it."""
    bundle.exits.mkdir(parents=True, exist_ok=True, mode=0o700)
    for stale in [*bundle.exits.iterdir(), bundle.oom, bundle.pid, bundle.conmon_pid, bundle.path / "attach"]:
        with suppress(FileNotFoundError):
            stale.unlink()
    path.write_bytes(content)
