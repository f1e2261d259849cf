"""The HTTP application: from a request to its route, and from what the route raises to an answer."""

import asyncio
import re
import time
from collections.abc import Sequence

from aiohttp import web

from netwright import __version__
from netwright.api.call import Call
from netwright.api.errors import body_of, status_of, unexpected
from netwright.api.routes.table import Found, Route, Table
from netwright.api.versions import NEWEST, ApiVersion, check
from netwright.errors import NetwrightError, NotFound
from netwright.telemetry.metrics import Metrics

_VERSIONED = re.compile(r"/v(\d+\.\d+)(/.*)")

_HEADERS = {
    "Api-Version": str(NEWEST),
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Netwright/{__version__} (linux)",
}
_STREAMS = ("/events", "/attach", "/logs", "/wait", "/start")
"""Ends of patterns whose answers last as long as the client likes: their times say nothing."""


class Server:
    """Answers requests by a table of routes."""

    def __init__(self, routes: Sequence[Route], metrics: Metrics) -> None:
        self._table = Table(*routes)
        self._metrics = metrics

    def application(self) -> web.Application:
        """Return the application for an HTTP server; bodies are limited where they are read, archives are not."""
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self.respond)
        application.on_response_prepare.append(_sign)
        return application

    def _found(self, method: str, path: str) -> Found:
        found = self._table.find(method, path)
        if found is None:
            raise NotFound("page not found")
        return found

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        begin = time.perf_counter()
        pattern = "unknown"
        try:
            version, path = _split(request.rel_url.raw_path)
            check(version)
            found = self._found(request.method, path)
            pattern = found.route.pattern
            response = await found.route.handler(Call(request, version, found.parameters))
        except NetwrightError as error:
            response = _refusal(error)
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except Exception as error:
            response = web.Response(
                status=500, body=unexpected(error, f"{request.method} {pattern}"), content_type="application/json"
            )
        if not pattern.endswith(_STREAMS):
            self._metrics.request(request.method, pattern, response.status, time.perf_counter() - begin)
        return response


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """Say who answers."""
    response.headers.update(_HEADERS)


def _split(path: str) -> tuple[ApiVersion, str]:
    """Return the version that a path asks for, the newest where it asks for none, and the rest of the path."""
    match = _VERSIONED.fullmatch(path)
    return (NEWEST, path) if match is None else (ApiVersion.parse(match[1]), match[2])


def _refusal(error: NetwrightError) -> web.Response:
    status = status_of(error)
    if status == 304:
        return web.Response(status=status)
    return web.Response(status=status, body=body_of(error.message), content_type="application/json")
