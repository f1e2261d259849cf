"""The images: the implementation of `api.Images`.

An image is a row; its layers are directories (`layers`). What makes an image writes its layers first and its row last,
so a crash leaves at most layers that nobody names, which the next start deletes. What removes one goes the other way.
"""

import asyncio
import platform
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from netwright.containers.announcements import Announcements
from netwright.containers.api import Deleted, PullProgress, RegistryAuth, Untagged
from netwright.containers.archives import Manifest, Unpacked, extract, read, read_skopeo
from netwright.containers.disk import on_disk
from netwright.containers.image_config import changed, compose, parse
from netwright.containers.layers import Layers
from netwright.containers.lifecycle import is_running
from netwright.containers.references import Reference
from netwright.containers.references import parse as parse_reference
from netwright.containers.registry import Registry
from netwright.errors import Conflict, InvalidInput, NotFound
from netwright.model.container import Container, Image
from netwright.model.names import short
from netwright.store.api import Delete, Put, Store

_OLDEST = datetime.min.replace(tzinfo=UTC)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class Images:
    """All images. `containers` tells of all containers, whose images must not vanish."""

    def __init__(
        self,
        store: Store,
        layers: Layers,
        announcements: Announcements,
        containers: Callable[[], Sequence[Container]],
    ) -> None:
        self._store = store
        self._layers = layers
        self._announcements = announcements
        self._containers = containers
        self._rows = store.load(Image)
        self._names = asyncio.Lock()

    async def restore(self) -> None:
        """Delete what was half made when the engine last ended."""
        await asyncio.to_thread(self._layers.sweep)
        await self._collect()

    def list(self) -> Sequence[Image]:
        """Return all images, newest first."""
        return sorted(self._rows.values(), key=lambda image: image.created or _OLDEST, reverse=True)

    def get(self, reference: str) -> Image:
        """Return an image by name, id or id prefix."""
        digits = reference.removeprefix("sha256:")
        if (exact := self._rows.get(f"sha256:{digits}")) is not None:
            return exact
        named = self._named(reference)
        if named is not None:
            return named
        if digits and all(digit in "0123456789abcdef" for digit in digits):
            found = [image for image in self._rows.values() if image.id.startswith(f"sha256:{digits}")]
            if len(found) == 1:
                return found[0]
            if found:
                raise InvalidInput(f"ambiguous image id prefix: {reference}")
        raise NotFound(f"No such image: {_shown(reference)}")

    def _named(self, reference: str) -> Image | None:
        try:
            name = parse_reference(reference).familiar
        except InvalidInput:
            return None
        return next((image for image in self._rows.values() if name in (*image.references, *image.digests)), None)

    async def load(self, tar: AsyncIterator[bytes]) -> AsyncIterator[str]:
        """Take in an archive."""
        scratch = self._layers.scratch()
        try:
            archive = await _saved(tar, scratch / "archive")
            await on_disk(extract, archive, scratch / "files")
            for unpacked in await on_disk(read, scratch / "files"):
                image = await self._add(unpacked)
                self._announcements.image("load", image.id, image.id)
                for name in unpacked.references:
                    yield f"Loaded image: {name.familiar}"
                if not unpacked.references:
                    yield f"Loaded image ID: {image.id}"
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def import_(
        self, tar: AsyncIterator[bytes], *, repository: str, tag: str, changes: Sequence[str], message: str
    ) -> Image:
        """Make an image of one layer from a tar of a root file system."""
        shape = changed(changes)
        names = (_tagged(repository, tag),) if repository else ()
        scratch = self._layers.scratch()
        try:
            layer = await self._layers.add(await _saved(tar, scratch / "layer"))
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        config = compose(
            shape,
            layer=layer,
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
            created=datetime.now(UTC),
            message=message or "Imported from -",
        )
        image = await self._record(parse(config), names)
        self._announcements.image("import", image.id, names[0].familiar if names else image.id)
        return image

    async def pull(self, reference: str, *, auth: RegistryAuth | None = None) -> AsyncIterator[PullProgress]:
        """Fetch an image from its registry."""
        name = parse_reference(reference)
        yield PullProgress(status=f"Pulling from {name.path}", id=name.tag or name.digest)
        scratch = self._layers.scratch()
        try:
            registry = Registry(name, auth, scratch)
            digest, manifest = await registry.ask()
            before = self._named(name.familiar)
            pinned = f"{name.repository}@{digest}"
            if before is not None and pinned in before.digests:
                status = f"Status: Image is up to date for {name.familiar}"
            else:
                async for progress in self._fetch(registry, name, digest, manifest, scratch / "image"):
                    yield progress
                status = f"Status: Downloaded newer image for {name.familiar}"
            yield PullProgress(status=f"Digest: {digest}")
            yield PullProgress(status=status)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def tags(self, repository: str, *, auth: RegistryAuth | None = None) -> Sequence[str]:
        """Return all tags that a repository has in its registry."""
        scratch = self._layers.scratch()
        try:
            return await Registry(parse_reference(repository), auth, scratch).tags()
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _fetch(
        self, registry: Registry, name: Reference, digest: str, manifest: Manifest, into: Path
    ) -> AsyncIterator[PullProgress]:
        short_layers = [short(layer.digest.removeprefix("sha256:")) for layer in manifest.layers or ()]
        for layer in short_layers:
            yield PullProgress(status="Pulling fs layer", id=layer)
        await registry.fetch(digest, into)
        for layer in short_layers:
            yield PullProgress(status="Download complete", id=layer)
        unpacked = replace(await on_disk(read_skopeo, into), references=() if name.digest else (name,))
        await self._add(unpacked, digest=f"{name.repository}@{digest}")
        for layer in short_layers:
            yield PullProgress(status="Pull complete", id=layer)
        self._announcements.image("pull", name.familiar, name.repository)

    async def _add(self, unpacked: Unpacked, *, digest: str = "") -> Image:
        """Unpack an image's layers and write its row."""
        image = parse(unpacked.config)
        if len(image.layers) != len(unpacked.layers):
            raise InvalidInput("invalid manifest, layers length mismatch")
        if image.os not in {"", "linux"}:
            raise InvalidInput(f"cannot load {image.os} image on linux")
        for archive, layer in zip(unpacked.layers, image.layers, strict=True):
            if not self._layers.has(layer):
                await self._layers.add(archive, layer)
        return await self._record(image, unpacked.references, digest)

    async def _record(self, image: Image, names: Sequence[Reference], digest: str = "") -> Image:
        """Write an image's row with its names, taken from others that had them."""
        size = await self._layers.size(set(image.layers))
        async with self._names:
            known = self._rows.get(image.id, image)
            wanted = [name.familiar for name in names]
            rows = self._without(wanted, but=image.id)
            row = replace(
                image,
                size=size,
                references=tuple(dict.fromkeys((*known.references, *wanted))),
                digests=tuple(dict.fromkeys((*known.digests, *([digest] if digest else [])))),
            )
            await self._write([*rows, row])
        return row

    def _without(self, names: Sequence[str], *, but: str) -> Sequence[Image]:
        """Return the images that lose some names to another."""
        return [
            replace(image, references=tuple(name for name in image.references if name not in names))
            for image in self._rows.values()
            if image.id != but and set(names) & set(image.references)
        ]

    async def _write(self, rows: Sequence[Image]) -> None:
        await self._store.commit([Put(row.id, row) for row in rows])
        self._rows.update((row.id, row) for row in rows)

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image one more name."""
        name = _tagged(repository, tag).familiar
        async with self._names:
            image = self.get(reference)
            row = replace(image, references=tuple(dict.fromkeys((*image.references, name))))
            await self._write([*self._without([name], but=image.id), row])
        self._announcements.image("tag", image.id, name)

    async def remove(self, reference: str, *, force: bool = False) -> Sequence[Untagged | Deleted]:
        """Take a name away, and the image with its last one."""
        async with self._names:
            image = self.get(reference)
            by_name = not image.id.removeprefix("sha256:").startswith(reference.removeprefix("sha256:"))
            lost = self._lost_names(image, reference, by_name=by_name, force=force)
            left = tuple(name for name in image.references if name not in lost)
            deletes = not left and not (by_name and force and self._users(image))
            if deletes:
                self._check_unused(image, force=force)
                await self._store.commit([Delete(Image, image.id)])
                del self._rows[image.id]
                lost = [*lost, *image.digests]
            else:
                await self._write([replace(image, references=left)])
        for _ in lost:
            self._announcements.image("untag", image.id, image.id)
        if not deletes:
            return [Untagged(name) for name in lost]
        self._announcements.image("delete", image.id, image.id)
        await self._collect()
        return [*(Untagged(name) for name in lost), Deleted(image.id)]

    def _lost_names(self, image: Image, reference: str, *, by_name: bool, force: bool) -> Sequence[str]:
        """Return the names that go; refused, as in Docker, where that would surprise somebody."""
        if not by_name:
            repositories = {name.rpartition(":")[0] for name in image.references}
            if len(repositories) > 1 and not force:
                raise Conflict(
                    f"conflict: unable to delete {_short(image)} (must be forced) - "
                    "image is referenced in multiple repositories"
                )
            return image.references
        users = self._users(image)
        if users and len(image.references) <= 1 and not force:
            raise Conflict(
                f'conflict: unable to remove repository reference "{reference}" (must force) - '
                f"container {short(users[0].id)} is using its referenced image {_short(image)}"
            )
        name = parse_reference(reference).familiar
        return [name] if name in image.references else []

    def _check_unused(self, image: Image, *, force: bool) -> None:
        for container in self._users(image):
            if is_running(container.state):
                raise Conflict(
                    f"conflict: unable to delete {_short(image)} (cannot be forced) - "
                    f"image is being used by running container {short(container.id)}"
                )
            if not force:
                raise Conflict(
                    f"conflict: unable to delete {_short(image)} (must be forced) - "
                    f"image is being used by stopped container {short(container.id)}"
                )

    def _users(self, image: Image) -> Sequence[Container]:
        return [container for container in self._containers() if container.image == image.id]

    async def prune(
        self, keep: Callable[[Image], bool], *, unnamed_only: bool = True
    ) -> tuple[Sequence[Untagged | Deleted], int]:
        """Remove images that no container uses."""
        gone: list[Untagged | Deleted] = []
        regained = 0
        for image in self.list():
            if self._users(image) or keep(image) or (unnamed_only and image.references):
                continue
            gone.extend(await self.remove(image.id, force=True))
            regained += image.size
        return gone, regained

    async def _collect(self) -> None:
        """Delete the layers that neither an image nor a container has."""
        images = {layer for image in self._rows.values() for layer in image.layers}
        await self._layers.keep_only(images | {layer for item in self._containers() for layer in item.layers})


def _tagged(repository: str, tag: str) -> Reference:
    name = parse_reference(f"{repository}:{tag}" if tag else repository)
    if name.digest:
        raise InvalidInput("refusing to create a tag with a digest reference")
    return name


def _short(image: Image) -> str:
    return short(image.id.removeprefix("sha256:"))


def _shown(reference: str) -> str:
    """Return a name as Docker says it where there is no such image: with its tag."""
    try:
        return parse_reference(reference).familiar
    except InvalidInput:
        return reference


async def _saved(data: AsyncIterator[bytes], path: Path) -> Path:
    """Write a stream to a file."""
    with path.open("wb") as file:
        async for block in data:
            await on_disk(file.write, block)
    return path
