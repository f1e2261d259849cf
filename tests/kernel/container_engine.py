"""Containers without the network engine, each test in mount and network namespaces of its own.

The runtime, conmon, overlayfs and the images are real; only the sandboxes are a fake, and their namespaces are real.
"""

import asyncio
import ctypes
import functools
import hashlib
import io
import os
import tarfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from netwright.containers.api import AttachRequest, Frame, LogRequest, Session
from netwright.containers.assembly import Services, Settings, assemble
from netwright.containers.cgroups import ROOT
from netwright.containers.processes import become_reaper
from netwright.containers.spec.config import CGROUP_PARENT
from netwright.controller.api import Attachment, Beside, SandboxRequest
from netwright.errors import NotFound
from netwright.host.ops import CreateNamespace, DeleteNamespace, SetLinkUp
from netwright.host.protocol import Host
from netwright.kernel.linux import LinuxHost
from netwright.model.container import Container, ContainerConfig, ContainerRequest, HostSettings
from netwright.model.events import Event
from netwright.model.names import Id, new_id
from netwright.model.network import EndpointSpec, Sandbox, SandboxKind
from netwright.store.api import Delete, Put, Store
from netwright.store.memory import MemoryStore
from netwright.telemetry.bus import Bus

_CLONE_NEWNS, _CLONE_NEWNET = 0x20000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_SECONDS = 60.0

BUSYBOX = Path("/bin/busybox")
TOOLS = "sh cat echo sleep id pwd ls env touch mkdir stat hostname stty kill seq head dd mount true ip".split()


class FakeSandboxes:
    """Network stacks that consist of a namespace and no interface."""

    def __init__(self, host: Host, directory: Path, store: Store) -> None:
        self._host = host
        self._directory = directory
        self._store = store
        self.rows: dict[Id, Sandbox] = {Id(key): row for key, row in store.load(Sandbox).items()}

    async def _put(self, row: Sandbox) -> None:
        await self._store.commit([Put(row.id, row)])
        self.rows[row.id] = row

    def list(self) -> Sequence[Sandbox]:
        return list(self.rows.values())

    def get(self, sandbox: Id) -> Sandbox:
        if sandbox not in self.rows:
            raise NotFound(f"no sandbox {sandbox}")
        return self.rows[sandbox]

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        self.get(sandbox)
        return ()

    def path(self, sandbox: Id) -> str:
        return str(self._directory / sandbox[:12])

    async def create(self, request: SandboxRequest) -> Sandbox:
        kind = SandboxKind.HOST if "host" in request.endpoints else SandboxKind.OWN
        row = Sandbox(id=new_id(), owner=request.owner, name=request.name, hostname=request.hostname, kind=kind)
        await self._put(row)
        return row

    async def open(self, sandbox: Id, reaches: Sequence[Id] = ()) -> Sequence[Attachment]:
        row = self.get(sandbox)
        await self._put(replace(row, open=True))
        if row.kind is SandboxKind.OWN and not row.open:
            await self._host.do([CreateNamespace(path=self.path(sandbox))])
        return ()

    async def close(self, sandbox: Id) -> None:
        row = self.get(sandbox)
        if row.kind is SandboxKind.OWN and row.open:
            await self._host.do([DeleteNamespace(path=self.path(sandbox))])
        await self._put(replace(row, open=False))

    async def delete(self, sandbox: Id) -> None:
        await self.close(sandbox)
        await self._store.commit([Delete(Sandbox, sandbox)])
        del self.rows[sandbox]

    async def rename(self, sandbox: Id, name: str) -> None:
        await self._put(replace(self.get(sandbox), name=name))

    async def connect(
        self, sandbox: Id, network: str, spec: EndpointSpec, *, beside: Beside | None = None
    ) -> Attachment:
        raise NotImplementedError

    async def disconnect(self, sandbox: Id, network: str, *, force: bool, beside: Beside | None = None) -> None:
        raise NotImplementedError


@dataclass
class Engine:
    """Containers, images and volumes as an engine has them, and what lasts when the engine dies."""

    directory: Path
    host: Host
    sandboxes: FakeSandboxes
    store: Store
    bus: Bus = field(default_factory=Bus)
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = self._assembled()

    @property
    def tag(self) -> str:
        """What tells its cgroups from those of engines of other tests, which may run at the same time."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]

    def _assembled(self) -> Services:
        settings = Settings(
            data_root=self.directory / "data", exec_root=self.directory / "run", tag=self.tag, runtime="runc"
        )
        return assemble(settings, store=self.store, sandboxes=self.sandboxes, host=self.host, bus=self.bus)

    async def come_back(self) -> None:
        """Let a new engine take over what an old one left without a word."""
        self.services = self._assembled()
        await self.services.containers.restore()

    async def import_busybox(self, *changes: str, name: str = "busybox") -> None:
        await self.services.images.import_(once(busybox_tar()), repository=name, tag="", changes=changes, message="")

    async def create(self, *command: str, name: str = "", host: HostSettings | None = None, **config: Any) -> Container:
        wanted = replace(ContainerConfig(image="busybox", command=command or None), **config)
        request = ContainerRequest(name=name, config=wanted, host=host or HostSettings())
        row, _ = await self.services.containers.create(request)
        return row

    async def run(self, *command: str, host: HostSettings | None = None, **config: Any) -> tuple[int, str]:
        """Run to the end and return the exit code and all output."""
        row = await self.create(*command, host=host, **config)
        await self.services.containers.start(row.id)
        status = await self.services.containers.wait(row.id)
        text = await self.log(row.id)
        await self.services.containers.remove(row.id)
        return status.code, text

    async def log(self, reference: str) -> str:
        frames = [frame async for frame in self.services.containers.logs(reference, LogRequest())]
        return b"".join(frame.data for frame in frames).decode()

    async def attach(self, reference: str, *, stdin: bool = True) -> Session:
        request = AttachRequest(stdin=stdin, stdout=True, stderr=True)
        return await self.services.containers.attach(reference, request)

    async def bring_loopback_up(self) -> None:
        await self.host.do([SetLinkUp(name="lo")])

    def events(self) -> list[str]:
        return [event.action for event in self.bus.recent() if event.type == "container"]

    def last(self, action: str) -> Event:
        return next(event for event in reversed(self.bus.recent()) if event.action == action)


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def collected(session: Session) -> list[Frame]:
    return [frame async for frame in session.output()]


def text_of(frames: Sequence[Frame], stream: int = 1) -> str:
    return b"".join(frame.data for frame in frames if frame.stream == stream).decode()


def tar_of(files: dict[str, bytes], *, links: dict[str, str] | None = None, directories: Sequence[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in directories:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


@functools.cache
def busybox_tar() -> bytes:
    """Return a small root file system with two users."""
    passwd = b"root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n"
    group = b"root:x:0:\nalice:x:1000:\naudio:x:29:alice\n"
    return tar_of(
        {
            "bin/busybox": BUSYBOX.read_bytes(),
            "etc/passwd": passwd,
            "etc/group": group,
            "data/seed": b"from the image\n",
        },
        links={f"bin/{tool}": "busybox" for tool in TOOLS},
        directories=["bin", "etc", "data", "tmp", "proc", "sys", "dev"],
    )


@asynccontextmanager
async def running_engine(directory: Path) -> AsyncIterator[Engine]:
    """Yield an engine with a busybox image; afterwards nothing of it may be left but its own directories."""
    (directory / "netns").mkdir(parents=True)
    host = LinuxHost(exec_root=str(directory / "run"), group=7000)
    store = MemoryStore()
    engine = Engine(directory, host, FakeSandboxes(host, directory / "netns", store), store)
    try:
        await engine.services.containers.restore()
        await engine.import_busybox()
        yield engine
        for row in engine.services.containers.list():
            await engine.services.containers.remove(row.id, force=True, volumes=True)
        assert_nothing_left(engine)
    finally:
        await engine.services.containers.close()
        host.close()


def assert_nothing_left(engine: Engine) -> None:
    here = str(engine.directory)
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if here in line] == []
    assert not any(here in _command_line(pid) for pid in Path("/proc").iterdir() if pid.name.isdigit())
    assert engine.sandboxes.rows == {}
    assert list((engine.directory / "run" / "runtime").iterdir()) == []
    assert list((engine.directory / "run" / "containers").iterdir()) == []
    assert list((engine.directory / "data" / "containers").iterdir()) == []
    for hierarchy in (ROOT, *ROOT.iterdir()):
        if (cgroup := Path(f"{hierarchy}{CGROUP_PARENT}", engine.tag)).is_dir():
            # The kernel lets it go only where no container's is left in it.
            cgroup.rmdir()


def _command_line(process: Path) -> str:
    try:
        text = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text if "conmon" in text else ""


def inside(test: Callable[[Engine], Awaitable[None]]) -> Callable[[Path], None]:
    """Run a test in a child of its own with an engine, in new mount and network namespaces."""

    @pytest.mark.kernel
    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    def isolated(tmp_path: Path) -> None:
        in_namespaces(lambda: asyncio.run(_run(test, tmp_path)))

    isolated.__name__ = getattr(test, "__name__", "isolated")
    isolated.__doc__ = test.__doc__
    return isolated


def in_namespaces(work: Callable[[], None]) -> None:
    """Do something in a child with mount and network namespaces of its own, and fail as it fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(_in_child(work, writer))
    os.close(writer)
    with os.fdopen(reader) as said:
        failure = said.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or failure:
        pytest.fail(failure or f"the test's process ended with {status}", pytrace=False)


def _in_child(work: Callable[[], None], writer: int) -> int:
    try:
        _isolate()
        work()
    except BaseException:
        os.write(writer, traceback.format_exc().encode()[-60000:])
        return 1
    return 0


async def _run(test: Callable[[Engine], Awaitable[None]], directory: Path) -> None:
    async with asyncio.timeout(_SECONDS), running_engine(directory / "engine") as engine:
        await test(engine)


def _isolate() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET) != 0
        or libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) != 0
    ):
        raise OSError(ctypes.get_errno(), "no namespaces of our own")
    become_reaper()
