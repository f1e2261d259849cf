"""A container's files as a part of the change that joins it to a network or takes it off one."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence

from netwright.containers.disk import begun_on_disk, on_disk
from netwright.containers.files import Former, NetworkFiles
from netwright.containers.lifecycle import is_running
from netwright.containers.rows import Rows
from netwright.controller.api import Attachment
from netwright.errors import SystemFailure
from netwright.host.uncancelled import to_the_end
from netwright.model.names import Id

log = logging.getLogger(__name__)


class Refreshing:
    """Brings a container's files up to date while it runs, as `controller.api.Beside`."""

    def __init__(self, files: NetworkFiles, rows: Rows, owner: Id) -> None:
        self._files = files
        self._rows = rows
        self._owner = owner
        self._former: list[Former] = []

    def make(self, shape: Sequence[Attachment]) -> Awaitable[None]:
        """Write what the container's networks will have changed in them, from now on. Raises SystemFailure."""
        row = self._rows.get(self._owner)
        concerned = row is not None and is_running(row.state) and row.joins is None
        return _settled(begun_on_disk(self._files.refresh, row, shape, self._former) if row and concerned else None)

    async def take_back(self) -> None:
        """Let the files be what they were; what cannot be is logged, for the change has failed of something else."""
        try:
            await on_disk(self._files.put_back, self._owner, self._former)
        except SystemFailure as failure:
            log.error("container %s has files that name what it has not: %s", self._owner, failure)


async def _settled(work: "asyncio.Future[None] | None") -> None:
    """Wait for work on files, which goes on whatever comes: not waited for, it would write after the taking back."""
    if work is not None:
        try:
            await to_the_end(work)
        except OSError as error:
            raise SystemFailure.of(error) from error
