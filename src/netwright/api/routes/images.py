"""The routes of images."""

import base64
import binascii
import platform as machine
import time
from collections.abc import AsyncIterator, Sequence

from aiohttp import web
from msgspec import UNSET, DecodeError, json

from netwright.api.call import JSON, Call, answer, empty
from netwright.api.machine import GO_NAMES
from netwright.api.moments import parse_moment
from netwright.api.routes.table import Route
from netwright.api.translate.images import FILTERS, chosen, nanoseconds_of, show_image, show_removed, show_summary
from netwright.api.wire import images as wire
from netwright.api.wire.shape import encode
from netwright.containers.api import Images, RegistryAuth
from netwright.errors import InvalidInput, NetwrightError, NotBuilt
from netwright.model.container import Image


class ImageRoutes:
    """Answers about images."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/images/json", self.list),
            Route("POST", "/images/load", self.load, lasting=True),
            Route("POST", "/images/create", self.create, lasting=True),
            Route("POST", "/images/prune", self.prune),
            Route("GET", "/images/{name...}/json", self.inspect),
            Route("POST", "/images/{name...}/tag", self.tag),
            Route("DELETE", "/images/{name...}", self.remove),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """List images, the newest first."""
        found = chosen(self._images.list(), call.filters(*FILTERS), self._images.get)
        return answer([show_summary(image, call.version) for image in found])

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect an image."""
        return answer(show_image(self._images.get(call["name"]), call.version))

    async def load(self, call: Call) -> web.StreamResponse:
        """Take in an archive of images."""

        async def lines() -> AsyncIterator[wire.Progress]:
            async for line in self._images.load(call.chunks()):
                yield wire.Progress(stream=f"{line}\n")

        return await _progress(call, lines())

    async def create(self, call: Call) -> web.StreamResponse:
        """Pull an image from its registry, or make one of a tar."""
        check_platform(call.text("platform"))
        return await (self._import(call) if call.text("fromSrc") else self._pull(call))

    async def _import(self, call: Call) -> web.StreamResponse:
        if call.text("fromSrc") != "-":
            raise NotBuilt("importing from a URL is not supported: fetch it, and send it as the request's body")
        image = await self._images.import_(
            call.chunks(),
            repository=call.text("repo"),
            tag=call.text("tag"),
            changes=call.texts("changes"),
            message=call.text("message"),
        )

        async def lines() -> AsyncIterator[wire.Progress]:
            yield wire.Progress(status=image.id)

        return await _progress(call, lines())

    async def _pull(self, call: Call) -> web.StreamResponse:
        name, tag = call.text("fromImage"), call.text("tag")
        if not name:
            raise InvalidInput("invalid reference format: fromImage is missing")
        auth = read_auth(call.request.headers.get("X-Registry-Auth", ""))

        async def lines() -> AsyncIterator[wire.Progress]:
            for reference in await self._meant(name, tag, auth):
                async for step in self._images.pull(reference, auth=auth):
                    detail = wire.ProgressDetail(current=step.current or UNSET, total=step.total or UNSET)
                    yield wire.Progress(status=step.status, progress_detail=detail, id=step.id or UNSET)

        return await _progress(call, lines())

    async def _meant(self, name: str, tag: str, auth: RegistryAuth | None) -> Sequence[str]:
        """Return the images that a pull is about; a name without a tag means all that its repository has."""
        if tag:
            joint = "@" if ":" in tag else ":"
            return [f"{name}{joint}{tag}"]
        if ":" in name.rpartition("/")[2]:
            return [name]
        return [f"{name}:{each}" for each in await self._images.tags(name, auth=auth)]

    async def tag(self, call: Call) -> web.StreamResponse:
        """Give an image one more name."""
        await self._images.tag(call["name"], call.text("repo"), call.text("tag"))
        return empty(201)

    async def remove(self, call: Call) -> web.StreamResponse:
        """Take a name from an image, and the image with its last."""
        return answer(show_removed(await self._images.remove(call["name"], force=call.flag("force"))))

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the images that no container uses."""
        filters = call.filters("dangling", "label", "label!", "until")
        before = [parse_moment(text, time.time()) for text in filters.get("until")]

        def keep(image: Image) -> bool:
            return any(nanoseconds_of(image) >= bound for bound in before) or not filters.labels(image.labels)

        unnamed_only = filters.flag("dangling") is not False
        removed, regained = await self._images.prune(keep, unnamed_only=unnamed_only)
        return answer(wire.ImagesPruned(images_deleted=show_removed(removed) or None, space_reclaimed=regained))


async def _progress(call: Call, lines: AsyncIterator[wire.Progress]) -> web.StreamResponse:
    """Send lines of JSON as they come. An error before the first has its status; one after it is the last line."""
    first = await anext(lines, None)
    response = await call.begin(JSON)
    try:
        if first is not None:
            await response.write(encode(first))
        async for line in lines:
            await response.write(encode(line))
    except NetwrightError as error:
        problem = wire.ProgressError(error_detail=wire.ErrorDetail(message=str(error)), error=str(error))
        await response.write(encode(problem))
    await response.write_eof()
    return response


def check_platform(text: str) -> None:
    """Refuse an image for another kind of machine than this: `linux/arm64`, or one of its two words."""
    own = GO_NAMES.get(machine.machine(), machine.machine())
    words = text.lower().split("/") if text else []
    if any(word not in {"linux", own, machine.machine()} for word in words[:2]):
        raise NotBuilt(f"images for {text} are not supported: this machine is linux/{own}")


def read_auth(header: str) -> RegistryAuth | None:
    """Return the credentials in the header X-Registry-Auth, None where it has none. Raises InvalidInput."""
    try:
        raw = base64.b64decode(header + "=" * (-len(header) % 4), altchars=b"-_", validate=True)
        auth = json.decode(raw or b"{}", type=wire.AuthConfig)
    except (binascii.Error, DecodeError):
        raise InvalidInput("invalid X-Registry-Auth header: it is not base64 of JSON") from None
    if not (auth.username or auth.identitytoken):
        return None
    return RegistryAuth(username=auth.username, password=auth.password, identity_token=auth.identitytoken)
