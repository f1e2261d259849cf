"""The routes of images."""

import base64
import binascii
from collections.abc import AsyncIterator, Sequence

from aiohttp import web
from msgspec import UNSET

from netwright.api.call import Call, answer, empty
from netwright.api.filters import Filters
from netwright.api.moments import rfc3339, seconds
from netwright.api.routes.table import Route
from netwright.api.wire import images as wire
from netwright.api.wire.containers import Config, GraphDriver, Nothing
from netwright.api.wire.shape import decode, encode
from netwright.containers.api import Deleted, Images, RegistryAuth, Untagged
from netwright.errors import InvalidInput, NetwrightError
from netwright.model.container import Image

_FILTERS = ("before", "dangling", "label", "label!", "reference", "since", "until")


class ImageRoutes:
    """Answers about images."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/images/json", self.list),
            Route("POST", "/images/load", self.load),
            Route("POST", "/images/create", self.create),
            Route("POST", "/images/prune", self.prune),
            Route("GET", "/images/{name...}/json", self.inspect),
            Route("GET", "/images/{name...}/history", self.history),
            Route("POST", "/images/{name...}/tag", self.tag),
            Route("DELETE", "/images/{name...}", self.remove),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """List images, the newest first."""
        filters = call.filters(*_FILTERS)
        return answer([_summary(image) for image in self._images.list() if _passes(image, filters)])

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect an image."""
        return answer(_shown(self._images.get(call["name"])))

    async def history(self, call: Call) -> web.StreamResponse:
        """Show the one step that is known of an image: that it was taken in."""
        image = self._images.get(call["name"])
        step = {
            "Id": image.id,
            "Created": seconds(image.created),
            "CreatedBy": "",
            "Tags": list(image.references),
            "Size": image.size,
            "Comment": image.comment,
        }
        return answer([step])

    async def load(self, call: Call) -> web.StreamResponse:
        """Take in an archive of images."""

        async def lines() -> AsyncIterator[wire.Progress]:
            async for line in self._images.load(call.chunks()):
                yield wire.Progress(stream=f"{line}\n")

        return await _stream(call, lines())

    async def create(self, call: Call) -> web.StreamResponse:
        """Pull an image from its registry, or make one of a tar."""
        return await (self._import(call) if call.text("fromSrc") else self._pull(call))

    async def _import(self, call: Call) -> web.StreamResponse:
        if call.text("fromSrc") != "-":
            raise InvalidInput("images are imported from the request's body: fromSrc must be -")
        image = await self._images.import_(
            call.chunks(),
            repository=call.text("repo"),
            tag=call.text("tag"),
            changes=call.texts("changes"),
            message=call.text("message"),
        )

        async def lines() -> AsyncIterator[wire.Progress]:
            yield wire.Progress(status=image.id)

        return await _stream(call, lines())

    async def _pull(self, call: Call) -> web.StreamResponse:
        name, tag = call.text("fromImage"), call.text("tag")
        if not name:
            raise InvalidInput("no image name: fromImage is missing")
        joint = "@" if ":" in tag else ":"
        reference = f"{name}{joint}{tag}" if tag else name
        auth = _read_auth(call.request.headers.get("X-Registry-Auth", ""))

        async def lines() -> AsyncIterator[wire.Progress]:
            async for step in self._images.pull(reference, auth=auth):
                detail = wire.ProgressDetail(current=step.current or UNSET, total=step.total or UNSET)
                yield wire.Progress(status=step.status, progress_detail=detail, id=step.id or UNSET)

        return await _stream(call, lines())

    async def tag(self, call: Call) -> web.StreamResponse:
        """Give an image one more name."""
        await self._images.tag(call["name"], call.text("repo"), call.text("tag"))
        return empty(201)

    async def remove(self, call: Call) -> web.StreamResponse:
        """Take a name from an image, and the image with its last."""
        return answer(_removed(await self._images.remove(call["name"], force=call.flag("force"))))

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the images that no container uses."""
        filters = call.filters("dangling", "label", "label!", "until")
        unnamed_only = filters.flag("dangling") is not False
        removed, regained = await self._images.prune(
            lambda image: not filters.labels(image.labels), unnamed_only=unnamed_only
        )
        return answer(wire.ImagesPruned(images_deleted=_removed(removed) or None, space_reclaimed=regained))


async def _stream(call: Call, lines: AsyncIterator[wire.Progress]) -> web.StreamResponse:
    """Send lines of JSON as they come. An error before the first has its status; one after it is the last line."""
    first = await anext(lines, None)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    try:
        if first is not None:
            await response.write(encode(first) + b"\r\n")
        async for line in lines:
            await response.write(encode(line) + b"\r\n")
    except NetwrightError as error:
        problem = wire.ProgressError(error_detail=wire.ErrorDetail(message=str(error)), error=str(error))
        await response.write(encode(problem) + b"\r\n")
    await response.write_eof()
    return response


def _read_auth(header: str) -> RegistryAuth | None:
    if not header:
        return None
    try:
        raw = base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))
    except (binascii.Error, ValueError):
        raise InvalidInput("invalid X-Registry-Auth header: it is not base64") from None
    auth = decode(wire.AuthConfig, raw) if raw.strip() else wire.AuthConfig()
    if not (auth.username or auth.identitytoken):
        return None
    return RegistryAuth(username=auth.username, password=auth.password, identity_token=auth.identitytoken)


def _removed(steps: Sequence[Untagged | Deleted]) -> list[wire.ImageRemoved]:
    return [
        wire.ImageRemoved(untagged=step.reference) if isinstance(step, Untagged) else wire.ImageRemoved(deleted=step.id)
        for step in steps
    ]


def _passes(image: Image, filters: Filters) -> bool:
    dangling = filters.flag("dangling")
    if dangling is not None and dangling == bool(image.references):
        return False
    wanted = filters.get("reference")
    if wanted and not any(_refers(text, name) for text in wanted for name in image.references):
        return False
    return filters.labels(image.labels)


def _refers(text: str, name: str) -> bool:
    repository = name.rpartition(":")[0]
    return text in {name, repository} or (text.endswith("*") and name.startswith(text[:-1]))


def _summary(image: Image) -> wire.ImageSummary:
    return wire.ImageSummary(
        id=image.id,
        repo_tags=list(image.references),
        repo_digests=list(image.digests),
        created=seconds(image.created),
        size=image.size,
        virtual_size=image.size,
        labels=dict(image.labels) or None,
    )


def _shown(image: Image) -> wire.ImageShown:
    return wire.ImageShown(
        id=image.id,
        repo_tags=list(image.references),
        repo_digests=list(image.digests),
        comment=image.comment,
        created=rfc3339(image.created),
        author=image.author,
        config=Config(
            user=image.user,
            exposed_ports={str(port): Nothing() for port in image.exposed} or UNSET,
            env=list(image.environment),
            cmd=list(image.command) or None,
            volumes={path: Nothing() for path in image.volumes} or None,
            working_dir=image.directory,
            entrypoint=list(image.entrypoint) or None,
            labels=dict(image.labels),
            stop_signal=image.stop_signal or UNSET,
        ),
        architecture=image.architecture,
        os=image.os,
        size=image.size,
        virtual_size=image.size,
        graph_driver=GraphDriver(data=None, name="overlay2"),
        root_fs=wire.RootFs(type="layers", layers=list(image.layers)),
    )
