"""What carries the id of a container that no row names: what a crash, or a lost exec-root, has left.

A row is written before anything of its container is made and goes after all of it, so whatever an id leads to that no
row has is nobody's, at any moment. The same look serves the start, `netwright check` and `netwright repair`.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.containers.cgroups import Cgroups
from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.containers.processes import command_line, has_argument, hold
from netwright.containers.removal import Removal
from netwright.containers.rows import Rows
from netwright.containers.runtime import Runtime
from netwright.host.ops import Unmount
from netwright.host.protocol import Host
from netwright.host.queries import Mounts
from netwright.model.difference import NOBODY, Difference
from netwright.model.names import Id, is_id


@dataclass(frozen=True, slots=True)
class Stray:
    """Something that nobody owns, and what takes it away."""

    difference: Difference
    take_away: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strays:
    """Finds what containers have left."""

    rows: Rows
    layout: Layout
    host: Host
    runtime: Runtime
    removal: Removal
    cgroups: Cgroups

    async def find(self) -> Sequence[Stray]:
        """Return what no row names, in the order in which it is to go: processes, mounts, cgroups, files.

        The rows are asked last: what was there before its row went is gone with it, or is a stray.
        """
        conmons = await asyncio.to_thread(self._conmons)
        mounts = await self.host.ask(Mounts(str(self.layout.containers)))
        cgroups = await asyncio.to_thread(self.cgroups.known)
        directories = await asyncio.to_thread(self._directories)
        kept = self.runtime.known()
        known = {row.id for row in self.rows.all()}
        roots = {str(self.layout.root(identity)) for identity in known}
        unmount = self.host.do
        return [
            *(_stray(one, "its process", _calling(self.runtime.discard, one)) for one in kept if one not in known),
            *(
                _stray(one, f"its conmon, process {pid}", _calling(_kill, pid, one))
                for pid, one in conmons
                if one not in known and one not in kept
            ),
            *(
                _stray(Path(path).parent.name, f"the mount {path}", _calling(unmount, [Unmount(target=path)]))
                for path in reversed(mounts)
                if path not in roots
            ),
            *(_stray(one, "its cgroup", _calling(self.cgroups.remove, one)) for one in cgroups if one not in known),
            *(_stray(one, "its files", _deleting(self.removal, one)) for one in directories if one not in known),
        ]

    def _conmons(self) -> list[tuple[int, Id]]:
        """Return the monitors whose bundle is one of ours, with their containers."""
        return list(_monitors(str(self.layout.bundles)))

    def _directories(self) -> Sequence[Id]:
        found: set[Id] = set()
        for directory in (self.layout.containers, self.layout.bundles):
            if directory.is_dir():
                found.update(Id(path.name) for path in directory.iterdir() if is_id(path.name))
        return sorted(found)


def _monitors(bundles: str) -> Iterator[tuple[int, Id]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        words = command_line(int(entry.name))
        if words and Path(words[0]).name == "conmon" and "-b" in words and "-c" in words:
            bundle, identity = words[words.index("-b") + 1], words[words.index("-c") + 1]
            if bundle.startswith(f"{bundles}/") and is_id(identity):
                yield int(entry.name), Id(identity)


async def _kill(pid: int, identity: Id) -> None:
    process = hold(pid, has_argument(identity))
    if process is not None:
        process.signal(signal.SIGKILL)
        await process.ended()
        process.close()


def _stray(identity: str, what: str, take_away: Callable[[], Awaitable[None]]) -> Stray:
    words = f"container {identity[:12]} is unknown, and {what} is there"
    return Stray(Difference(subject=NOBODY, what=words, cure="take it away"), take_away)


def _calling(act: Callable[..., Awaitable[None]], *arguments: object) -> Callable[[], Awaitable[None]]:
    return lambda: act(*arguments)


def _deleting(removal: Removal, identity: Id) -> Callable[[], Awaitable[None]]:
    return lambda: on_disk(removal.delete_directories, identity)
