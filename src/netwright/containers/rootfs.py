"""Root file systems: an overlay of an image's layers and a container's own, mounted while somebody needs it."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from netwright.containers.disk import on_disk
from netwright.containers.layout import Layout
from netwright.controller.locks import KeyedLocks
from netwright.errors import SystemFailure
from netwright.host.ops import Mount, Unmount
from netwright.host.protocol import Host
from netwright.model.container import Container
from netwright.model.names import Id

_PAGE = 4095
"""Bytes that the options of a mount may have."""


class RootFileSystems:
    """Mounts and unmounts; counts who needs what."""

    def __init__(self, layout: Layout, host: Host) -> None:
        self._layout = layout
        self._host = host
        self._holders: Counter[Id] = Counter()
        self._locks = KeyedLocks()

    async def prepare(self, identity: Id) -> None:
        """Make the directories of a container's own layer; content where they are there."""
        await on_disk(self._prepare, identity)

    def _prepare(self, identity: Id) -> None:
        self._layout.container(identity).mkdir(parents=True, exist_ok=True, mode=0o710)
        for path in (self._layout.root(identity), self._layout.upper(identity), self._layout.work(identity)):
            path.mkdir(exist_ok=True)
        # It becomes the container's `/`, which must not depend on the engine's umask.
        self._layout.upper(identity).chmod(0o755)

    async def hold(self, container: Container) -> Path:
        """Mount a container's root, or join those who have it mounted, and return its path."""
        async with self._locks.holding(container.id):
            if not self._holders[container.id]:
                target = str(self._layout.root(container.id))
                options = self._options(container)
                await self._host.do([Mount(source="overlay", target=target, type="overlay", options=options)])
            self._holders[container.id] += 1
        return self._layout.root(container.id)

    async def release(self, identity: Id) -> None:
        """Unmount a container's root if nobody else needs it."""
        async with self._locks.holding(identity):
            self._holders[identity] -= 1
            if self._holders[identity] <= 0:
                del self._holders[identity]
                await self._host.do([Unmount(target=str(self._layout.root(identity)))])

    @asynccontextmanager
    async def held(self, container: Container) -> AsyncIterator[Path]:
        """Have a container's root mounted during the block."""
        path = await self.hold(container)
        try:
            yield path
        finally:
            await self.release(container.id)

    def _options(self, container: Container) -> str:
        # An image without layers is an empty directory; overlayfs wants one all the same, and the mount point is one.
        lower = [self._layout.layer(layer) for layer in reversed(container.layers)]
        lowers = ":".join(map(str, lower or [self._layout.root(container.id)]))
        upper, work = self._layout.upper(container.id), self._layout.work(container.id)
        # index=off as in Docker: with it on, a mount that leaked into some namespace would make the next one fail.
        options = f"index=off,lowerdir={lowers},upperdir={upper},workdir={work}"
        if len(options) > _PAGE:
            raise SystemFailure(
                f"the image of {container.name} has {len(container.layers)} layers, too many for one mount: "
                "use a data-root with a shorter path"
            )
        return options
