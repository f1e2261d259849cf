"""The routes of containers whose answers last: their end, their logs, their streams."""

import asyncio
import time

from aiohttp import web

from netwright.api.call import JSON, Call
from netwright.api.hijack import converse, frame, stream_type, take_over
from netwright.api.moments import parse_moment
from netwright.api.routes.table import Route
from netwright.api.versions import WAIT_CONDITIONS
from netwright.api.wire import containers as wire
from netwright.api.wire.shape import encode
from netwright.containers.api import STDERR, AttachRequest, Containers, LogRequest
from netwright.errors import InvalidInput, NetwrightError

_NOT_RUNNING = "not-running"


class StreamRoutes:
    """Answers about containers that go on."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/containers/{id...}/logs", self.logs, lasting=True),
            Route("POST", "/containers/{id...}/wait", self.wait, lasting=True),
            Route("POST", "/containers/{id...}/attach", self.attach, lasting=True),
        ]

    async def wait(self, call: Call) -> web.StreamResponse:
        """Wait for a container. The head of the answer is sent at once: `docker run` starts it only then."""
        condition = (call.text("condition") if call.version >= WAIT_CONDITIONS else "") or _NOT_RUNNING
        container = self._containers.get(call["id"])
        waiting = asyncio.ensure_future(self._containers.wait(container.id, condition))
        try:
            # Let the wait begin, so that what it refuses is answered with a status, and no exit is missed.
            await asyncio.sleep(0)
            if waiting.done():
                waiting.result()
            response = await call.begin(JSON)
            ended = await waiting
        finally:
            waiting.cancel()
        shown = wire.Waited(status_code=ended.code)
        if ended.error:
            shown.error = wire.WaitError(message=ended.error)
        await response.write(encode(shown))
        await response.write_eof()
        return response

    async def logs(self, call: Call) -> web.StreamResponse:
        """Show what a container has written."""
        container = self._containers.get(call["id"])
        tty = container.config.tty
        request = _read_logs(call)
        response = await call.begin(stream_type(call.version, tty=tty))
        try:
            async for piece in self._containers.logs(container.id, request):
                await response.write(piece.data if tty else frame(piece.stream, piece.data))
        except NetwrightError as error:
            text = f"Error grabbing logs: {error}\n".encode()
            await response.write(text if tty else frame(STDERR, text))
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
        await call.read()
        session = await self._containers.attach(call["id"], request)
        stream = take_over(call, tty=session.tty)
        return await converse(stream, session, stdin=request.stdin and request.stream)


def _read_logs(call: Call) -> LogRequest:
    """Return which part of a log is asked for. Raises InvalidInput."""
    if not (call.flag("stdout") or call.flag("stderr")):
        raise InvalidInput("Bad parameters: you must choose at least one stream")
    tail = call.text("tail")
    return LogRequest(
        stdout=call.flag("stdout"),
        stderr=call.flag("stderr"),
        follow=call.flag("follow"),
        since=_moment(call, "since"),
        until=_moment(call, "until"),
        # Whatever is no number means all of it, as in Docker.
        tail=int(tail) if tail.isascii() and tail.isdigit() else None,
        timestamps=call.flag("timestamps"),
    )


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return parse_moment(text, time.time()) if text and text != "0" else None
