"""Containers and executions in memory.

They understand a few commands: `echo WORDS` writes each on a line, those that start with `!` to stderr; `cat` repeats
its input and ends with it; `sleep` runs until it is stopped; `exit N` ends with a code.
"""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.unit.api.fake_images import MADE

from netwright.containers.api import (
    STDERR,
    STDOUT,
    AttachRequest,
    Exec,
    ExecRequest,
    ExitStatus,
    Frame,
    LogRequest,
    PathStat,
    Session,
)
from netwright.errors import Conflict, InvalidInput, NotFound, NotModified
from netwright.model.container import (
    Container,
    ContainerRequest,
    Process,
    Status,
)
from netwright.model.names import Id, new_id, short
from netwright.model.network import EndpointSpec

if TYPE_CHECKING:
    from tests.unit.api.fakes import FakeEngine


class Line:
    """What one client sees of a process, and what it sends."""

    def __init__(self, *, tty: bool) -> None:
        self.tty = tty
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.input: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)
        self.closed = False
        self.input_ended = False

    async def output(self) -> AsyncIterator[Frame]:
        while (frame := await self.frames.get()) is not None:
            yield frame

    async def write(self, data: bytes) -> None:
        await self.input.put(data)

    async def close_input(self) -> None:
        self.input_ended = True
        await self.input.put(b"")

    async def close(self) -> None:
        self.closed = True


async def run(words: Sequence[str], line: Line, log: list[Frame], stopped: asyncio.Event) -> int:
    """Do what a command says and return its exit code."""

    def say(stream: int, data: bytes) -> None:
        log.append(Frame(stream, data))
        line.frames.put_nowait(Frame(stream, data))

    code = 0
    match list(words):
        case ["cat"]:
            while data := await line.input.get():
                say(STDOUT, data)
        case ["exit", text]:
            code = int(text)
        case ["echo", *rest]:
            for word in rest:
                say(STDERR if word.startswith("!") else STDOUT, f"{word}\n".encode())
        case ["sleep"]:
            await stopped.wait()
            code = 137
        case _:
            raise InvalidInput(f"the fake cannot run {words}")
    line.frames.put_nowait(None)
    return code


@dataclass
class Life:
    """What is known of a container while the test runs."""

    line: Line
    log: list[Frame] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    removed: asyncio.Event = field(default_factory=asyncio.Event)


class FakeContainers:
    """The containers."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.rows: dict[Id, Container] = {}
        self.lives: dict[Id, Life] = {}
        self.calls: list[tuple[object, ...]] = []
        self.abandoned = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def list(self) -> Sequence[Container]:
        return tuple(self.rows.values())

    def get(self, reference: str) -> Container:
        bare = reference.removeprefix("/")
        # A whole name goes before the start of an id, or "b" would now and then be another container.
        known = [row for row in self.rows.values() if bare in (row.id, row.name)]
        known += [row for row in self.rows.values() if bare and row.id.startswith(bare)]
        if not known:
            raise NotFound(f"No such container: {reference}")
        return known[0]

    def put(self, row: Container) -> Container:
        self.rows[row.id] = row
        self.lives.setdefault(row.id, Life(Line(tty=row.config.tty)))
        return row

    async def create(self, request: ContainerRequest) -> tuple[Container, tuple[str, ...]]:
        image = self._engine.images.get(request.config.image)
        name = request.name or "brisk_heron"
        if any(row.name == name for row in self.rows.values()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        identity = new_id()
        mode, _, donor = request.host.network_mode.partition(":")
        words = (*(request.config.entrypoint or ()), *(request.config.command or image.command))
        row = Container(
            id=identity,
            name=name,
            created=datetime.now(UTC),
            config=replace(request.config, command=tuple(words)),
            host=request.host,
            image=image.id,
            process=Process(arguments=words, tty=request.config.tty),
            sandbox=new_id(),
            joins=self.get(donor).id if mode == "container" else None,
            hostname=request.config.hostname or short(identity),
        )
        for reference, spec in request.networks.items():
            self._engine.sandboxes.add(row, self._engine.networks.get(reference), spec)
        self._say("create", self.put(row))
        return row, ()

    def _say(self, action: str, row: Container, **more: str) -> None:
        attributes = {**row.config.labels, "image": row.config.image, "name": row.name, **more}
        self._engine.say("container", action, row.id, attributes)

    def _set(self, row: Container, **changes: object) -> Container:
        state = replace(row.state, **changes)  # type: ignore[arg-type]  # the names are those of the state's fields
        return self.put(replace(self.rows[row.id], state=state))

    async def start(self, reference: str) -> None:
        row = self.get(reference)
        if row.state.status is Status.RUNNING:
            raise NotModified(f"container {row.name} is running")
        row = self._set(row, status=Status.RUNNING, pid=4711, started=datetime.now(UTC))
        self._engine.sandboxes.turn(row, is_open=True)
        self._say("start", row)
        task = asyncio.ensure_future(self._live(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, row: Container) -> None:
        life = self.lives[row.id]
        code = await run(row.process.arguments, life.line, life.log, life.stopped)
        self._engine.sandboxes.turn(row, is_open=False)
        self._set(row, status=Status.EXITED, pid=0, exit_code=code, finished=datetime.now(UTC))
        self._say("die", row, exitCode=str(code))
        life.ended.set()
        if row.host.auto_remove:
            await self.remove(row.id)

    async def stop(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        row = self.get(reference)
        self.calls.append(("stop", row.name, seconds, signal))
        if row.state.status is not Status.RUNNING:
            raise NotModified(f"container {row.name} does not run")
        await self._stopped(row)

    async def _stopped(self, row: Container) -> None:
        life = self.lives[row.id]
        life.stopped.set()
        life.line.input.put_nowait(b"")
        await life.ended.wait()

    async def kill(self, reference: str, signal: str = "") -> None:
        row = self.get(reference)
        self.calls.append(("kill", row.name, signal))
        if row.state.status is not Status.RUNNING:
            raise Conflict(f"container {row.id} is not running")
        await self._stopped(row)

    async def restart(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        row = self.get(reference)
        self.calls.append(("restart", row.name, seconds, signal))
        if row.state.status is Status.RUNNING:
            await self._stopped(row)
        self.lives[row.id] = Life(Line(tty=row.config.tty))
        await self.start(row.id)

    async def remove(self, reference: str, *, force: bool = False, volumes: bool = False) -> None:
        row = self.get(reference)
        self.calls.append(("remove", row.name, force, volumes))
        if row.state.status is Status.RUNNING:
            if not force:
                raise Conflict(f"cannot remove container {row.name}: container is running")
            await self._stopped(row)
        del self.rows[row.id]
        self._say("destroy", row)
        self.lives[row.id].removed.set()

    async def rename(self, reference: str, name: str) -> None:
        row = self.get(reference)
        self.put(replace(row, name=name))

    async def wait(self, reference: str, condition: str = "not-running") -> ExitStatus:
        row = self.get(reference)
        try:
            return await self._waited(row, condition)
        except asyncio.CancelledError:
            self.abandoned.set()
            raise

    async def _waited(self, row: Container, condition: str) -> ExitStatus:
        life = self.lives[row.id]
        match condition:
            case "not-running" if row.state.status is not Status.RUNNING:
                return ExitStatus(row.state.exit_code)
            case "not-running" | "next-exit":
                await life.ended.wait()
            case "removed":
                await life.removed.wait()
                return ExitStatus(0)
            case _:
                raise InvalidInput(f'invalid condition: "{condition}"')
        return ExitStatus(self.rows[row.id].state.exit_code)

    async def logs(self, reference: str, request: LogRequest) -> AsyncIterator[Frame]:
        row = self.get(reference)
        self.calls.append(("logs", request))
        log = self.lives[row.id].log
        for frame in log if request.tail is None else log[len(log) - request.tail :]:
            if (frame.stream == STDOUT and request.stdout) or (frame.stream == STDERR and request.stderr):
                yield frame
        if request.follow:
            await self.lives[row.id].ended.wait()

    async def attach(self, reference: str, request: AttachRequest) -> Session:
        row = self.get(reference)
        self.calls.append(("attach", request))
        return self.lives[row.id].line

    async def resize(self, reference: str, *, rows: int, columns: int) -> None:
        self.calls.append(("resize", self.get(reference).name, rows, columns))

    async def prune(self, keep: Callable[[Container], bool]) -> tuple[Sequence[Id], int]:
        going = [row.id for row in self.list() if row.state.status is not Status.RUNNING and not keep(row)]
        for identity in going:
            await self.remove(identity)
        return going, 4096 * len(going)

    async def stat(self, reference: str, path: str) -> PathStat:
        self.get(reference)
        if path != "/etc/hostname":
            raise NotFound(f"Could not find the file {path} in container {reference}")
        return PathStat(name="hostname", size=5, mode=0o644, modified=MADE)

    async def pack(self, reference: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        stat = await self.stat(reference, path)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo(stat.name)
            entry.size = stat.size
            tar.addfile(entry, io.BytesIO(b"web1\n"))

        async def chunks() -> AsyncIterator[bytes]:
            yield buffer.getvalue()

        return stat, chunks()

    async def unpack(self, reference: str, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool = False) -> None:
        data = b"".join([chunk async for chunk in tar])
        with tarfile.open(fileobj=io.BytesIO(data)) as opened:
            self.calls.append(("unpack", self.get(reference).name, path, opened.getnames(), no_overwrite))

    async def connect(self, reference: str, network: str, spec: EndpointSpec) -> None:
        self._engine.sandboxes.add(self.get(reference), self._engine.networks.get(network), spec)

    async def disconnect(self, reference: str, network: str, *, force: bool = False) -> None:
        await self._engine.sandboxes.disconnect(self.get(reference).sandbox, network, force=force)

    async def restore(self) -> None:
        pass

    async def stop_all(self, seconds: int) -> None:
        pass

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()


class FakeExecutions:
    """The executions."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.rows: dict[Id, Exec] = {}
        self.sizes: list[tuple[int, int]] = []
        self.takes = 0.0
        """Seconds until a process has started."""
        self.lines: dict[Id, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, identity: str) -> Exec:
        try:
            return self.rows[Id(identity)]
        except KeyError:
            raise NotFound(f"No such exec instance: {identity}") from None

    def of(self, container: Id) -> Sequence[Exec]:
        return [row for row in self.rows.values() if row.container == container]

    async def create(self, reference: str, request: ExecRequest) -> Exec:
        container = self._engine.containers.get(reference)
        if container.state.status is not Status.RUNNING:
            raise Conflict(f"container {container.id} is not running")
        row = Exec(id=new_id(), container=container.id, request=request)
        self.rows[row.id] = row
        return row

    def check(self, identity: str) -> None:
        row = self.get(identity)
        if row.running or row.exit_code is not None:
            raise Conflict(f"Error: Exec command {identity} is already running")

    async def start(self, identity: str, *, detach: bool = False) -> Session | None:
        self.check(identity)
        await asyncio.sleep(self.takes)
        row = self.rows[Id(identity)] = replace(self.get(identity), running=True, pid=4712)
        line = self.lines[row.id] = Line(tty=row.request.tty)
        task = asyncio.ensure_future(self._live(row, line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None if detach else line

    async def _live(self, row: Exec, line: Line) -> None:
        words = row.request.arguments
        code = await run(words, line, [], asyncio.Event())
        self.rows[row.id] = replace(row, running=False, pid=0, exit_code=code)

    async def resize(self, identity: str, *, rows: int, columns: int) -> None:
        self.get(identity)
        self.sizes.append((rows, columns))
