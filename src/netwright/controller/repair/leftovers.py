"""What a removal could not take down is looked for and taken away at once, by the means of the next start.

Else it would stand in the way of whoever comes next: a namespace of the same path, a port that is held.
"""

from collections.abc import Awaitable, Callable, Sequence

from netwright.controller.firewall.writer import Firewall
from netwright.errors import SystemFailure


async def _nothing() -> Sequence[str]:
    return ()


class Leftovers:
    """Clears away behind a removal that has failed. `sweep` removes what nobody owns; it is given later."""

    def __init__(self, firewall: Firewall) -> None:
        self._firewall = firewall
        self.sweep: Callable[[], Awaitable[Sequence[str]]] = _nothing

    async def clear(self) -> Sequence[Exception]:
        """Make the rules anew from the rows, for what is left of them would go on working, and sweep.

        Returns what has failed of that, too: it is left to `netwright repair` and the next start.
        """
        failures = [*await self._firewall.mend()]
        try:
            # While nothing is changed: what a change holds before its rows are written is nobody's either.
            async with self._firewall.still():
                await self.sweep()
        except SystemFailure as failure:
            failures.append(failure)
        return failures
