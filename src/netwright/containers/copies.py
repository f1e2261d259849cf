"""`docker cp` of containers: in which root a path lies, running or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from netwright.containers import archive
from netwright.containers.api import PathStat
from netwright.containers.inside import Root
from netwright.containers.lives import Lives
from netwright.containers.rootfs import RootFileSystems
from netwright.errors import Forbidden, NotFound
from netwright.model.container import Container, MountPoint


class Copies:
    """Copies out of and into containers."""

    def __init__(self, lives: Lives, roots: RootFileSystems) -> None:
        self._lives = lives
        self._roots = roots

    async def stat(self, row: Container, path: str) -> PathStat:
        """Look at a path. Raises NotFound."""
        async with self._rooted(row, path) as (root, inside):
            try:
                return await asyncio.to_thread(archive.look, root, inside)
            except NotFound:
                raise _no_file(path, row) from None

    async def pack(self, row: Container, path: str) -> tuple[PathStat, AsyncIterator[bytes]]:
        """Return a path as a tar stream. Raises NotFound."""
        return await self.stat(row, path), self._packed(row, path)

    async def _packed(self, row: Container, path: str) -> AsyncIterator[bytes]:
        async with self._rooted(row, path) as (root, inside):
            async for block in archive.pack(root, inside):
                yield block

    async def unpack(self, row: Container, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool) -> None:
        """Extract a tar stream into a directory. Raises NotFound, InvalidInput, Forbidden."""
        if row.host.read_only and not any(_is_below(path, point.target) for point in row.mounts):
            raise Forbidden("container rootfs is marked read-only")
        async with self._rooted(row, path) as (root, inside):
            try:
                await archive.unpack(root, inside, tar, no_overwrite=no_overwrite)
            except NotFound:
                raise _no_file(path, row) from None

    @asynccontextmanager
    async def _rooted(self, row: Container, path: str) -> AsyncIterator[tuple[Root, str]]:
        """Yield the root in which a path lies, and the path in it.

        A running container is seen as its own processes see it, volumes and all. Of one that does not run, the root is
        mounted for the time, and a path below a mount is looked up where the mount comes from.
        """
        process = self._lives.process(row.id)
        if process is not None:
            async with _opened(f"/proc/{process.pid}/root") as root:
                yield root, path
            return
        point = await asyncio.to_thread(_mount_of, row, path)
        if point is not None:
            async with _opened(point.source) as root:
                yield root, "/" + "/".join(_parts(path)[len(_parts(point.target)) :])
            return
        async with self._roots.held(row) as mounted, _opened(str(mounted)) as root:
            yield root, path


@asynccontextmanager
async def _opened(path: str) -> AsyncIterator[Root]:
    root = Root(path)
    try:
        yield root
    finally:
        root.close()


def _mount_of(row: Container, path: str) -> MountPoint | None:
    """Return the innermost mount of a directory that a path lies in."""
    found = [point for point in row.mounts if _is_below(path, point.target) and Path(point.source or "-").is_dir()]
    return max(found, key=lambda point: len(point.target), default=None)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _is_below(path: str, target: str) -> bool:
    wanted = _parts(target)
    return _parts(path)[: len(wanted)] == wanted


def _no_file(path: str, row: Container) -> NotFound:
    return NotFound(f"Could not find the file {path} in container {row.name}")
