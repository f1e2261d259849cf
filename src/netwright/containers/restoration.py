"""At the engine's start: every row comes to a definite state, and what no row names is swept.

The essay in `containers.containers` says why a row is all that is needed to decide.
"""

import asyncio
import logging
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from netwright.containers.announcements import Announcements
from netwright.containers.cgroups import Cgroups
from netwright.containers.disk import on_disk
from netwright.containers.files import NetworkFiles
from netwright.containers.images import Images
from netwright.containers.layout import Layout
from netwright.containers.lifecycle import restarts_after_exit, restarts_at_boot
from netwright.containers.lives import LOST, Lives
from netwright.containers.removal import Removal
from netwright.containers.rootfs import RootFileSystems
from netwright.containers.rows import Rows
from netwright.containers.runtime import Runtime, exit_code
from netwright.containers.strays import Strays
from netwright.errors import NetwrightError
from netwright.host.ops import Unmount
from netwright.host.protocol import Host
from netwright.model.container import Container, Status
from netwright.model.difference import Difference

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """Makes rows and machine agree."""

    rows: Rows
    layout: Layout
    host: Host
    roots: RootFileSystems
    files: NetworkFiles
    runtime: Runtime
    lives: Lives
    removal: Removal
    images: Images
    announcements: Announcements
    cgroups: Cgroups
    strays: Strays

    async def run(self) -> None:
        """Restore all containers, sweep, and start what its policy wants started."""
        for row in self.rows.all():
            try:
                await self._settle(row)
            except (NetwrightError, OSError) as error:
                log.error("container %s could not be restored: %s", row.name, error)
        await self.sweep()
        await self.images.restore()
        for row in self.rows.shown():
            if restarts_at_boot(row.host.restart, row.state):
                self.lives.restart_soon(await self._to_restart(row))

    async def _settle(self, row: Container) -> None:
        match row.state.status:
            case Status.CREATING | Status.REMOVING:
                log.warning("container %s was half made or half removed: removing it", row.name)
                # A row whose volumes are to stay does not name them any more.
                await self.removal.remove(row.id, volumes=True)
            case Status.RUNNING:
                await self._adopt(row)
            case Status.EXITED | Status.DEAD if row.host.auto_remove:
                # Its removal at its end was refused, or died with the engine.
                await self.removal.remove(row.id, volumes=True)
            case Status.CREATED | Status.EXITED | Status.RESTARTING | Status.DEAD:
                await self._tidy(row)

    async def _adopt(self, row: Container) -> None:
        """Go on watching a container that lives, or note its end."""
        running = self.runtime.find(row.id)
        if running is not None:
            self.lives.watch(row, running)
            # Counted only: it is mounted, and mounting what is mounted is content.
            await self.roots.hold(row)
            await self._restore_files(row)
            return
        conmon = self.runtime.conmon_of(row.id)
        if conmon is not None:
            # The process has just ended, and its conmon is about to write down how.
            await conmon.ended()
            conmon.close()
        code = await asyncio.to_thread(exit_code, self.layout.bundle(row.id), row.id)
        await self._note_end(row, LOST if code is None else code)

    async def _restore_files(self, row: Container) -> None:
        """Let its files name the networks it is on: they may be those of a change that died with the engine."""
        if row.joins is None:
            await on_disk(self.files.restore, row, self.removal.sandboxes.attachments(row.sandbox))

    async def _note_end(self, row: Container, code: int) -> None:
        oom = self.layout.bundle(row.id).oom.exists()
        state = replace(row.state, pid=0, exit_code=code, oom_killed=oom, finished=datetime.now(UTC))
        again = restarts_after_exit(row.host.restart, state)
        status = Status.RESTARTING if again else Status.EXITED
        row = await self.rows.put(replace(row, state=replace(state, status=status)))
        self.announcements.container("die", row, exitCode=str(code))
        await self._tidy(row)
        if row.host.auto_remove:
            await self.removal.remove(row.id, volumes=True)
            self.announcements.container("destroy", row)

    async def _tidy(self, row: Container) -> None:
        """Take down what is on the machine of a container that does not run; mostly nothing."""
        if row.id in self.runtime.known() or self.layout.bundle(row.id).path.exists():
            await self.runtime.discard(row.id)
            await asyncio.to_thread(shutil.rmtree, self.layout.bundle(row.id).path, ignore_errors=True)
        # Where the exec-root was lost, the runtime knows nothing of a process that goes on.
        await self.cgroups.remove(row.id)
        if row.joins is None:
            await self.removal.sandboxes.close(row.sandbox)
        await self.host.do([Unmount(target=str(self.layout.root(row.id)))])

    async def _to_restart(self, row: Container) -> Container:
        if row.state.status is Status.RESTARTING:
            return row
        return await self.rows.put(replace(row, state=replace(row.state, status=Status.RESTARTING)))

    async def sweep(self) -> list[Difference]:
        """Take away what carries the id of no row; return it."""
        swept = []
        for stray in await self.strays.find():
            log.warning("sweeping: %s", stray.difference.what)
            try:
                await stray.take_away()
            except (NetwrightError, OSError) as error:
                log.error("it could not be swept: %s", error)
            else:
                swept.append(stray.difference)
        return swept
