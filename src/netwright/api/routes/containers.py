"""The routes of containers."""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.hijack import converse, frame, stream_type
from netwright.api.listing import Listing
from netwright.api.moments import parse_moment, rfc3339
from netwright.api.routes.table import Route
from netwright.api.translate.containers import Shown, read_create, show_container, show_summary
from netwright.api.wire import containers as wire
from netwright.api.wire.shape import encode
from netwright.containers.api import AttachRequest, Containers, Executions, LogRequest, PathStat
from netwright.errors import InvalidInput
from netwright.model.container import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerBackends:
    """What these routes need: the containers, their executions, and how one is shown as a whole."""

    containers: Containers
    executions: Executions
    show: Callable[[Container], Shown]


class ContainerRoutes:
    """Answers about containers."""

    def __init__(self, backends: ContainerBackends) -> None:
        self._containers = backends.containers
        self._executions = backends.executions
        self._show = backends.show

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/containers/json", self.list),
            Route("GET", "/containers/ps", self.list),
            Route("POST", "/containers/create", self.create),
            Route("POST", "/containers/prune", self.prune),
            Route("GET", "/containers/{id}/json", self.inspect),
            Route("GET", "/containers/{id}/logs", self.logs),
            Route("POST", "/containers/{id}/start", self.start),
            Route("POST", "/containers/{id}/stop", self.stop),
            Route("POST", "/containers/{id}/restart", self.restart),
            Route("POST", "/containers/{id}/kill", self.kill),
            Route("POST", "/containers/{id}/wait", self.wait),
            Route("POST", "/containers/{id}/rename", self.rename),
            Route("POST", "/containers/{id}/resize", self.resize),
            Route("POST", "/containers/{id}/attach", self.attach),
            Route("HEAD", "/containers/{id}/archive", self.stat),
            Route("GET", "/containers/{id}/archive", self.pack),
            Route("PUT", "/containers/{id}/archive", self.unpack),
            Route("DELETE", "/containers/{id}", self.remove),
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
        asked = await call.body(wire.ContainerCreate)
        request = read_create(asked, call.text("name"), call.version)
        container, warnings = await self._containers.create(request)
        return answer(wire.ContainerCreated(id=container.id, warnings=list(warnings)), 201)

    async def inspect(self, call: Call) -> web.StreamResponse:
        """Inspect a container."""
        shown = show_container(self._show(self._containers.get(call["id"])), call.version)
        if call.flag("size"):
            shown.size_rw, shown.size_root_fs = 0, 0
        return answer(shown)

    async def start(self, call: Call) -> web.StreamResponse:
        """Start a container."""
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
        await self._containers.rename(call["id"], call.text("name"))
        return empty()

    async def remove(self, call: Call) -> web.StreamResponse:
        """Remove a container."""
        if call.flag("link"):
            raise InvalidInput("legacy links cannot be removed by themselves: remove the container")
        await self._containers.remove(call["id"], force=call.flag("force"), volumes=call.flag("v"))
        return empty()

    async def resize(self, call: Call) -> web.StreamResponse:
        """Set the size of a container's terminal."""
        rows, columns = call.number("h", 0), call.number("w", 0)
        await self._containers.resize(call["id"], rows=rows or 0, columns=columns or 0)
        return empty(200)

    async def wait(self, call: Call) -> web.StreamResponse:
        """Wait for a container. The head of the answer is sent at once: `docker run` starts it only then."""
        condition = call.text("condition") or "not-running"
        container = self._containers.get(call["id"])
        waiting = asyncio.ensure_future(self._containers.wait(container.id, condition))
        try:
            # Let the wait begin, so that what it refuses is answered with a status, and no exit is missed.
            await asyncio.wait((waiting,), timeout=0)
            if waiting.done() and (error := waiting.exception()) is not None:
                raise error
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(call.request)
            ended = await waiting
        finally:
            waiting.cancel()
        failed = wire.WaitError(message=ended.error) if ended.error else None
        await response.write(encode(wire.Waited(status_code=ended.code, error=failed)) + b"\n")
        await response.write_eof()
        return response

    async def logs(self, call: Call) -> web.StreamResponse:
        """Show what a container has written."""
        container = self._containers.get(call["id"])
        if not (call.flag("stdout") or call.flag("stderr")):
            raise InvalidInput("Bad parameters: you must choose at least one stream")
        tail = call.text("tail", "all")
        request = LogRequest(
            stdout=call.flag("stdout"),
            stderr=call.flag("stderr"),
            follow=call.flag("follow"),
            since=_moment(call, "since"),
            until=_moment(call, "until"),
            tail=int(tail) if tail.isdigit() else None,
            timestamps=call.flag("timestamps"),
        )
        tty = container.config.tty
        response = web.StreamResponse(headers={"Content-Type": stream_type(call.version, tty=tty)})
        await response.prepare(call.request)
        async for piece in self._containers.logs(container.id, request):
            await response.write(piece.data if tty else frame(piece.stream, piece.data))
        await response.write_eof()
        return response

    async def attach(self, call: Call) -> web.StreamResponse:
        """Join a client to a container's streams."""
        request = AttachRequest(
            stdin=call.flag("stdin"),
            stdout=call.flag("stdout"),
            stderr=call.flag("stderr"),
            stream=call.flag("stream"),
            logs=call.flag("logs"),
            detach_keys=call.text("detachKeys"),
        )
        await call.request.read()
        session = await self._containers.attach(call["id"], request)
        return await converse(call.request, session, call.version)

    async def prune(self, call: Call) -> web.StreamResponse:
        """Remove the containers that do not run."""
        filters = call.filters("label", "label!", "until")
        before = min(map(parse_moment, filters.get("until")), default=None)

        def keep(container: Container) -> bool:
            young = before is not None and container.created.timestamp() * 1e9 >= before
            return young or not filters.labels(container.config.labels)

        removed, regained = await self._containers.prune(keep)
        return answer(wire.ContainersPruned(containers_deleted=list(removed) or None, space_reclaimed=regained))

    async def stat(self, call: Call) -> web.StreamResponse:
        """Look at a path in a container."""
        found = await self._containers.stat(call["id"], _path(call))
        return web.Response(headers=_stat_header(found))

    async def pack(self, call: Call) -> web.StreamResponse:
        """Return a path of a container as a tar."""
        found, chunks = await self._containers.pack(call["id"], _path(call))
        response = web.StreamResponse(headers={"Content-Type": "application/x-tar", **_stat_header(found)})
        await response.prepare(call.request)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
        return response

    async def unpack(self, call: Call) -> web.StreamResponse:
        """Extract a tar in a container."""
        no_overwrite = call.flag("noOverwriteDirNonDir")
        await self._containers.unpack(call["id"], _path(call), call.chunks(), no_overwrite=no_overwrite)
        return empty(200)


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return parse_moment(text) if text and text != "0" else None


def _path(call: Call) -> str:
    path = call.text("path")
    if not path:
        raise InvalidInput("missing parameter: path")
    return path


def _stat_header(found: PathStat) -> dict[str, str]:
    shown = {
        "name": found.name,
        "size": found.size,
        "mode": found.mode,
        "mtime": rfc3339(found.modified),
        "linkTarget": found.link_target,
    }
    return {"X-Docker-Container-Path-Stat": base64.b64encode(encode(shown)).decode()}
