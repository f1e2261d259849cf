"""Removing a container: the row says so first, and goes last; every step is content with work already done."""

import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.containers.rootfs import RootFileSystems
from netwright.containers.rows import Rows
from netwright.containers.runtime import Runtime
from netwright.containers.volumes import Volumes
from netwright.controller.api import Sandboxes
from netwright.errors import NetwrightError, NotFound, SystemFailure, TeardownFailed
from netwright.host.ops import Unmount
from netwright.host.protocol import Host
from netwright.model.container import Container, Status
from netwright.model.names import Id

log = logging.getLogger(__name__)


@contextmanager
def behind_failure() -> Iterator[None]:
    """Leave to the log what a removal behind a failure could not do: the failure is what the user is to hear of."""
    try:
        yield
    except NetwrightError as failure:
        log.error("%s", failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Removes containers that do not run."""

    rows: Rows
    layout: Layout
    host: Host
    roots: RootFileSystems
    runtime: Runtime
    sandboxes: Sandboxes
    volumes: Volumes

    async def remove(self, identity: Id, *, volumes: bool) -> Container | None:
        """Remove everything of a container, and its row with the last of it; return the row as it was.

        Anonymous volumes go along if `volumes`; if not, the row lets go of its mounts first, so that who finds it
        after a crash knows. Raises TeardownFailed with all that went wrong; the row then says `dead`, and removing may
        be tried again.
        """
        before = self.rows.get(identity)
        if before is None:
            return None
        row = await self._announced(before, volumes=volumes)
        failures: list[Exception] = []
        for step in self._steps(row):
            try:
                await step()
            except (NetwrightError, OSError) as error:
                failures.append(error)
        if not failures:
            try:
                await self.rows.delete(row)
            except SystemFailure as failure:
                failures.append(failure)
        if failures:
            await self._note_failure(row, failures)
        return before

    async def _announced(self, row: Container, *, volumes: bool) -> Container:
        """Return the row of a container that goes, as it is on disk; one that is half made goes as it is."""
        if row.state.status is Status.CREATING:
            return row
        state = replace(row.state, status=Status.REMOVING)
        return await self.rows.put(replace(row, state=state, mounts=row.mounts if volumes else ()))

    async def _note_failure(self, row: Container, failures: list[Exception]) -> NoReturn:
        """Let it be removed once more, whether that can be written or not: what the disk has the next start removes."""
        dead = replace(row, state=replace(row.state, status=Status.DEAD))
        try:
            await self.rows.put(dead)
        except SystemFailure as failure:
            self.rows.accept(dead)
            failures.append(failure)
        raise TeardownFailed(f"container {row.name} could not be removed as a whole", failures)

    def _steps(self, row: Container) -> list[Callable[[], Awaitable[None]]]:
        return [
            lambda: self._discard(row.id),
            lambda: self._delete_sandboxes(row),
            lambda: self.host.do([Unmount(target=str(self.layout.root(row.id)))]),
            lambda: on_disk(self.delete_directories, row.id),
            lambda: self._remove_anonymous(row),
        ]

    async def _discard(self, identity: Id) -> None:
        if identity in self.runtime.known():
            await self.runtime.discard(identity)

    async def _delete_sandboxes(self, row: Container) -> None:
        """Delete the container's own stack; it is found by its owner, for the row may not know it yet."""
        for sandbox in self.sandboxes.list():
            if sandbox.owner == row.id:
                try:
                    await self.sandboxes.delete(sandbox.id)
                except NotFound:
                    continue

    def delete_directories(self, identity: Id) -> None:
        """Delete a container's files on disk and in the exec-root."""
        for path in (self.layout.bundle(identity).path, self.layout.container(identity)):
            if path.exists():
                shutil.rmtree(path)

    async def _remove_anonymous(self, row: Container) -> None:
        known = {volume.name for volume in self.volumes.list() if volume.anonymous}
        for point in row.mounts:
            if point.volume in known and set(self.volumes.users(point.volume)) <= {row.id}:
                await self.volumes.remove(point.volume, force=True, user=row.id)
