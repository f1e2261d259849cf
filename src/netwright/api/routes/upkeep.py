"""The routes of the upkeep: where rows and machine disagree, and putting it right."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer
from netwright.api.routes.table import Route
from netwright.api.wire.upkeep import DifferenceShown, RepairedShown
from netwright.containers.upkeep import Repaired
from netwright.model.difference import Difference


class Upkeep(Protocol):
    """What these routes need of the engine."""

    async def check(self) -> Sequence[Difference]:
        """Return every difference between rows and machine; nothing is changed."""

    async def repair(self) -> Repaired:
        """Put right whatever can be."""


class UpkeepRoutes:
    """Answers about the upkeep."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/check", self.check),
            Route("POST", "/netwright/repair", self.repair),
        ]

    async def check(self, _: Call) -> web.StreamResponse:
        """Tell every difference between rows and machine, with its cure."""
        return answer(_shown(await self._upkeep.check()))

    async def repair(self, _: Call) -> web.StreamResponse:
        """Put right whatever can be, and tell what is left."""
        repaired = await self._upkeep.repair()
        return answer(RepairedShown(mended=_shown(repaired.mended), left=_shown(repaired.left)))


def _shown(differences: Iterable[Difference]) -> list[DifferenceShown]:
    return [DifferenceShown(subject=one.subject, what=one.what, cure=one.cure) for one in differences]
