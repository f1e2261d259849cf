"""Images and volumes in memory."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from netwright.containers.api import (
    Deleted,
    PullProgress,
    RegistryAuth,
    Untagged,
)
from netwright.errors import Conflict, InvalidInput, NotFound
from netwright.model.container import (
    Image,
    Volume,
)
from netwright.model.names import Id, new_id

MADE = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)
"""When everything in a fake engine was made, so that answers can be compared."""


def busybox() -> Image:
    """Return the image that is always there."""
    return Image(
        id="sha256:" + "ab" * 32,
        references=("busybox:latest",),
        created=MADE,
        size=4_200_000,
        architecture="amd64",
        os="linux",
        layers=("sha256:" + "12" * 32,),
        command=("echo", "hello"),
        environment=("PATH=/bin",),
    )


class FakeImages:
    """The images."""

    def __init__(self) -> None:
        self.rows: list[Image] = [busybox()]
        self.auths: list[RegistryAuth | None] = []
        self.fails_midway = False

    def list(self) -> Sequence[Image]:
        return self.rows

    def get(self, reference: str) -> Image:
        known = [image for image in self.rows if {reference, f"{reference}:latest"} & {*image.references, image.id}]
        known += [image for image in self.rows if reference and image.id.partition(":")[2].startswith(reference)]
        if not known:
            raise NotFound(f"No such image: {reference}")
        return known[0]

    async def load(self, tar: AsyncIterator[bytes]) -> AsyncIterator[str]:
        size = len(b"".join([chunk async for chunk in tar]))
        if not size:
            raise InvalidInput("the archive is empty")
        yield f"Loaded image: of{size}:latest"

    async def import_(
        self, tar: AsyncIterator[bytes], *, repository: str, tag: str, changes: Sequence[str], message: str
    ) -> Image:
        async for _ in tar:
            pass
        name = f"{repository}:{tag}" if tag or ":" not in repository else repository
        image = replace(busybox(), id="sha256:" + "cd" * 32, references=(name,), comment=message)
        self.rows.append(image)
        return image

    async def pull(self, reference: str, *, auth: RegistryAuth | None = None) -> AsyncIterator[PullProgress]:
        self.auths.append(auth)
        if "nothing" in reference:
            raise NotFound(f"pull access denied for {reference}, repository does not exist")
        yield PullProgress(status=f"Pulling from {reference}", id="latest")
        yield PullProgress(status="Downloading", id="abc", current=5, total=10)
        if self.fails_midway:
            raise NotFound("the layer went away")
        yield PullProgress(status=f"Status: Downloaded newer image for {reference}")

    async def tags(self, repository: str, *, auth: RegistryAuth | None = None) -> Sequence[str]:
        return ["1", "2"]

    async def tag(self, reference: str, repository: str, tag: str) -> None:
        image = self.get(reference)
        self.rows.remove(image)
        self.rows.append(replace(image, references=(*image.references, f"{repository}:{tag or 'latest'}")))

    async def remove(self, reference: str, *, force: bool = False) -> Sequence[Untagged | Deleted]:
        image = self.get(reference)
        self.rows.remove(image)
        return [*map(Untagged, image.references), Deleted(image.id)]

    async def prune(
        self, keep: Callable[[Image], bool], *, unnamed_only: bool = True
    ) -> tuple[Sequence[Untagged | Deleted], int]:
        going = [image for image in self.rows if not keep(image) and not (unnamed_only and image.references)]
        return [Deleted(image.id) for image in going], sum(image.size for image in going)


class FakeVolumes:
    """The volumes."""

    def __init__(self) -> None:
        self.rows: dict[str, Volume] = {}

    def list(self) -> Sequence[Volume]:
        return sorted(self.rows.values(), key=lambda volume: volume.name)

    def get(self, name: str) -> Volume:
        try:
            return self.rows[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    def users(self, name: str) -> Sequence[Id]:
        return [Id("0" * 64)] if name.startswith("used") else []

    async def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        if driver != "local":
            raise NotFound(f'plugin "{driver}" not found')
        chosen = name or new_id()
        path = f"/var/lib/netwright/volumes/{chosen}/_data"
        made = Volume(
            name=chosen, path=path, created=MADE, labels=labels or {}, options=options or {}, anonymous=not name
        )
        return self.rows.setdefault(chosen, made)

    async def remove(self, name: str, *, force: bool = False) -> None:
        if self.users(name):
            raise Conflict(f"remove {name}: volume is in use")
        del self.rows[self.get(name).name]

    async def prune(self, keep: Callable[[Volume], bool], *, named: bool = False) -> tuple[Sequence[str], int]:
        going = [volume.name for volume in self.list() if not keep(volume) and (named or volume.anonymous)]
        for name in going:
            del self.rows[name]
        return going, 0
