"""The cgroups of containers: each below one that is its engine's own, and those below one that engines share.

A container's cgroup bears its id, and the directory above it says whose it is. So what an engine's death has left is
found even where every other trace of it is lost.
"""

import asyncio
import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from netwright.containers.processes import hold, in_cgroup
from netwright.containers.spec.config import CGROUP_PARENT
from netwright.model.names import Id, is_id

ROOT = Path("/sys/fs/cgroup")

_SECONDS = 10.0
"""How long a killed process may take to end."""

log = logging.getLogger(__name__)


class Cgroups:
    """The cgroups below that of one engine, in all hierarchies: one of version 2, or many of version 1."""

    def __init__(self, engine: str, root: Path = ROOT) -> None:
        self.parent = f"{CGROUP_PARENT}/{engine}" if engine else CGROUP_PARENT
        self._root = root

    def known(self) -> Sequence[Id]:
        """Return the containers that have a cgroup here."""
        found = {entry.name for parent in self._everywhere(self.parent) for entry in _directories(parent)}
        return sorted(Id(name) for name in found if is_id(name))

    async def remove(self, identity: Id) -> None:
        """Kill what runs in a container's cgroup, and remove it; content where there is none."""
        places = list(self._everywhere(f"{self.parent}/{identity}"))
        for pid in {pid for place in places for pid in _processes(place)}:
            await _kill(pid, identity)
        for place in places:
            for directory in sorted(_below(place), reverse=True):
                _remove(directory)

    def remove_parents(self) -> None:
        """Remove the engine's own cgroup where no container is left in it, and the common one where no engine is."""
        for name in dict.fromkeys((self.parent, CGROUP_PARENT)):
            for path in self._everywhere(name):
                _remove(path)

    def _everywhere(self, name: str) -> Iterator[Path]:
        relative = name.removeprefix("/")
        for path in (self._root / relative, *self._root.glob(f"*/{relative}")):
            if path.is_dir():
                yield path


def _directories(path: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return [entry for entry in path.iterdir() if entry.is_dir()]
    return []


def _below(path: Path) -> Iterator[Path]:
    yield path
    for entry in _directories(path):
        yield from _below(entry)


def _processes(path: Path) -> Iterator[int]:
    for directory in _below(path):
        with suppress(FileNotFoundError):
            yield from map(int, (directory / "cgroup.procs").read_text().split())


async def _kill(pid: int, identity: Id) -> None:
    """Kill a process that is still in the cgroup, and wait for its end."""
    process = hold(pid, in_cgroup(identity))
    if process is None:
        return
    try:
        process.signal(9)
        async with asyncio.timeout(_SECONDS):
            await process.ended()
    except TimeoutError:
        log.error("process %d of container %s does not end though it is killed", pid, identity)
    finally:
        process.close()


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        try:
            path.rmdir()
        except OSError as error:
            # Somebody is in it: another engine's containers, or a process that the kernel does not let die.
            if error.errno not in {errno.ENOTEMPTY, errno.EBUSY}:
                raise
