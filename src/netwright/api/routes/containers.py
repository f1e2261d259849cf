"""The routes of containers: their list, their life, their files."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.listing import Listing
from netwright.api.moments import nanoseconds, parse_moment, rfc3339
from netwright.api.routes.images import check_platform
from netwright.api.routes.streams import StreamRoutes
from netwright.api.routes.table import Route
from netwright.api.translate.containers import Shown, show_container, show_summary
from netwright.api.translate.creation import read_create
from netwright.api.wire import containers as wire
from netwright.api.wire.shape import encode
from netwright.containers.api import Containers, Executions, PathStat
from netwright.errors import InvalidInput, NotBuilt, NotFound
from netwright.model.container import Container

_NO_IMAGE = "No such image"
"""How Docker's error for a missing image begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerBackends:
    """What these routes need: the containers, their executions, how one is shown, and what a network is called."""

    containers: Containers
    executions: Executions
    show: Callable[[Container], Shown]
    network_name: Callable[[str], str]


class ContainerRoutes:
    """Answers about containers."""

    def __init__(self, backends: ContainerBackends) -> None:
        self._containers = backends.containers
        self._show = backends.show
        self._network_name = backends.network_name

    def routes(self) -> list[Route]:
        """Return the table, that of the containers' streams with it."""
        return [
            Route("GET", "/containers/json", self.list),
            Route("POST", "/containers/create", self.create),
            Route("POST", "/containers/prune", self.prune),
            Route("GET", "/containers/{id...}/json", self.inspect),
            Route("POST", "/containers/{id...}/start", self.start),
            Route("POST", "/containers/{id...}/stop", self.stop),
            Route("POST", "/containers/{id...}/restart", self.restart),
            Route("POST", "/containers/{id...}/kill", self.kill),
            Route("POST", "/containers/{id...}/rename", self.rename),
            Route("POST", "/containers/{id...}/resize", self.resize),
            Route("HEAD", "/containers/{id...}/archive", self.stat),
            Route("GET", "/containers/{id...}/archive", self.pack, lasting=True),
            Route("PUT", "/containers/{id...}/archive", self.unpack, lasting=True),
            *StreamRoutes(self._containers).routes(),
            Route("DELETE", "/containers/{id...}", self.remove),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """List containers, the newest first."""
        listing = Listing.read(call, self._containers.list())
        now = time.time()
        found = [item for item in map(self._show, listing.candidates()) if listing.passes(item)]
        limited = found[: listing.limit] if listing.limit > 0 else found
        return answer([show_summary(item, call.version, now) for item in limited])

    async def create(self, call: Call) -> web.StreamResponse:
        """Make a container."""
        check_platform(call.text("platform"))
        asked = await call.body(wire.ContainerCreate)
        request, warnings = read_create(asked, call.text("name"), call.version, self._network_name)
        try:
            container, more = await self._containers.create(request)
        except NotFound as error:
            if str(error).startswith(_NO_IMAGE):
                raise
            # The docker command line takes any 404 here for a missing image, and pulls it: say it so that it cannot.
            raise InvalidInput(str(error)) from None
        return answer(wire.ContainerCreated(id=container.id, warnings=[*warnings, *more]), 201)

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect a container. Sizes are not measured: the keys that would tell them are left out."""
        return answer(show_container(self._show(self._containers.get(call["id"])), call.version))

    async def start(self, call: Call) -> web.StreamResponse:
        """Start a container."""
        if call.text("checkpoint"):
            raise NotBuilt("checkpoints are not supported")
        await self._containers.start(call["id"])
        return empty()

    async def stop(self, call: Call) -> web.StreamResponse:
        """Stop a container."""
        await self._containers.stop(call["id"], seconds=call.number("t"), signal=call.text("signal"))
        return empty()

    async def restart(self, call: Call) -> web.StreamResponse:
        """Stop and start a container."""
        await self._containers.restart(call["id"], seconds=call.number("t"), signal=call.text("signal"))
        return empty()

    async def kill(self, call: Call) -> web.StreamResponse:
        """Send a signal to a container."""
        await self._containers.kill(call["id"], call.text("signal"))
        return empty()

    async def rename(self, call: Call) -> web.StreamResponse:
        """Give a container another name."""
        name = call.text("name")
        if not name:
            raise InvalidInput("Neither old nor new names may be empty")
        await self._containers.rename(call["id"], name)
        return empty()

    async def remove(self, call: Call) -> web.StreamResponse:
        """Remove a container."""
        if call.flag("link"):
            raise NotBuilt("removing a link alone is not supported: remove the container")
        await self._containers.remove(call["id"], force=call.flag("force"), volumes=call.flag("v"))
        return empty()

    async def resize(self, call: Call) -> web.StreamResponse:
        """Set the size of a container's terminal."""
        rows, columns = call.number("h"), call.number("w")
        if rows is None or columns is None:
            raise InvalidInput("the size of a terminal needs h and w")
        await self._containers.resize(call["id"], rows=rows, columns=columns)
        return empty(200)

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the containers that do not run."""
        filters = call.filters("label", "label!", "until")
        before = [parse_moment(text, time.time()) for text in filters.get("until")]
        if len(before) > 1:
            raise InvalidInput("more than one until filter specified")

        def keep(container: Container) -> bool:
            young = any(nanoseconds(container.created) >= bound for bound in before)
            return young or not filters.labels(container.config.labels)

        removed, regained = await self._containers.prune(keep)
        return answer(wire.ContainersPruned(containers_deleted=[*removed] or None, space_reclaimed=regained))

    async def stat(self, call: Call) -> web.StreamResponse:
        """Look at a path in a container."""
        found = await self._containers.stat(call["id"], _path(call))
        return web.Response(headers=_stat_header(found))

    async def pack(self, call: Call) -> web.StreamResponse:
        """Return a path of a container as a tar."""
        found, chunks = await self._containers.pack(call["id"], _path(call))
        response = await call.begin("application/x-tar", _stat_header(found))
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response

    async def unpack(self, call: Call) -> web.StreamResponse:
        """Extract a tar in a container."""
        no_overwrite = call.flag("noOverwriteDirNonDir")
        await self._containers.unpack(call["id"], _path(call), call.chunks(), no_overwrite=no_overwrite)
        return empty(200)


def _path(call: Call) -> str:
    path = call.text("path")
    if not path:
        raise InvalidInput("bad parameter: 'path' cannot be empty")
    return path


def _stat_header(found: PathStat) -> dict[str, str]:
    shown = wire.PathShown(
        name=found.name,
        size=found.size,
        mode=found.mode,
        mtime=rfc3339(found.modified),
        link_target=found.link_target,
    )
    return {"X-Docker-Container-Path-Stat": base64.b64encode(encode(shown).rstrip()).decode()}
