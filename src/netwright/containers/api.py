"""What the layer above may ask of containers, executions, images and volumes, in one place.

Containers are named by whatever a user may write: full id, name (with or without Docker's leading slash) or unambiguous
id prefix. Texts of errors are Docker's, for scripts read them.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from netwright.model.container import Container, ContainerRequest, Image, Volume
from netwright.model.names import Id
from netwright.model.network import EndpointSpec

STDOUT = 1
STDERR = 2

DETACH_KEYS = "ctrl-p,ctrl-q"
"""What leaves a terminal behind without ending its process, unless the request says otherwise."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a process's output. `stream` is 1 (stdout) or 2 (stderr); a terminal has only 1."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended; `error` is set where it could not even be started."""

    code: int
    error: str = ""


class Session(Protocol):
    """A client that is attached to a container or an execution."""

    tty: bool

    def output(self) -> AsyncIterator[Frame]:
        """Yield output until the process ends, the client detaches by keys, or the session is closed.

        A client that reads too slowly to keep up is cut off with Unavailable: it must not hold the container up.
        """

    async def write(self, data: bytes) -> None:
        """Send to stdin; waits where the process does not read. Content where nobody reads it any more."""

    async def close_input(self) -> None:
        """Say that no more input comes: the process reads end of file."""

    async def close(self) -> None:
        """Let go: the client is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """What an attaching client wants.

    `logs` first replays what was written before; without `stream` nothing follows. `detach_keys` is Docker's notation,
    empty for the default; it is only heeded with a terminal.
    """

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    stream: bool = True
    logs: bool = False
    detach_keys: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which part of a log. `since` and `until` are nanoseconds since 1970; `tail` None is all of it."""

    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    since: int | None = None
    until: int | None = None
    tail: int | None = None
    timestamps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """One more process in a running container. Empty `user` and `directory` mean the container's own."""

    arguments: tuple[str, ...]
    environment: tuple[str, ...] = ()
    directory: str = ""
    user: str = ""
    tty: bool = False
    privileged: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: str = ""
    console: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    """An execution as it stands. `exit_code` is None until it has ended; `pid` is 0 where no process lives."""

    id: Id
    container: Id
    request: ExecRequest
    running: bool = False
    exit_code: int | None = None
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStat:
    """What lies at a path in a container. `mode` has the bits of Go's os.FileMode; `size` is in bytes."""

    name: str
    size: int
    mode: int
    modified: datetime
    link_target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAuth:
    """Credentials for a registry."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """A step of a pull: `id` is a layer's short digest or empty; `current` of `total` bytes where they are known."""

    status: str
    id: str = ""
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Untagged:
    """A name that an image lost."""

    reference: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """An image that is gone; `id` is its `sha256:` digest."""

    id: str


class Containers(Protocol):
    """The containers."""

    def list(self) -> Sequence[Container]:
        """Return all containers, oldest first."""

    def get(self, reference: str) -> Container:
        """Return the container that a user means. Raises NotFound `No such container: X`."""

    async def create(self, request: ContainerRequest) -> tuple[Container, tuple[str, ...]]:
        """Make a container and return it with warnings for the user."""

    async def start(self, reference: str) -> None:
        """Start it. Raises NotModified where it runs."""

    async def stop(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        """Ask it to end, and kill it after some seconds (negative: never). Raises NotModified where it does not run."""

    async def kill(self, reference: str, signal: str = "") -> None:
        """Send a signal, SIGKILL if empty. Raises Conflict `container X is not running`."""

    async def restart(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        """Stop it where it runs, and start it."""

    async def remove(self, reference: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it with its writable layer; `volumes` also its anonymous volumes. Raises Conflict where it runs."""

    async def rename(self, reference: str, name: str) -> None:
        """Give it another name. Raises Conflict where it is taken."""

    async def wait(self, reference: str, condition: str = "not-running") -> ExitStatus:
        """Wait until it is `not-running`, has its `next-exit`, or is `removed`."""

    def logs(self, reference: str, request: LogRequest) -> AsyncIterator[Frame]:
        """Yield what it has written, each line with its time in front where asked; follow it to its end where asked."""

    async def attach(self, reference: str, request: AttachRequest) -> Session:
        """Attach a client; may come before the start, and then misses nothing."""

    async def resize(self, reference: str, *, rows: int, columns: int) -> None:
        """Set the size of its terminal."""

    async def prune(self, keep: Callable[[Container], bool]) -> tuple[Sequence[Id], int]:
        """Remove all that do not run and are not to be kept; return their ids and the bytes regained."""

    async def stat(self, reference: str, path: str) -> PathStat:
        """Look at a path in it, running or not. A final symbolic link is not followed."""

    async def pack(self, reference: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """Return a path of it as a tar stream."""

    async def unpack(self, reference: str, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool = False) -> None:
        """Extract a tar stream, compressed or not, into a directory of it."""

    async def connect(self, reference: str, network: str, spec: EndpointSpec) -> None:
        """Join a network, live where it runs: with its hosts file, or not at all."""

    async def disconnect(self, reference: str, network: str, *, force: bool = False) -> None:
        """Leave a network, live where it runs."""

    async def restore(self) -> None:
        """At the engine's start: adopt what lives, note what ended, finish or undo what was half done, sweep."""

    async def stop_all(self, seconds: int) -> None:
        """At the engine's end without live-restore: stop everything that runs."""

    async def close(self) -> None:
        """At the engine's end with live-restore: let go of everything, and leave it running."""


class Executions(Protocol):
    """Further processes in running containers. They are forgotten with their container or the engine's end."""

    def get(self, identity: str) -> Exec:
        """Return an execution. Raises NotFound `No such exec instance: X`."""

    def of(self, container: Id) -> Sequence[Exec]:
        """Return the executions of a container."""

    async def create(self, reference: str, request: ExecRequest) -> Exec:
        """Prepare an execution. Raises Conflict where the container does not run."""

    def check(self, identity: str) -> None:
        """Raise what keeps it from being started: NotFound, or Conflict where it has been, or its container is down."""

    async def start(self, identity: str, *, detach: bool = False) -> Session | None:
        """Start it once, and return the client's session unless it is to run detached."""

    async def resize(self, identity: str, *, rows: int, columns: int) -> None:
        """Set the size of its terminal."""


class Images(Protocol):
    """The images."""

    def list(self) -> Sequence[Image]:
        """Return all images, newest first."""

    def get(self, reference: str) -> Image:
        """Return an image by name, id or id prefix. Raises NotFound `No such image: X`."""

    def load(self, tar: AsyncIterator[bytes]) -> AsyncIterator[str]:
        """Take in a docker-archive or an OCI archive, and yield lines such as `Loaded image: busybox:latest`."""

    async def import_(
        self, tar: AsyncIterator[bytes], *, repository: str, tag: str, changes: Sequence[str], message: str
    ) -> Image:
        """Make an image of one layer from a tar of a root filesystem; `changes` are Dockerfile instructions."""

    def pull(self, reference: str, *, auth: RegistryAuth | None = None) -> AsyncIterator[PullProgress]:
        """Fetch an image from its registry, and yield what happens."""

    async def tags(self, repository: str, *, auth: RegistryAuth | None = None) -> Sequence[str]:
        """Return all tags that a repository has in its registry."""

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image one more name, taking the name from another that had it."""

    async def remove(self, reference: str, *, force: bool = False) -> Sequence[Untagged | Deleted]:
        """Take a name away, and the image with its last one. Raises Conflict where a container uses it."""

    async def prune(
        self, keep: Callable[[Image], bool], *, unnamed_only: bool = True
    ) -> tuple[Sequence[Untagged | Deleted], int]:
        """Remove images that no container uses; return what went and the bytes regained."""


class Volumes(Protocol):
    """The local volumes."""

    def list(self) -> Sequence[Volume]:
        """Return all volumes by name."""

    def get(self, name: str) -> Volume:
        """Return a volume. Raises NotFound `get X: no such volume`."""

    def users(self, name: str) -> Sequence[Id]:
        """Return the containers that mount a volume."""

    async def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume, or return the one of that name; without a name it is anonymous."""

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume with its content. Raises Conflict where a container uses it."""

    async def prune(self, keep: Callable[[Volume], bool], *, named: bool = False) -> tuple[Sequence[str], int]:
        """Remove volumes that no container uses, anonymous ones only unless `named`; return names and bytes."""
