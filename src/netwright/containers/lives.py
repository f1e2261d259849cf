"""The lives of containers: started, watched, ended, started again.

Each container has a lock, held while its state changes; nothing waits for an end while it holds one. An end is learnt
from the pidfd of the container's conmon, and everything that follows from it happens in one place, `_finish`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from netwright.containers.announcements import Announcements
from netwright.containers.layout import Layout
from netwright.containers.lifecycle import (
    STARTABLE,
    check_move,
    ends_with_first_client,
    is_running,
    next_delay,
    restarts_after_exit,
)
from netwright.containers.processes import HeldProcess
from netwright.containers.rows import Rows
from netwright.containers.runtime import Running, StartFailed, exit_code
from netwright.containers.runtime_errors import UNKNOWN
from netwright.containers.starting import Starting
from netwright.containers.streams import Hub
from netwright.controller.locks import KeyedLocks
from netwright.errors import Conflict, NetwrightError, NotModified, SystemFailure
from netwright.model.container import Container, ContainerState, Status
from netwright.model.names import Id

LOST = 255
"""The exit code of a container that ended while nobody watched, as after a power cut; Docker's too."""

CONMON_KILLED = 137
"""The exit code of one whose conmon was killed and whose own code we may not read; containerd reports the same when
its shim is killed."""

_NOTE_AGAIN = 0.2
"""Seconds until an end is written again that the disk has refused."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Life:
    """What is known of a container only while the engine runs."""

    hub: Hub
    running: Running | None = None
    ended: "asyncio.Future[None] | None" = None
    delay: float | None = None
    restart: "asyncio.Task[None] | None" = None
    waiting: "list[asyncio.Future[int]]" = field(default_factory=list)


class Lives:
    """All lives.

    `on_end` is called with a container that has just ended, `on_gone` with one that is to be removed at its end; not
    with those in `kept`.
    """

    def __init__(self, rows: Rows, layout: Layout, starting: Starting, announcements: Announcements) -> None:
        self._rows = rows
        self._layout = layout
        self._starting = starting
        self._announcements = announcements
        self._locks = KeyedLocks()
        self._lives: dict[Id, Life] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_gone: Callable[[Id], Awaitable[None]] | None = None
        self.on_end: Callable[[Id], None] | None = None
        self.kept: set[Id] = set()

    def of(self, row: Container) -> Life:
        """Return the life of a container, begun if need be."""
        life = self._lives.get(row.id)
        if life is None:
            life = self._lives[row.id] = Life(self._hub(row))
        return life

    def _hub(self, row: Container) -> Hub:
        return Hub(self._layout.bundle(row.id).path, tty=row.config.tty, input_ends=ends_with_first_client(row))

    def forget(self, identity: Id) -> None:
        """Forget a container that is gone; whoever is attached or waits is told."""
        life = self._lives.pop(identity, None)
        if life is None:
            return
        life.hub.finish()
        for waiter in life.waiting:
            if not waiter.done():
                waiter.set_result(0)

    def process(self, identity: Id) -> HeldProcess | None:
        """Return the process of a running container."""
        life = self._lives.get(identity)
        return life.running.process if life is not None and life.running is not None else None

    async def start(self, identity: Id) -> None:
        """Start a container. Raises NotModified where it runs."""
        async with self._locks.holding(identity):
            row = self._rows.present(identity)
            if row.state.status is Status.RUNNING:
                raise NotModified(f"container {row.name} is running")
            if row.state.status not in STARTABLE:
                raise Conflict(f"container {row.name} is {row.state.status} and cannot be started")
            self._cancel_restart(identity)
            self.of(row).delay = None
            await self._start(replace(row, state=replace(row.state, restarts=0)))

    async def _start(self, row: Container) -> None:
        """Start under the lock. A failure leaves the container as it was, with the error in its state."""
        check_move(row.state.status, Status.RUNNING)
        life = self.of(row)
        try:
            running = await self._starting.bring_up(row, life.hub)
        except (NetwrightError, OSError) as error:
            await self._note_failure(row, life, error)
            if isinstance(error, StartFailed):
                raise error.failure.error from None
            if isinstance(error, OSError):
                raise SystemFailure.of(error) from error
            raise
        state = ContainerState(
            status=Status.RUNNING, pid=running.process.pid, started=_now(), restarts=row.state.restarts
        )
        try:
            await self._rows.put(replace(row, state=state))
        except NetwrightError as error:
            # It runs, and nobody would know of it.
            running.close()
            await self.take_down(row)
            await self._note_failure(row, life, error)
            raise
        self.watch(row, running)
        self._announcements.container("start", row)

    async def _note_failure(self, row: Container, life: Life, error: Exception) -> None:
        code = error.failure.code if isinstance(error, StartFailed) else UNKNOWN
        life.hub.finish()
        life.hub = self._hub(row)
        status = Status.EXITED if row.state.status is Status.RESTARTING else row.state.status
        state = replace(row.state, status=status, exit_code=code, error=str(error), finished=_now())
        await self._rows.put(replace(row, state=state))
        for waiter in life.waiting:
            if not waiter.done():
                waiter.set_result(code)
        life.waiting.clear()

    def watch(self, row: Container, running: Running) -> None:
        """Follow a running process to its end."""
        life = self.of(row)
        life.running = running
        life.ended = asyncio.get_running_loop().create_future()
        self._in_background(self._watch(row.id, running))

    def _in_background(self, work: "Awaitable[None]") -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.ensure_future(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self, identity: Id, running: Running) -> None:
        bundle = self._layout.bundle(identity)
        code: int | None = None
        if running.conmon is not None:
            await running.conmon.ended()
            code = await asyncio.to_thread(exit_code, bundle, identity)
        if code is None:
            # conmon is dead and left no word: the container lives on without it. If it has become our child we learn
            # how it ends.
            log.warning("the conmon of container %s was killed: its output is lost from now on", identity)
            if (life := self._lives.get(identity)) is not None:
                life.hub.drain()
            ended = await running.process.ended()
            code = CONMON_KILLED if ended is None else ended
        await self._finish(identity, code)

    async def _finish(self, identity: Id, code: int) -> None:
        """Note an end, once, and do all that follows from it: in this order a crash leaves nothing unclear."""
        async with self._locks.holding(identity):
            row = self._rows.present(identity)
            life = self.of(row)
            if self.on_end is not None:
                self.on_end(identity)
            oom = self._layout.bundle(identity).oom.exists()
            state = replace(row.state, pid=0, exit_code=code, oom_killed=oom, finished=_now(), error="")
            again = restarts_after_exit(row.host.restart, state)
            status = Status.RESTARTING if again else Status.EXITED
            row = await self._put_at_last(replace(row, state=replace(state, status=status)))
            life.hub.drain()
            if oom:
                self._announcements.container("oom", row)
            lasted = (_now() - (row.state.started or _now())).total_seconds()
            self._announcements.container("die", row, execDuration=str(int(lasted)), exitCode=str(code))
            await self.take_down(row)
            self._end(row, life, code)
            if again:
                life.delay = next_delay(life.delay, lasted)
                life.restart = self._in_background(self._restart_later(row.id, life.delay))
        if row.host.auto_remove and self.on_gone is not None and identity not in self.kept:
            await self.on_gone(identity)

    async def _put_at_last(self, row: Container) -> Container:
        """Write that a container has ended, however often the disk refuses: else it would count as running for ever."""
        while True:
            try:
                return await self._rows.put(row)
            except SystemFailure as failure:
                log.error("the end of container %s cannot be noted, trying again: %s", row.name, failure)
            await asyncio.sleep(_NOTE_AGAIN)

    def _end(self, row: Container, life: Life, code: int) -> None:
        """Tell whoever waits, and be ready for the next start."""
        if life.running is not None:
            life.running.close()
            life.running = None
        life.hub = self._hub(row)
        if life.ended is not None and not life.ended.done():
            life.ended.set_result(None)
        for waiter in life.waiting:
            if not waiter.done():
                waiter.set_result(code)
        life.waiting.clear()

    async def take_down(self, row: Container) -> None:
        """Take a container that has ended from the machine; failures are logged, for it has ended all the same."""
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: self._starting.runtime.delete(row.id),
            lambda: self._starting.roots.release(row.id),
        ]
        if row.joins is None:
            steps.insert(0, lambda: self._starting.sandboxes.close(row.sandbox))
        for step in steps:
            try:
                await step()
            except (NetwrightError, OSError) as error:
                log.error("container %s has ended, and cleaning up behind it failed: %s", row.name, error)

    async def _restart_later(self, identity: Id, delay: float) -> None:
        await asyncio.sleep(delay)
        async with self._locks.holding(identity):
            row = self._rows.get(identity)
            if row is None or row.state.status is not Status.RESTARTING:
                return
            self.of(row).restart = None
            row = replace(row, state=replace(row.state, restarts=row.state.restarts + 1))
            try:
                await self._start(row)
            except NetwrightError as error:
                log.error("container %s could not be restarted: %s", row.name, error)

    def _cancel_restart(self, identity: Id) -> None:
        life = self._lives.get(identity)
        if life is not None and life.restart is not None:
            life.restart.cancel()
            life.restart = None

    async def signal(self, identity: Id, number: int, *, final: bool) -> "asyncio.Future[None] | None":
        """Send a signal and return what is done when the process has ended.

        `final` says that the user wants it to end, so that no policy starts it again. None where nothing ran any more:
        a restart that was due has been called off. Raises Conflict where it does not run.
        """
        async with self._locks.holding(identity):
            row = self._rows.present(identity)
            if not is_running(row.state):
                raise Conflict(f"container {row.id} is not running")
            life = self.of(row)
            if final and not row.state.stopped:
                row = await self._rows.put(replace(row, state=replace(row.state, stopped=True)))
            if row.state.status is Status.RESTARTING:
                if final:
                    self._cancel_restart(identity)
                    await self._rows.put(replace(row, state=replace(row.state, status=Status.EXITED)))
                return None
            if life.running is not None:
                life.running.process.signal(number)
            self._announcements.container("kill", row, signal=str(number))
            return life.ended

    async def next_exit(self, row: Container) -> int:
        """Wait for the next end of a container, or for a start that fails, and return the exit code."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        life = self.of(row)
        life.waiting.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in life.waiting:
                life.waiting.remove(waiter)

    def restart_soon(self, row: Container) -> None:
        """Start a container by its policy, at the engine's start."""
        life = self.of(row)
        life.restart = self._in_background(self._restart_later(row.id, 0.0))

    def holding(self, identity: Id) -> AbstractAsyncContextManager[None]:
        """Hold a container's lock."""
        return self._locks.holding(identity)

    async def close(self) -> None:
        """Let go of all processes; they live on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for life in self._lives.values():
            life.hub.finish()
            if life.running is not None:
                life.running.close()
                life.running = None


async def _logged(work: Awaitable[None]) -> None:
    """Carry out work in the background; what goes wrong is at least said."""
    try:
        await work
    except NetwrightError as failure:
        log.error("work in the background failed: %s", failure)
    except OSError:
        log.exception("work in the background failed")


def _now() -> datetime:
    return datetime.now(UTC)
