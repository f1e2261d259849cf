"""Local volumes: directories with a name. The implementation of `api.Volumes`.

The row is written before the directory is made and deleted after it is gone; making a directory that is there and
deleting one that is not are both content, so a crash in between needs no more than doing it again.
"""

import asyncio
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from netwright.containers.announcements import Announcements
from netwright.containers.disk import on_disk
from netwright.containers.layers import tree_size
from netwright.containers.layout import Layout
from netwright.errors import Conflict, InvalidInput, NotBuilt, NotFound
from netwright.model.container import Container, Volume
from netwright.model.names import Id
from netwright.store.api import Delete, Put, Store

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Volumes:
    """All volumes. `containers` tells of all containers, which hold the volumes that they mount."""

    def __init__(
        self,
        store: Store,
        layout: Layout,
        announcements: Announcements,
        containers: Callable[[], Sequence[Container]],
    ) -> None:
        self._store = store
        self._layout = layout
        self._announcements = announcements
        self._containers = containers
        self._rows = store.load(Volume)
        self._lock = asyncio.Lock()

    def list(self) -> Sequence[Volume]:
        """Return all volumes by name."""
        return sorted(self._rows.values(), key=lambda volume: volume.name)

    def get(self, name: str) -> Volume:
        """Return a volume."""
        if (volume := self._rows.get(name)) is None:
            raise NotFound(f"get {name}: no such volume")
        return volume

    def invent_name(self) -> str:
        """Return a name for an anonymous volume: 64 hexadecimal digits, as Docker's."""
        return secrets.token_hex(32)

    def path(self, name: str) -> Path:
        """Return where the content of a volume lies, or will."""
        return self._layout.volume(name)

    def users(self, name: str) -> Sequence[Id]:
        """Return the containers that mount a volume."""
        return [item.id for item in self._containers() if any(point.volume == name for point in item.mounts)]

    async def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Volume:
        """Make a volume, or return the one of that name; without a name it is anonymous."""
        self._check(name, driver, options or {})
        async with self._lock:
            if (known := self._rows.get(name)) is not None:
                return known
            chosen = name or self.invent_name()
            path = self._layout.volume(chosen)
            volume = Volume(
                name=chosen,
                path=str(path),
                created=datetime.now(UTC),
                labels=labels or {},
                anonymous=anonymous or not name,
            )
            await self._store.commit([Put(chosen, volume)])
            self._rows[chosen] = volume
            await on_disk(_make, path)
        self._announcements.volume("create", chosen, driver=driver)
        return volume

    def _check(self, name: str, driver: str, options: Mapping[str, str]) -> None:
        if driver not in {"", "local"}:
            raise NotBuilt(f'volume driver "{driver}": volume plugins are not built, only the driver "local" is')
        if options:
            raise NotBuilt(
                "options of local volumes are not built: mount the file system and bind its directory instead"
            )
        if name and _NAME.fullmatch(name) is None:
            raise InvalidInput(
                f'create {name}: "{name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            )

    async def remove(self, name: str, *, force: bool = False, user: Id | None = None) -> None:
        """Remove a volume with its content; with `force` content where there is none.

        `user` is a container that goes with it and does not count as using it.
        """
        async with self._lock:
            if name not in self._rows and force:
                return
            self.get(name)
            if users := [identity for identity in self.users(name) if identity != user]:
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            await on_disk(self._delete_tree, name)
            await self._store.commit([Delete(Volume, name)])
            del self._rows[name]
        self._announcements.volume("destroy", name, driver="local")

    def _delete_tree(self, name: str) -> None:
        directory = self._layout.volume(name).parent
        if directory.exists():
            shutil.rmtree(directory)

    async def prune(self, keep: Callable[[Volume], bool], *, named: bool = False) -> tuple[Sequence[str], int]:
        """Remove volumes that no container uses."""
        gone, regained = [], 0
        for volume in self.list():
            if self.users(volume.name) or keep(volume) or not (named or volume.anonymous):
                continue
            regained += await on_disk(tree_size, self._layout.volume(volume.name))
            await self.remove(volume.name)
            gone.append(volume.name)
        return gone, regained


def _make(path: Path) -> None:
    """Make a volume's directory, which everybody in a container may read whatever the engine's umask is."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
