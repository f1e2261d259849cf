"""Executions: further processes in running containers. The implementation of `api.Executions`."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from netwright.containers.announcements import Announcements
from netwright.containers.api import Exec, ExecRequest, Session
from netwright.containers.detach import DetachFilter, parse_keys
from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.containers.lives import Lives
from netwright.containers.machine import Offer
from netwright.containers.processes import HeldProcess
from netwright.containers.rows import Rows
from netwright.containers.runtime import Runtime, StartFailed, Terminal, exit_code
from netwright.containers.spec.capabilities import choose
from netwright.containers.spec.config import console_size, oci_capabilities, oci_process
from netwright.containers.spec.process import overlaid
from netwright.containers.spec.resources import oci_rlimits
from netwright.containers.starting import find_user
from netwright.containers.streams import Hub
from netwright.containers.terminals import Terminals
from netwright.errors import Conflict, InvalidInput, NetwrightError, NotFound, SystemFailure
from netwright.model.container import Container, Status
from netwright.model.names import Id, new_id

UNKNOWN_EXIT = 137

REMEMBERED = 300.0
"""Seconds for which an execution that has ended can be asked for its exit code, as in Docker."""


@dataclass(slots=True)
class _Known:
    """An execution and what runs for it."""

    state: Exec
    hub: Hub
    started: bool = False


class Executions:
    """All executions since the engine's start; those of a container are forgotten when it ends."""

    def __init__(
        self, rows: Rows, layout: Layout, lives: Lives, runtime: Runtime, announcements: Announcements, offer: Offer
    ) -> None:
        self._rows = rows
        self._layout = layout
        self._lives = lives
        self._runtime = runtime
        self._announcements = announcements
        self._offer = offer
        self._terminals = Terminals()
        self._known: dict[Id, _Known] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        lives.on_end = self.forget

    def get(self, identity: str) -> Exec:
        """Return an execution."""
        return self._find(identity).state

    def _find(self, identity: str) -> _Known:
        known = self._known.get(Id(identity))
        if known is None:
            raise NotFound(f"No such exec instance: {identity}")
        return known

    def of(self, container: Id) -> Sequence[Exec]:
        """Return the executions of a container."""
        return [known.state for known in self._known.values() if known.state.container == container]

    async def create(self, reference: str, request: ExecRequest) -> Exec:
        """Prepare an execution."""
        row = self._rows.find(reference)
        if row.state.status is not Status.RUNNING:
            raise Conflict(f"container {row.id} is not running")
        if not request.arguments:
            raise InvalidInput("No exec command specified")
        parse_keys(request.detach_keys)
        state = Exec(id=new_id(), container=row.id, request=request)
        bundle = self._layout.exec_bundle(row.id, state.id)
        hub = Hub(bundle.path, tty=request.tty, input_ends=True)
        self._known[state.id] = _Known(state, hub)
        self._announcements.container(f"exec_create: {' '.join(request.arguments)}", row, execID=state.id)
        return state

    def check(self, identity: str) -> None:
        """Raise what keeps an execution from being started: NotFound, Conflict."""
        known = self._find(identity)
        row = self._rows.present(known.state.container)
        if known.started:
            raise Conflict(f"exec {known.state.id} has already been started")
        if row.state.status is not Status.RUNNING:
            raise Conflict(f"container {row.id} is not running")

    async def start(self, identity: str, *, detach: bool = False) -> Session | None:
        """Start an execution once."""
        self.check(identity)
        known = self._find(identity)
        request = known.state.request
        row = self._rows.present(known.state.container)
        known.started = True
        session = None
        if not detach:
            session = known.hub.join(
                stdin=request.attach_stdin,
                stdout=request.attach_stdout,
                stderr=request.attach_stderr,
                detach=DetachFilter(parse_keys(request.detach_keys)),
            )
        self._announcements.container(f"exec_start: {' '.join(request.arguments)}", row, execID=known.state.id)
        try:
            conmon = await self._launch(known, row, attach=not detach)
        except (NetwrightError, OSError) as error:
            self._end(known, error.failure.code if isinstance(error, StartFailed) else UNKNOWN_EXIT)
            if isinstance(error, StartFailed):
                raise error.failure.error from None
            if isinstance(error, OSError):
                raise SystemFailure.of(error) from error
            raise
        task = asyncio.ensure_future(self._watch(known, row, conmon))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session

    async def _launch(self, known: _Known, row: Container, *, attach: bool) -> HeldProcess | None:
        request = known.state.request
        document = await on_disk(self._document, row, request)
        terminal = Terminal(tty=request.tty, stdin=request.attach_stdin and attach)
        async with self._runtime.execute(
            row.id, known.state.id, msgspec.json.encode(document), terminal, attach=attach
        ) as launch:
            if attach:
                await known.hub.open()
            pid, conmon = await launch.go()
        known.state = replace(known.state, running=True, pid=pid)
        return conmon

    def _document(self, row: Container, request: ExecRequest) -> dict[str, object]:
        """Return the OCI process: the container's own with what the request changes."""
        process = self._lives.process(row.id)
        if process is None:
            raise Conflict(f"container {row.id} is not running")
        user = find_user(Path(f"/proc/{process.pid}/root"), request.user or row.process.user, row.host)
        defaults = [entry for entry in row.process.environment if not entry.startswith("TERM=")]
        if request.tty:
            defaults.append("TERM=xterm")
        capabilities = choose(
            add=row.host.cap_add,
            drop=row.host.cap_drop,
            privileged=row.host.privileged or request.privileged,
            available=self._offer.capabilities,
        )
        return {
            "rlimits": oci_rlimits(row.host, self._offer.open_files),
            **oci_process(
                request.arguments,
                overlaid(defaults, request.environment),
                request.directory or row.process.directory,
                user,
            ),
            "terminal": request.tty,
            "capabilities": oci_capabilities(capabilities),
            **console_size(request.console if request.tty else (0, 0)),
        }

    async def _watch(self, known: _Known, row: Container, conmon: HeldProcess | None) -> None:
        if conmon is not None:
            await conmon.ended()
            conmon.close()
        bundle = self._layout.exec_bundle(row.id, known.state.id)
        code = await asyncio.to_thread(exit_code, bundle, row.id)
        self._end(known, UNKNOWN_EXIT if code is None else code)
        self._announcements.container("exec_die", row, execID=known.state.id, exitCode=str(known.state.exit_code))
        await asyncio.to_thread(shutil.rmtree, bundle.path, ignore_errors=True)

    def _end(self, known: _Known, code: int) -> None:
        known.state = replace(known.state, running=False, exit_code=code, pid=0)
        known.hub.drain()
        asyncio.get_running_loop().call_later(REMEMBERED, self._known.pop, known.state.id, None)

    async def resize(self, identity: str, *, rows: int, columns: int) -> None:
        """Set the size of an execution's terminal."""
        known = self._find(identity)
        if not known.state.running:
            raise Conflict(f"exec {identity} is not running")
        self._terminals.resize(self._layout.exec_bundle(known.state.container, known.state.id), rows, columns)

    def forget(self, container: Id) -> None:
        """Forget what never ran in a container that has ended; clients may still ask for the code of the others."""
        for known in [known for known in self._known.values() if known.state.container == container]:
            if not known.started:
                del self._known[known.state.id]

    def discard(self, container: Id) -> None:
        """Forget all executions of a container that is gone."""
        for known in [known for known in self._known.values() if known.state.container == container]:
            del self._known[known.state.id]
