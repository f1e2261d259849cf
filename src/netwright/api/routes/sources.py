"""The routes of sets of sources, which published ports may name."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.routes.table import Route
from netwright.api.wire.sources import Members, MembersChange, NamedSources
from netwright.model.sources import SourceSet


class SourceSets(Protocol):
    """What these routes need of the sets."""

    def list(self) -> Sequence[SourceSet]:
        """Return all sets, by their names."""

    def users(self, name: str) -> Sequence[str]:
        """Return who names a set."""

    async def put(self, name: str, texts: Iterable[str]) -> SourceSet:
        """Make a set, or let others be in it. Raises InvalidInput."""

    async def edit(self, name: str, add: Iterable[str], remove: Iterable[str]) -> SourceSet:
        """Let more be in a set, and others no longer. Raises InvalidInput, NotFound."""

    async def delete(self, name: str) -> None:
        """Forget a set. Raises NotFound, Conflict where somebody names it."""


class SourceRoutes:
    """Answers about sets of sources."""

    def __init__(self, sets: SourceSets) -> None:
        self._sets = sets

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/sources", self.list),
            Route("PUT", "/netwright/sources/{name}", self.put),
            Route("POST", "/netwright/sources/{name}", self.edit),
            Route("DELETE", "/netwright/sources/{name}", self.delete),
        ]

    async def list(self, call: Call) -> web.StreamResponse:  # noqa: ARG002 - nothing is asked
        """Tell all sets."""
        return answer([self._shown(one) for one in self._sets.list()])

    async def put(self, call: Call) -> web.StreamResponse:
        """Make a set, or change who is in it."""
        asked = await call.body(Members)
        return answer(self._shown(await self._sets.put(call["name"], asked.sources)))

    async def edit(self, call: Call) -> web.StreamResponse:
        """Let more into a set, and take others out."""
        asked = await call.body(MembersChange)
        return answer(self._shown(await self._sets.edit(call["name"], asked.add, asked.remove)))

    async def delete(self, call: Call) -> web.StreamResponse:
        """Forget a set."""
        await self._sets.delete(call["name"])
        return empty()

    def _shown(self, one: SourceSet) -> NamedSources:
        return NamedSources(name=one.name, sources=list(one.members), used_by=list(self._sets.users(one.name)))
