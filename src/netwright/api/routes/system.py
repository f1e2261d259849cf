"""The routes of the engine itself: ping, version, info, metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer
from netwright.api.machine import look
from netwright.api.routes.table import Route
from netwright.api.translate.engine import About, Present, show_info, show_version
from netwright.model.container import Container, Image
from netwright.telemetry.bus import Bus
from netwright.telemetry.metrics import CONTENT_TYPE, Metrics

__all__ = ["About", "SystemBackends", "SystemRoutes"]


class Containers(Protocol):
    """What these routes need of the containers."""

    def list(self) -> Sequence[Container]:
        """Return all containers."""


class Images(Protocol):
    """What these routes need of the images."""

    def list(self) -> Sequence[Image]:
        """Return all images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBackends:
    """What these routes need."""

    containers: Containers
    images: Images
    bus: Bus
    metrics: Metrics
    about: Callable[[], About]
    measure: Callable[[], Awaitable[None]]
    """Brings figures up to date that are kept elsewhere."""
    faults: Callable[[], Sequence[str]] = tuple
    """What is out of order and could not be put right."""


class SystemRoutes:
    """Answers about the engine."""

    def __init__(self, backends: SystemBackends) -> None:
        self._with = backends

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/_ping", self.ping),
            Route("HEAD", "/_ping", self.ping),
            Route("GET", "/version", self.version),
            Route("GET", "/info", self.info),
            Route("GET", "/metrics", self.metrics),
        ]

    async def ping(self, call: Call) -> web.StreamResponse:
        """Say that the engine is up; which API it speaks stands in every answer's head."""
        headers = {
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Swarm": "inactive",
        }
        text = "" if call.request.method == "HEAD" else "OK"
        return web.Response(text=text, headers=headers, content_type="text/plain", charset="utf-8")

    async def version(self, _: Call) -> web.StreamResponse:
        """Show versions."""
        return answer(show_version(look()))

    async def info(self, call: Call) -> web.StreamResponse:
        """Show the engine and its machine."""
        present = Present(
            containers=self._with.containers.list(),
            images=len(self._with.images.list()),
            tasks=len(asyncio.all_tasks()),
            subscribers=self._with.bus.subscribers,
            faults=self._with.faults(),
        )
        return answer(show_info(self._with.about(), look(), present, datetime.now(UTC), call.version))

    async def metrics(self, _: Call) -> web.StreamResponse:
        """Show figures for Prometheus."""
        await self._with.measure()
        return web.Response(body=self._with.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})
