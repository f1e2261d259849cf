"""The containers: the implementation of `api.Containers`.

How what is on disk and what is on the machine stay together
------------------------------------------------------------
A container is a row in the store. Everything else of it is found by its id: its directory, its mount, its stack (by
owner), its cgroup, the runtime's state, its conmon. So a row is enough to find all of it, and whatever carries an id
without a row is nobody's and may be swept. Three rules keep that true through `kill -9` at any instruction:

    what is made is written first     A container is written as `creating`, with its name, mounts and the names of its
                                      anonymous volumes, before anything of it exists; then it is made; then it is
                                      written as `created`. A `creating` row found at the start is removed with all
                                      that its id leads to: nobody was told of it.

    what runs is written last         Starting reserves nothing that is not already reserved. The row says `running`
                                      only after the process runs. A process without such a row belongs to a start that
                                      nobody was told of: it is killed, and the row stays what it was. The other way
                                      round would leave the start to guess whether a process that is not there had
                                      ended or had never begun.

    what goes is written first        The row says `removing` before the first step and is deleted after the last.
                                      Every step is content with work done already, so the start just removes again.

An end needs no row beforehand: conmon writes the exit code to a file that outlives the engine. The row that notes the
end (`exited`, or `restarting` where the policy wants it) is written before the machine is tidied up, and tidying is
done again at the start for every container that does not run.

Changes of state are carried out to their end even where the client that asked goes away halfway.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from netwright.containers.announcements import Announcements
from netwright.containers.api import AttachRequest, ExitStatus, Frame, LogRequest, PathStat, Session
from netwright.containers.copies import Copies
from netwright.containers.creation import Creation
from netwright.containers.detach import DetachFilter, parse_keys
from netwright.containers.disk import on_disk
from netwright.containers.files import NetworkFiles
from netwright.containers.layers import tree_size
from netwright.containers.layout import Layout
from netwright.containers.lifecycle import is_running
from netwright.containers.lives import Lives
from netwright.containers.logs import read_log
from netwright.containers.refreshing import Refreshing
from netwright.containers.removal import Removal, behind_failure
from netwright.containers.replay import Replayed
from netwright.containers.restoration import Restoration
from netwright.containers.rows import Rows
from netwright.containers.signals import parse_signal
from netwright.containers.terminals import Terminals
from netwright.controller.api import Sandboxes
from netwright.errors import Conflict, InvalidInput, NetwrightError, NotFound, NotModified
from netwright.model.container import Container, ContainerRequest, Status
from netwright.model.difference import Difference
from netwright.model.names import Id, check_container_name
from netwright.model.network import EndpointSpec

T = TypeVar("T")

CLOSE_SECONDS = 10.0
"""How long the engine's end waits for changes under way."""

STOP_SECONDS = 10
"""How long a container may take to stop where nobody says otherwise, as in Docker."""

KILL_SECONDS = 30.0
"""How long the kernel may take to end what was killed; more means that it hangs in the kernel, on a dead disk say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the containers are made of."""

    rows: Rows
    layout: Layout
    lives: Lives
    creation: Creation
    removal: Removal
    restoration: Restoration
    copies: Copies
    files: NetworkFiles
    sandboxes: Sandboxes
    announcements: Announcements
    forget: Callable[[Id], None]


class Containers:
    """All containers."""

    def __init__(self, parts: Parts) -> None:
        self._rows = parts.rows
        self._layout = parts.layout
        self._lives = parts.lives
        self._parts = parts
        self._terminals = Terminals()
        self._changes: set[asyncio.Task[Any]] = set()
        self._removed: dict[Id, list[asyncio.Future[str]]] = {}
        parts.lives.on_gone = self._remove_ended

    def list(self) -> Sequence[Container]:
        """Return all containers, oldest first."""
        return self._rows.shown()

    def get(self, reference: str) -> Container:
        """Return the container that a user means."""
        return self._rows.find(reference)

    async def _whole(self, change: Coroutine[Any, Any, T]) -> T:
        """Carry a change out to its end, also where whoever asked for it goes away."""
        task = asyncio.ensure_future(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def create(self, request: ContainerRequest) -> tuple[Container, tuple[str, ...]]:
        """Make a container and return it with warnings."""
        return await self._whole(self._parts.creation.create(request))

    async def start(self, reference: str) -> None:
        """Start it."""
        await self._whole(self._start(self.get(reference)))

    async def _start(self, row: Container) -> None:
        try:
            await self._lives.start(row.id)
        except NotModified:
            raise
        except (NetwrightError, OSError):
            if row.host.auto_remove:
                with behind_failure():
                    await self._remove(row.id, volumes=True)
            raise

    async def stop(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        """Ask it to end, and kill it after some seconds."""
        row = self.get(reference)
        if not is_running(row.state):
            raise NotModified(f"container {row.name} is not running")
        await self._whole(self._stop(row, seconds, signal))

    async def _stop(self, row: Container, seconds: int | None, name: str) -> None:
        number = parse_signal(name or row.config.stop_signal, signal.SIGTERM)
        if seconds is None:
            seconds = row.config.stop_timeout if row.config.stop_timeout is not None else STOP_SECONDS
        ended = await self._lives.signal(row.id, number, final=True)
        if ended is not None and not await _within(ended, None if seconds < 0 else seconds):
            await self._kill(row)
        self._parts.announcements.container("stop", row)

    async def _kill(self, row: Container) -> None:
        """Kill it and wait for its end. Raises Conflict where the kernel does not get it to end."""
        try:
            ended = await self._lives.signal(row.id, signal.SIGKILL, final=True)
        except Conflict:
            return
        if ended is not None and not await _within(ended, KILL_SECONDS):
            raise Conflict(
                f"container {row.name} was killed and has not ended within {KILL_SECONDS:.0f} s: a process of it hangs "
                "in the kernel"
            )

    async def kill(self, reference: str, signal: str = "") -> None:
        """Send a signal."""
        row = self.get(reference)
        number = parse_signal(signal, _SIGKILL)
        if not is_running(row.state):
            raise Conflict(f"cannot kill container: {reference}: container {row.id} is not running")
        if number == _SIGKILL:
            await self._whole(self._kill(row))
            return
        stops = number == parse_signal(row.config.stop_signal, _SIGTERM)
        await self._whole(self._lives.signal(row.id, number, final=stops))

    async def restart(self, reference: str, *, seconds: int | None = None, signal: str = "") -> None:
        """Stop it where it runs, and start it."""
        await self._whole(self._restart(self.get(reference), seconds, signal))

    async def _restart(self, row: Container, seconds: int | None, name: str) -> None:
        if is_running(row.state):
            # A container to be removed at its end is only ending in order to begin again.
            async with self._kept(row.id):
                await self._stop(row, seconds, name)
        await self._lives.start(row.id)
        self._parts.announcements.container("restart", row)

    @asynccontextmanager
    async def _kept(self, identity: Id) -> AsyncIterator[None]:
        """Keep a container from being removed at its end during the block."""
        self._lives.kept.add(identity)
        try:
            yield
        finally:
            self._lives.kept.discard(identity)

    async def remove(self, reference: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it."""
        row = self.get(reference)
        if row.state.status is Status.REMOVING:
            raise Conflict(f"removal of container {reference} is already in progress")
        if is_running(row.state) and not force:
            state = "restarting" if row.state.status is Status.RESTARTING else "running"
            raise Conflict(
                f'cannot remove container "/{row.name}": container is {state}: '
                "stop the container before removing or force remove"
            )
        await self._whole(self._remove_forced(row, volumes=volumes))

    async def _remove_forced(self, row: Container, *, volumes: bool) -> None:
        async with self._kept(row.id):
            if is_running(self._rows.present(row.id).state):
                await self._kill(row)
        await self._remove(row.id, volumes=volumes)

    async def _remove_ended(self, identity: Id) -> None:
        """Remove a container that wanted to be removed at its end, with its anonymous volumes, as Docker's --rm."""
        await self._remove(identity, volumes=True)

    async def _remove(self, identity: Id, *, volumes: bool) -> None:
        async with self._lives.holding(identity):
            try:
                row = await self._parts.removal.remove(identity, volumes=volumes)
            except NetwrightError as failure:
                self._tell_removed(identity, str(failure))
                raise
            if row is None:
                return
            self._lives.forget(identity)
            self._parts.forget(identity)
            self._parts.files.forget(identity)
        self._parts.announcements.container("destroy", row)
        self._tell_removed(identity)

    def _tell_removed(self, identity: Id, failure: str = "") -> None:
        """Tell whoever waits for a removal that it has come, or what has kept it from coming."""
        for waiter in self._removed.pop(identity, []):
            if not waiter.done():
                waiter.set_result(failure)

    async def rename(self, reference: str, name: str) -> None:
        """Give it another name."""
        row = self.get(reference)
        if not name:
            raise InvalidInput("Neither old nor new names may be empty")
        await self._whole(self._rename(row, check_container_name(name)))

    async def _rename(self, row: Container, name: str) -> None:
        if name == row.name:
            raise InvalidInput("Renaming a container with the same name as its current name")
        self._rows.claim(name, row.id)
        try:
            async with self._lives.holding(row.id):
                if row.joins is None:
                    await self._parts.sandboxes.rename(row.sandbox, name)
                renamed = await self._rows.put(replace(self._rows.present(row.id), name=name))
        except BaseException:
            self._rows.release(name, row.id)
            raise
        self._rows.release(row.name, row.id)
        self._parts.announcements.container("rename", renamed, oldName=f"/{row.name}")

    async def wait(self, reference: str, condition: str = "not-running") -> ExitStatus:
        """Wait until it is `not-running`, has its `next-exit`, or is `removed`."""
        row = self.get(reference)
        match condition:
            case "" | "not-running":
                while is_running(row.state):
                    await self._lives.next_exit(row)
                    row = self._rows.get(row.id) or row
                return ExitStatus(row.state.exit_code, row.state.error)
            case "next-exit":
                code = await self._lives.next_exit(row)
                after = self._rows.get(row.id)
                return ExitStatus(code, after.state.error if after is not None else "")
            case "removed":
                return await self._wait_removed(row)
            case _:
                raise InvalidInput(f'invalid condition: "{condition}"')

    async def _wait_removed(self, row: Container) -> ExitStatus:
        waiter: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._removed.setdefault(row.id, []).append(waiter)
        code = row.state.exit_code
        ending = asyncio.ensure_future(self._lives.next_exit(row))
        either: set[asyncio.Future[Any]] = {waiter, ending}
        try:
            while not waiter.done():
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    code = ending.result()
                    either.discard(ending)
        finally:
            ending.cancel()
        return ExitStatus(code, waiter.result())

    async def logs(self, reference: str, request: LogRequest) -> AsyncIterator[Frame]:
        """Yield what it has written."""
        row = self.get(reference)
        ended = self._lives.of(row).ended if request.follow and is_running(row.state) else None
        async for frame in read_log(self._layout.log(row.id), request, ended):
            yield frame

    async def attach(self, reference: str, request: AttachRequest) -> Session:
        """Attach a client."""
        row = self.get(reference)
        if row.state.status is Status.RESTARTING:
            raise Conflict(f"Container {row.id} is restarting, wait until the container is running")
        keys = parse_keys(request.detach_keys)
        logged = LogRequest(stdout=request.stdout, stderr=request.stderr)
        past = read_log(self._layout.log(row.id), logged) if request.logs else None
        if not request.stream:
            return Replayed(row.config.tty, past, None)
        hub = self._lives.of(row).hub
        session = hub.join(
            stdin=request.stdin and row.config.open_stdin,
            stdout=request.stdout,
            stderr=request.stderr,
            detach=DetachFilter(keys),
        )
        if row.state.status is Status.RUNNING:
            await hub.open()
        self._parts.announcements.container("attach", row)
        return session if past is None else Replayed(row.config.tty, past, session)

    async def resize(self, reference: str, *, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        row = self.get(reference)
        if row.state.status is not Status.RUNNING:
            raise Conflict(f"container {row.id} is not running")
        self._terminals.resize(self._layout.bundle(row.id), rows, columns)
        self._parts.announcements.container("resize", row, height=str(rows), width=str(columns))

    async def prune(self, keep: Callable[[Container], bool]) -> tuple[Sequence[Id], int]:
        """Remove all that do not run and are not to be kept."""
        gone: list[Id] = []
        regained = 0
        for row in self.list():
            if is_running(row.state) or row.state.status is Status.REMOVING or keep(row):
                continue
            regained += await on_disk(tree_size, self._layout.container(row.id))
            try:
                await self.remove(row.id)
            except (Conflict, NotFound):
                continue
            gone.append(row.id)
        return gone, regained

    async def stat(self, reference: str, path: str) -> PathStat:
        """Look at a path in it."""
        return await self._parts.copies.stat(self.get(reference), path)

    async def pack(self, reference: str, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """Return a path of it as a tar stream."""
        return await self._parts.copies.pack(self.get(reference), path)

    async def unpack(self, reference: str, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool = False) -> None:
        """Extract a tar stream into a directory of it."""
        await self._parts.copies.unpack(self.get(reference), path, tar, no_overwrite=no_overwrite)

    async def connect(self, reference: str, network: str, spec: EndpointSpec) -> None:
        """Join a network, live where it runs: with its hosts file, or not at all."""
        row = self.get(reference)
        await self._parts.sandboxes.connect(row.sandbox, network, spec, beside=self._refreshing(row.id))

    async def disconnect(self, reference: str, network: str, *, force: bool = False) -> None:
        """Leave a network, live where it runs: with its hosts file, or not at all."""
        row = self.get(reference)
        await self._parts.sandboxes.disconnect(row.sandbox, network, force=force, beside=self._refreshing(row.id))

    def _refreshing(self, owner: Id) -> Refreshing:
        return Refreshing(self._parts.files, self._rows, owner)

    async def restore(self) -> None:
        """At the engine's start: make rows and machine agree, and start what its policy wants started."""
        await self._parts.restoration.run()

    async def strays(self) -> Sequence[Difference]:
        """Return what is on the machine of containers that no row names."""
        return [stray.difference for stray in await self._parts.restoration.strays.find()]

    async def sweep(self) -> Sequence[Difference]:
        """Take away what is on the machine of containers that no row names; return it."""
        return await self._parts.restoration.sweep()

    async def stop_all(self, seconds: int) -> None:
        """At the engine's end without live-restore: stop everything that runs."""
        running = [row for row in self.list() if is_running(row.state)]
        await asyncio.gather(*(self._stop_at_end(row, seconds) for row in running))

    async def _stop_at_end(self, row: Container, seconds: int) -> None:
        """Stop for the engine's end: it is not the user's wish, so the policy may start it again next time."""
        try:
            await self._stop(row, seconds, "")
        except (Conflict, NotFound):
            return
        async with self._lives.holding(row.id):
            after = self._rows.get(row.id)
            if after is not None:
                await self._rows.put(replace(after, state=replace(after.state, stopped=False)))

    async def close(self) -> None:
        """At the engine's end: finish what is under way, let go of everything, and leave it running."""
        if self._changes:
            # What takes longer, a container that does not stop say, is left to the next start.
            await asyncio.wait(self._changes, timeout=CLOSE_SECONDS)
        await self._lives.close()


_SIGKILL = signal.SIGKILL
_SIGTERM = signal.SIGTERM


async def _within(ended: "asyncio.Future[None]", seconds: float | None) -> bool:
    """Wait for an end, and tell whether it came in time."""
    done, _ = await asyncio.wait([ended], timeout=seconds)
    return bool(done)
