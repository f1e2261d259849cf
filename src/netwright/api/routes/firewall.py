"""The routes about the firewall: which rules should stand, and why a packet arrives or does not."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer
from netwright.api.routes.table import Route
from netwright.api.whole import Whole
from netwright.api.wire.firewall import Explained
from netwright.insight.explain import Explanation
from netwright.publish.allocate import show


class Explains(Protocol):
    """What these routes need of the insight."""

    async def explain(self, sender: str, target: str) -> Explanation:
        """Explain what becomes of the first packet from a sender to a target. Raises InvalidInput, NotFound."""


class FirewallRoutes:
    """Answers about the firewall."""

    def __init__(self, explains: Explains, script: Callable[[], str]) -> None:
        self._explains = explains
        self._script = script

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/firewall", self.script),
            Route("GET", "/netwright/firewall/explain", self.explain),
        ]

    async def script(self, call: Call) -> web.StreamResponse:  # noqa: ARG002 - nothing is asked
        """Tell the rules that should stand."""
        return Whole(self._script().encode(), content_type="text/plain; charset=utf-8")

    async def explain(self, call: Call) -> web.StreamResponse:
        """Explain what becomes of a packet."""
        found = await self._explains.explain(call.text("from"), call.text("to"))
        attempt, ended = found.attempt, found.walk
        return answer(
            Explained(
                source=str(attempt.source),
                interface=attempt.interface,
                target=f"{show(attempt.address, attempt.port)}/{attempt.protocol}",
                verdict=str(ended.verdict),
                steps=list(ended.steps),
                arrives_at=show(*ended.to),
                notes=list(found.notes),
            )
        )
