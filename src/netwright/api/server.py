"""The HTTP application: from a request to its route, and from what the route raises to an answer."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Sequence

from aiohttp import web

from netwright.api.call import Call
from netwright.api.errors import fault, refusal
from netwright.api.routes.table import Found, Route, Table
from netwright.api.signature import SIGNATURE
from netwright.api.versions import NEWEST, ApiVersion, check
from netwright.api.whole import Whole
from netwright.errors import NetwrightError, NotFound
from netwright.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

_SETTLE_SECONDS = 20.0
"""How long changes may still take when the server has ended: longer than a container gets to stop in."""

_HEAD_LIMIT = 1 << 20
"""The longest line of a request's head in bytes, as in Go: filters may be long, and so are tokens of registries."""

_VERSIONED = re.compile(r"/v([0-9]{1,4}\.[0-9]{1,4})(/.*)")


class Server:
    """Answers requests by a table of routes."""

    def __init__(self, routes: Sequence[Route], metrics: Metrics) -> None:
        self._table = Table(*routes)
        self._metrics = metrics
        self._lasting: set[asyncio.Task[object]] = set()
        self._changes: set[asyncio.Future[web.StreamResponse]] = set()

    def application(self) -> web.Application:
        """Return the application for an HTTP server, which must cancel handlers whose clients go away.

        Bodies are limited where they are read, archives are not. At the server's shutdown answers that would never end
        are ended, and changes under way are waited for.
        """
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self.respond)
        application.on_shutdown.append(lambda _: self.end())
        application.on_cleanup.append(lambda _: self.settle())
        return application

    def runner(self, *, shutdown_timeout: float) -> web.BaseRunner:
        """Return what serves this without an application's own router in between, a tenth of a request's time."""
        return _Runner(self, shutdown_timeout)

    async def end(self) -> None:
        """End the answers that would never end by themselves."""
        for task in tuple(self._lasting):
            task.cancel()

    async def settle(self) -> None:
        """Wait for the changes under way."""
        if not self._changes:
            return
        _done, late = await asyncio.wait(tuple(self._changes), timeout=_SETTLE_SECONDS)
        for change in late:
            log.error("a change is broken off: it has not ended within %g s of the server's end", _SETTLE_SECONDS)
            change.cancel()

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        begin = time.perf_counter()
        pattern, lasting = "unknown", False
        call: Call | None = None
        try:
            version, path = _split(request.rel_url.raw_path)
            check(version)
            found = self._found(request.method, path)
            pattern, lasting = found.route.pattern, found.route.lasting
            call = Call(request, version, found.parameters)
            response = await self._answer(found, call)
        except NetwrightError as error:
            _give_up_if_begun(call, error)
            response = refusal(error, f"{request.method} {pattern}")
        except ConnectionError:
            raise
        except Exception as error:
            _give_up_if_begun(call, error)
            response = fault(error, f"{request.method} {pattern}")
        if not (response.prepared or isinstance(response, Whole)):
            response.headers.update(SIGNATURE)
        took = time.perf_counter() - begin
        if not lasting:
            self._metrics.request(request.method, pattern, response.status, took)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s: %d in %.1f ms", request.method, request.raw_path, response.status, took * 1000)
        return response

    def _found(self, method: str, path: str) -> Found:
        found = self._table.find(method, path)
        if found is None:
            raise NotFound("page not found")
        return found

    def _answer(self, found: Found, call: Call) -> Awaitable[web.StreamResponse]:
        if found.route.changes:
            return self._to_the_end(found, call)
        return self._while_wanted(found, call) if found.route.lasting else found.route.handler(call)

    async def _while_wanted(self, found: Found, call: Call) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._lasting.add(task)
        try:
            return await found.route.handler(call)
        finally:
            self._lasting.discard(task)

    async def _to_the_end(self, found: Found, call: Call) -> web.StreamResponse:
        """Carry out a change even if the client goes away meanwhile, as Docker does: half a stop helps nobody."""
        change = asyncio.ensure_future(found.route.handler(call))
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        try:
            return await asyncio.shield(change)
        except asyncio.CancelledError:
            change.add_done_callback(lambda done: _report(done, found.route))
            raise


class _Runner(web.BaseRunner):
    """Serves requests. Handlers are cancelled when their client goes: a stream has no other way to learn of it."""

    def __init__(self, server: Server, shutdown_timeout: float) -> None:
        super().__init__(handle_signals=False, shutdown_timeout=shutdown_timeout)
        self._answers = server

    async def shutdown(self) -> None:
        """End the answers that would never end by themselves."""
        await self._answers.end()

    async def _make_server(self) -> web.Server:
        return web.Server(
            self._answers.respond,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_HEAD_LIMIT,
            max_field_size=_HEAD_LIMIT,
        )

    async def _cleanup_server(self) -> None:
        await self._answers.settle()


def _report(change: asyncio.Future[web.StreamResponse], route: Route) -> None:
    """Log why a change failed that nobody waits for any more."""
    error = None if change.cancelled() else change.exception()
    if error is not None and not isinstance(error, ConnectionError):
        unforeseen = None if isinstance(error, NetwrightError) else error
        log.error("%s %s failed after its client had gone: %s", route.method, route.pattern, error, exc_info=unforeseen)


def _give_up_if_begun(call: Call | None, error: Exception) -> None:
    """Break a stream off that cannot go on: a client sees that it is cut short, and does not take it for whole."""
    if call is None or not call.begun:
        return
    log.error("%s %s broke off: %s", call.request.method, call.request.raw_path, error, exc_info=error)
    if call.request.transport is not None:
        call.request.transport.abort()
    raise ConnectionResetError from error


def _split(path: str) -> tuple[ApiVersion, str]:
    """Return the version that a path asks for, the newest where it asks for none, and the rest of the path."""
    match = _VERSIONED.fullmatch(path)
    return (NEWEST, path) if match is None else (ApiVersion.parse(match[1]), match[2])
