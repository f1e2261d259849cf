"""The routes of names: what the engine's resolver answers, and why."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer
from netwright.api.routes.table import Route
from netwright.api.wire.names import NameExplained, NamesCounted
from netwright.dns.explain import Explanation
from netwright.errors import InvalidInput
from netwright.host.queries import NameCounts
from netwright.model.container import Container
from netwright.model.names import Id


class Containers(Protocol):
    """What these routes need of the containers."""

    def get(self, reference: str) -> Container:
        """Return a container. Raises NotFound."""

    def list(self) -> Sequence[Container]:
        """Return all containers."""


class Questions(Protocol):
    """What these routes need of the network engine."""

    async def explain(self, sandbox: Id, name: str, kind: str) -> Explanation:
        """Return what would be answered in a stack, and why."""

    async def explain_to_host(self, name: str, kind: str) -> Explanation:
        """Return what would be answered to the host itself, and why."""

    async def counts(self) -> Mapping[Id, NameCounts]:
        """Return what has happened with names in each stack."""


class NameRoutes:
    """Answers about names."""

    def __init__(self, containers: Containers, questions: Questions) -> None:
        self._containers = containers
        self._questions = questions

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/containers/{id...}/dns", self.explain),
            Route("GET", "/netwright/dns/host", self.explain_to_host),
            Route("GET", "/netwright/dns", self.counts),
        ]

    async def explain(self, call: Call) -> web.StreamResponse:
        """Tell what a program in a container would be answered for `name` and `type`."""
        container = self._containers.get(call["id"])
        name, kind = _asked(call)
        return _explained(name, kind, await self._questions.explain(container.sandbox, name, kind))

    async def explain_to_host(self, call: Call) -> web.StreamResponse:
        """Tell what a program of the host itself would be answered for `name` and `type`."""
        name, kind = _asked(call)
        return _explained(name, kind, await self._questions.explain_to_host(name, kind))

    async def counts(self, _: Call) -> web.StreamResponse:
        """Tell what has happened with names in each container."""
        counted = await self._questions.counts()
        return answer(
            [
                NamesCounted(
                    container=container.id,
                    name=container.name,
                    queries=counts.queries,
                    in_kernel=counts.in_kernel,
                    forwards=counts.forwards,
                    cached=counts.cached,
                    failures=counts.failures,
                    refused=counts.refused,
                    malformed=counts.malformed,
                    forward_seconds=counts.seconds,
                )
                for container in self._containers.list()
                if container.joins is None and (counts := counted.get(container.sandbox)) is not None
            ]
        )


def _asked(call: Call) -> tuple[str, str]:
    """Return the name and the type that are asked for. Raises InvalidInput."""
    name = call.text("name")
    if not name.strip("."):
        raise InvalidInput("name is empty: say which name is asked for")
    return name, call.text("type", "A").upper()


def _explained(name: str, kind: str, said: Explanation) -> web.StreamResponse:
    return answer(
        NameExplained(
            name=name,
            type=kind,
            source=said.source,
            why=said.why,
            told=list(said.told),
            clash=said.clash,
            servers=list(said.servers),
        )
    )
