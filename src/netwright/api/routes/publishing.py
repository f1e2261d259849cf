"""The routes of published ports, which Docker's API sets once and for all at a container's creation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.routes.table import Route
from netwright.api.translate.ports import read_bindings
from netwright.api.wire.publishing import Publication, PublishedPort
from netwright.controller.api import Attachment
from netwright.errors import InvalidInput
from netwright.model.container import Container
from netwright.model.names import Id
from netwright.model.ports import PortRequest
from netwright.model.sources import Sources


class Containers(Protocol):
    """What these routes need of the containers."""

    def get(self, reference: str) -> Container:
        """Return a container. Raises NotFound."""


class Sandboxes(Protocol):
    """What these routes need of the network stacks."""

    def attachments(self, sandbox: Id) -> Sequence[Attachment]:
        """Return a stack's endpoints."""

    async def publish(self, sandbox: Id, ports: Sequence[PortRequest]) -> None:
        """Publish more ports, or those that are published for others."""

    async def unpublish(self, sandbox: Id, ports: Sequence[PortRequest]) -> None:
        """Publish some ports no more."""


class PublishingRoutes:
    """Answers about published ports."""

    def __init__(self, containers: Containers, sandboxes: Sandboxes) -> None:
        self._containers = containers
        self._sandboxes = sandboxes

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/containers/{id...}/ports", self.list),
            Route("POST", "/netwright/containers/{id...}/publish", self.publish),
            Route("POST", "/netwright/containers/{id...}/unpublish", self.unpublish),
        ]

    async def list(self, call: Call) -> web.StreamResponse:
        """Tell what is published, and for whom."""
        container = self._containers.get(call["id"])
        return answer(
            [
                PublishedPort(
                    port=str(binding.port),
                    host_ip=str(binding.host_ip),
                    host_port=str(binding.host_port) if binding.host_port else "",
                    sources=str(binding.sources),
                )
                for item in self._sandboxes.attachments(container.sandbox)
                if item.sandbox.open
                for binding in item.endpoint.bindings
            ]
        )

    async def publish(self, call: Call) -> web.StreamResponse:
        """Publish ports of a container, running or not."""
        sandbox, ports, asked = await self._read(call)
        sources = Sources.parse(asked.sources) if asked.sources else None
        await self._sandboxes.publish(sandbox, [replace(port, sources=sources) for port in ports])
        return empty()

    async def unpublish(self, call: Call) -> web.StreamResponse:
        """Publish ports of a container no more."""
        sandbox, ports, _ = await self._read(call)
        await self._sandboxes.unpublish(sandbox, ports)
        return empty()

    async def _read(self, call: Call) -> tuple[Id, Sequence[PortRequest], Publication]:
        container = self._containers.get(call["id"])
        if container.joins is not None:
            raise InvalidInput(
                f"{container.name} uses the network of {container.joins[:12]}: publish ports of that one"
            )
        asked = await call.body(Publication)
        ports = read_bindings(asked.ports)
        if not ports:
            raise InvalidInput('no port is named: {"Ports": {"80/tcp": [{"HostPort": "8080"}]}}')
        return container.sandbox, ports, asked
