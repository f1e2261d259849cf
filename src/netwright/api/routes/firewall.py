"""The routes about the firewall: which rules should stand, whether they do, and why a packet arrives or does not."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from netwright.api.call import Call, answer, empty
from netwright.api.routes.table import Route
from netwright.api.whole import Whole
from netwright.api.wire.firewall import Checked, Difference, Explained
from netwright.insight.check import Findings
from netwright.insight.explain import Explanation
from netwright.model.addressing import show


class Explains(Protocol):
    """What these routes need of the insight."""

    async def explain(self, sender: str, target: str) -> Explanation:
        """Explain what becomes of the first packet from a sender to a target. Raises InvalidInput, NotFound."""


class Checks(Protocol):
    """What these routes need of whoever compares what should be with what is."""

    async def run(self) -> Findings:
        """Compare all of it; nothing is changed."""


class FirewallRoutes:
    """Answers about the firewall."""

    def __init__(
        self, explains: Explains, checks: Checks, script: Callable[[], str], repair: Callable[[], Awaitable[None]]
    ) -> None:
        self._explains = explains
        self._checks = checks
        self._script = script
        self._repair = repair

    def routes(self) -> list[Route]:
        """Return the table."""
        return [
            Route("GET", "/netwright/firewall", self.script),
            Route("GET", "/netwright/firewall/explain", self.explain),
            Route("GET", "/netwright/firewall/check", self.check),
            Route("POST", "/netwright/firewall/repair", self.repair),
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

    async def check(self, call: Call) -> web.StreamResponse:  # noqa: ARG002 - nothing is asked
        """Tell where the kernel is not as the policy wants it."""
        found = await self._checks.run()
        return answer(
            Checked(
                differences=[
                    Difference(where=one.place, what=one.text, fault=str(one.fault), cure=one.cure)
                    for one in found.differences
                ],
                notes=list(found.notes),
            )
        )

    async def repair(self, call: Call) -> web.StreamResponse:  # noqa: ARG002 - nothing is asked
        """Put back what of ours is not as it should be."""
        await self._repair()
        return empty()
