"""An engine in memory for the API's tests: what stands behind the routes, without a machine.

Containers understand three commands: `echo WORDS` writes them and ends, `cat` repeats its input on stdout and ends with
it, `sleep` runs until it is stopped. `echo` starting with `!` writes to stderr; `exit N` ends with a code.
"""

import asyncio
import contextlib
import io
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from netwright.api.routes.absent import routes as absent_routes
from netwright.api.routes.containers import ContainerBackends, ContainerRoutes
from netwright.api.routes.events import EventRoutes
from netwright.api.routes.executions import ExecutionRoutes
from netwright.api.routes.images import ImageRoutes
from netwright.api.routes.networks import NetworkRoutes
from netwright.api.routes.system import SystemBackends, SystemRoutes
from netwright.api.routes.table import Route
from netwright.api.routes.volumes import VolumeRoutes
from netwright.api.server import Server
from netwright.api.translate.containers import Shown
from netwright.api.translate.engine import About
from netwright.containers.api import (
    STDERR,
    STDOUT,
    AttachRequest,
    Deleted,
    Exec,
    ExecRequest,
    ExitStatus,
    Frame,
    LogRequest,
    PathStat,
    PullProgress,
    RegistryAuth,
    Session,
    Untagged,
)
from netwright.controller.api import Attachment, NetworkRequest
from netwright.errors import Conflict, Forbidden, InvalidInput, NotFound, NotModified
from netwright.model.addressing import IPNetwork, Mac
from netwright.model.container import (
    Container,
    ContainerRequest,
    Image,
    Process,
    Status,
    Volume,
)
from netwright.model.events import Event
from netwright.model.names import Id, new_id, short
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.model.ports import PortBinding
from netwright.telemetry.bus import Bus
from netwright.telemetry.metrics import Metrics

MADE = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
"""When everything in a fake engine was made, so that answers can be compared."""


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
        self.refreshed: list[Id] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def list(self) -> Sequence[Container]:
        return tuple(self.rows.values())

    def get(self, reference: str) -> Container:
        bare = reference.removeprefix("/")
        for row in self.rows.values():
            if bare in (row.id, row.name) or (bare and row.id.startswith(bare)):
                return row
        raise NotFound(f"No such container: {reference}")

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

    async def refresh_files(self, owner: Id) -> None:
        self.refreshed.append(owner)

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

    async def start(self, identity: str, *, detach: bool = False) -> Session | None:
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


class FakeImages:
    """The images."""

    def __init__(self) -> None:
        self.rows: list[Image] = [busybox()]
        self.auths: list[RegistryAuth | None] = []
        self.fails_midway = False

    def list(self) -> Sequence[Image]:
        return self.rows

    def get(self, reference: str) -> Image:
        for image in self.rows:
            bare = image.id.removeprefix("sha256:")
            if reference in image.references or f"{reference}:latest" in image.references:
                return image
            if reference and (image.id == reference or bare.startswith(reference)):
                return image
        raise NotFound(f"No such image: {reference}")

    async def load(self, tar: AsyncIterator[bytes]) -> AsyncIterator[str]:
        size = len(b"".join([chunk async for chunk in tar]))
        if not size:
            raise InvalidInput("the archive is empty")
        yield f"Loaded image: of{size}:latest"

    async def import_(
        self, tar: AsyncIterator[bytes], *, repository: str, tag: str, changes: Sequence[str], message: str
    ) -> Image:
        async for _ in tar:
            pass
        image = replace(
            busybox(), id="sha256:" + "cd" * 32, references=(f"{repository}:{tag or 'latest'}",), comment=message
        )
        self.rows.append(image)
        return image

    async def pull(self, reference: str, *, auth: RegistryAuth | None = None) -> AsyncIterator[PullProgress]:
        self.auths.append(auth)
        if "nothing" in reference:
            raise NotFound(f"pull access denied for {reference}, repository does not exist")
        yield PullProgress(status=f"Pulling from {reference}", id="latest")
        yield PullProgress(status="Downloading", id="abc", current=5, total=10)
        if self.fails_midway:
            raise NotFound("the layer went away")
        yield PullProgress(status=f"Status: Downloaded newer image for {reference}")

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        image = self.get(reference)
        self.rows.remove(image)
        self.rows.append(replace(image, references=(*image.references, f"{repository}:{tag or 'latest'}")))

    async def remove(self, reference: str, *, force: bool = False) -> Sequence[Untagged | Deleted]:
        image = self.get(reference)
        self.rows.remove(image)
        return [*map(Untagged, image.references), Deleted(image.id)]

    async def prune(
        self, keep: Callable[[Image], bool], *, unnamed_only: bool = True
    ) -> tuple[Sequence[Untagged | Deleted], int]:
        going = [image for image in self.rows if not keep(image) and not (unnamed_only and image.references)]
        return [Deleted(image.id) for image in going], sum(image.size for image in going)


class FakeVolumes:
    """The volumes."""

    def __init__(self) -> None:
        self.rows: dict[str, Volume] = {}

    def list(self) -> Sequence[Volume]:
        return sorted(self.rows.values(), key=lambda volume: volume.name)

    def get(self, name: str) -> Volume:
        try:
            return self.rows[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    def users(self, name: str) -> Sequence[Id]:
        return [Id("0" * 64)] if name.startswith("used") else []

    async def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        if driver != "local":
            raise NotFound(f'plugin "{driver}" not found')
        chosen = name or new_id()
        path = f"/var/lib/netwright/volumes/{chosen}/_data"
        made = Volume(
            name=chosen, path=path, created=MADE, labels=labels or {}, options=options or {}, anonymous=not name
        )
        return self.rows.setdefault(chosen, made)

    async def remove(self, name: str, *, force: bool = False) -> None:
        if self.users(name):
            raise Conflict(f"remove {name}: volume is in use")
        del self.rows[self.get(name).name]

    async def prune(self, keep: Callable[[Volume], bool], *, named: bool = False) -> tuple[Sequence[str], int]:
        going = [volume.name for volume in self.list() if not keep(volume) and (named or volume.anonymous)]
        for name in going:
            del self.rows[name]
        return going, 0


class FakeNetworks:
    """The networks."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.version = 0
        self.rows: dict[Id, Network] = {}
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
            self.add(network(name, driver, number=len(self.rows)))

    def add(self, row: Network) -> Network:
        self.rows[row.id] = row
        self.version += 1
        return row

    def list(self) -> Sequence[Network]:
        return tuple(self.rows.values())

    def get(self, reference: str) -> Network:
        for row in self.rows.values():
            if reference in (row.id, row.name) or (reference and row.id.startswith(reference)):
                return row
        raise NotFound(f"network {reference} not found")

    def attachments(self, network: Id) -> Sequence[Attachment]:
        return [item for items in self._engine.sandboxes.items.values() for item in items if item.network.id == network]

    def usage(self, network: Id) -> Mapping[IPNetwork, tuple[int, int]]:
        return {pool.subnet: (1, 2) for pool in self.rows[network].pools}

    async def create(self, request: NetworkRequest) -> Network:
        if any(row.name == request.name for row in self.rows.values()):
            raise Conflict(f"network with name {request.name} already exists")
        return self.add(
            Network(
                id=new_id(),
                name=request.name,
                driver=request.driver,
                created=datetime.now(UTC),
                ipv4=request.ipv4,
                ipv6=request.ipv6,
                internal=request.internal,
                pools=request.pools,
                options=request.options,
                labels=request.labels,
                ipam_options=request.ipam_options,
            )
        )

    async def remove(self, reference: str) -> Network:
        row = self.get(reference)
        if row.name in {"bridge", "host", "none"}:
            raise Forbidden(f"{row.name} is a pre-defined network and cannot be removed")
        if self.attachments(row.id):
            raise Forbidden(f"error while removing network: network {row.name} has active endpoints")
        self.version += 1
        return self.rows.pop(row.id)


class FakeSandboxes:
    """The sandboxes: the endpoints of each container."""

    def __init__(self, engine: "FakeEngine") -> None:
        self._engine = engine
        self.items: dict[Id, list[Attachment]] = {}

    def add(self, row: Container, joined: Network, spec: EndpointSpec) -> Attachment:
        sandbox = Sandbox(id=row.sandbox, owner=row.id, name=row.name, hostname=row.hostname)
        mine = self.items.setdefault(row.sandbox, [])
        has_interface = joined.driver == "bridge"
        address = IPv4Interface((str(spec.ipv4 or _address(joined, len(mine) + 2)), 16)) if has_interface else None
        endpoint = Endpoint(
            id=Id(f"{len(mine) + 1:02x}" * 32),
            network=joined.id,
            sandbox=row.sandbox,
            spec=spec,
            order=len(mine),
            mac=(spec.mac or Mac.parse("02:42:ac:11:00:02")) if has_interface else None,
            ipv4=address,
            gateway4=IPv4Address(_address(joined, 1)) if has_interface else None,
            bindings=tuple(
                PortBinding(request.port, request.host_ip or IPv4Address("0.0.0.0"), request.first or 49153)
                for request in row.host.ports
            ),
        )
        item = Attachment(network=joined, endpoint=endpoint, sandbox=sandbox)
        mine.append(item)
        return item

    def turn(self, row: Container, *, is_open: bool) -> None:
        self.items[row.sandbox] = [
            replace(item, sandbox=replace(item.sandbox, open=is_open)) for item in self.items.get(row.sandbox, [])
        ]

    async def connect(self, sandbox: Id, network: str, spec: EndpointSpec) -> Attachment:
        row = next(row for row in self._engine.containers.list() if row.sandbox == sandbox)
        return self.add(row, self._engine.networks.get(network), spec)

    async def disconnect(self, sandbox: Id, network: str, *, force: bool) -> None:
        before = self.items[sandbox]
        self.items[sandbox] = [item for item in before if network not in (item.network.id, item.network.name)]


def _address(joined: Network, number: int) -> str:
    return str(joined.pools[0].subnet[number])


def network(name: str, driver: str = "bridge", *, number: int = 0) -> Network:
    """Return a network with an id that is known beforehand."""
    pools = (
        (Pool(subnet=IPv4Network(f"172.{17 + number}.0.0/16"), gateway=IPv4Address(f"172.{17 + number}.0.1")),)
        if driver == "bridge"
        else ()
    )
    options = {"com.docker.network.bridge.default_bridge": "true"} if name == "bridge" else {}
    return Network(
        id=Id(f"{0xA0 + number:02x}" * 32), name=name, driver=driver, created=MADE, pools=pools, options=options
    )


def busybox() -> Image:
    """Return the image that is always there."""
    return Image(
        id="sha256:" + "ab" * 32,
        references=("busybox:latest",),
        created=MADE,
        size=4_200_000,
        architecture="amd64",
        os="linux",
        layers=("sha256:" + "12" * 32,),
        command=("echo", "hello"),
        environment=("PATH=/bin",),
    )


class FakeEngine:
    """Everything that stands behind the API."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.images = FakeImages()
        self.volumes = FakeVolumes()
        self.sandboxes = FakeSandboxes(self)
        self.networks = FakeNetworks(self)
        self.containers = FakeContainers(self)
        self.executions = FakeExecutions(self)
        self.metrics = Metrics()
        self.clock = 1_700_000_000_000_000_000

    def say(self, kind: str, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        """Publish an event, each a second after the one before."""
        self.clock += 1_000_000_000
        self.bus.publish(Event(type=kind, action=action, actor=actor, attributes=attributes, time=self.clock))

    def show(self, row: Container) -> Shown:
        """Return all that is shown of a container."""
        folder = f"/var/lib/netwright/containers/{row.id}"
        return Shown(
            container=row,
            attachments=self.sandboxes.items.get(row.sandbox, []),
            sandbox_key=f"/run/netwright/netns/{short(row.sandbox)}",
            hostname_path=f"{folder}/hostname",
            hosts_path=f"{folder}/hosts",
            resolv_path=f"{folder}/resolv.conf",
            log_path=f"{folder}/log",
            directories={"UpperDir": f"{folder}/diff"},
            exposed=tuple(dict.fromkeys((*row.config.exposed, *(request.port for request in row.host.ports)))),
            executions=[item.id for item in self.executions.of(row.id)],
        )

    def about(self) -> About:
        """Return what the engine says of itself."""
        return About(
            engine_id="feed" * 8,
            data_root="/var/lib/netwright",
            firewall="nftables",
            runtime="runc",
            runtimes={"runc": "/usr/sbin/runc"},
            labels=("rack=7",),
        )

    def application(self, *more: Route) -> web.Application:
        """Return the API, with some routes more."""
        system = SystemBackends(
            containers=self.containers, images=self.images, bus=self.bus, metrics=self.metrics, about=self.about
        )
        containers = ContainerBackends(containers=self.containers, executions=self.executions, show=self.show)
        networks = NetworkRoutes(self.networks, self.sandboxes, self.containers, lambda _: {})
        routes = [
            *more,
            *SystemRoutes(system).routes(),
            *EventRoutes(self.bus).routes(),
            *ContainerRoutes(containers).routes(),
            *ExecutionRoutes(self.executions).routes(),
            *ImageRoutes(self.images).routes(),
            *VolumeRoutes(self.volumes).routes(),
            *networks.routes(),
            *absent_routes(),
        ]
        return Server(routes, self.metrics).application()


@contextlib.asynccontextmanager
async def served(engine: FakeEngine, path: Path, *more: Route) -> AsyncIterator[FakeEngine]:
    """Serve an engine on a unix socket as the daemon does."""
    runner = web.AppRunner(engine.application(*more), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(path)).start()
        yield engine
    finally:
        await runner.cleanup()
        await engine.containers.close()


class Http:
    """A client that says and hears JSON."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client

    async def call(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
        """Send a request and return the status and what the answer says."""
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self.client.request(method, path, data=data, headers=headers, params=query) as response:
            return response.status, await said(response)

    async def get(self, path: str, **query: str) -> Any:
        """Return what a GET answers; it must be 200."""
        status, value = await self.call("GET", path, **query)
        assert status == 200, value
        return value

    async def run(self, *words: str, name: str = "web", **body: object) -> str:
        """Make and start a container and return its id."""
        wish = {"Image": "busybox", "Cmd": list(words), **body}
        status, made = await self.call("POST", "/containers/create", wish, name=name)
        assert status == 201, made
        identity = str(made["Id"])
        assert (await self.call("POST", f"/containers/{identity}/start"))[0] == 204
        return identity


async def said(response: ClientResponse) -> Any:
    """Return an answer's JSON, or its bytes where it is none."""
    data = await response.read()
    return msgspec.json.decode(data) if response.content_type == "application/json" and data else data


def filters(**values: list[str]) -> str:
    """Return the parameter `filters`."""
    return msgspec.json.encode(values).decode()
