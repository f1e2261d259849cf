"""`netwright check` and `netwright repair`: every difference between rows and machine with its cure, and the cures.

Nothing is found or mended here that start and healing do not find and mend by the same means; here a user asks for it,
hears of it in words, and is told what is left.

A look is taken while changes go on. What it finds is looked for once more with changes held off, and only what is seen
twice is told: what a change is just about to make or to take away is no difference.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.controller import limits
from netwright.controller.events import NetworkEvents
from netwright.controller.firewall.forwarding import Forwarding
from netwright.controller.firewall.writer import Firewall
from netwright.controller.repair.comparison import Stray
from netwright.controller.repair.condition import Condition
from netwright.controller.repair.healing import Healing
from netwright.controller.repair.restore import Restoration
from netwright.controller.state import State
from netwright.errors import NetwrightError
from netwright.host.protocol import Host
from netwright.model.difference import Difference
from netwright.model.names import Id

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisCollaborators:
    """What the diagnosis works with."""

    state: State
    host: Host
    firewall: Firewall
    forwarding: Forwarding
    restoration: Restoration
    healing: Healing
    condition: Condition
    events: NetworkEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look at everything finds. `owners` are the networks and sandboxes that lack something."""

    owned: tuple[Difference, ...]
    owners: frozenset[Id]
    unanswered: tuple[Difference, ...]
    rules: tuple[Difference, ...]
    switches: tuple[Difference, ...]
    strays: tuple[Stray, ...]

    @property
    def differences(self) -> list[Difference]:
        """All of them."""
        strays = [stray.difference for stray in self.strays]
        return [*self.owned, *self.unanswered, *self.rules, *self.switches, *strays]


class Diagnosis:
    """Finds what is not as it should be, and puts it right when asked to."""

    def __init__(self, collaborators: DiagnosisCollaborators) -> None:
        self._with = collaborators

    async def check(self) -> Sequence[Difference]:
        """Return every difference between rows and machine; nothing is changed."""
        seen = (await self._look()).differences
        if not seen:
            return ()
        await self._with.firewall.tidied()
        async with self._with.firewall.still():
            again = (await self._look()).differences
        return [difference for difference in seen if difference in again]

    async def repair(self) -> Sequence[Difference]:
        """Put right whatever can be; return what was wrong. A later check tells what is left."""
        wrong = await self.check()
        if not wrong:
            return ()
        async with self._with.firewall.still():
            look = await self._look()
        for cure in (
            lambda: self._mend_owners(look),
            lambda: self._mend_rules(look),
            self._with.forwarding.switch_on,
            self._mend_rest,
        ):
            try:
                await cure()
            except NetwrightError as error:
                log.error("not everything can be put right: %s", error)
        self._with.events.repaired([str(difference) for difference in wrong])
        return wrong

    async def _look(self) -> _Look:
        restoration, rows = self._with.restoration, self._with.restoration.rows
        comparison = await restoration.compare(rows.open())
        owned: list[Difference] = []
        owners: set[Id] = set()
        for network in rows.networks():
            for what in comparison.network(network):
                stranger = comparison.stranger(network) is not None
                cure = "remove or rename that interface" if stranger else "make it again"
                owned.append(Difference(subject=f"network {network.name}", what=what, cure=cure))
                owners.add(network.id)
        for sandbox in rows.open():
            cure = "restart the container" if comparison.is_lost(sandbox) else "make it again"
            for what in comparison.sandbox(sandbox):
                owned.append(Difference(subject=sandbox.name, what=what, cure=cure))
                owners.add(sandbox.id)
        ends = sum(len(self._with.state.in_sandbox(sandbox.id)) for sandbox in rows.open())
        switches = [
            Difference(subject="the host", what=f"{key} was switched back", cure="switch it on")
            for key in await self._with.forwarding.off()
        ]
        switches.extend(await limits.near(self._with.host, ends))
        return _Look(
            owned=tuple(owned),
            owners=frozenset(owners),
            unanswered=tuple(restoration.unanswered(comparison)),
            rules=tuple(await self._with.firewall.differences()),
            switches=tuple(switches),
            strays=tuple(comparison.strays()),
        )

    async def _mend_owners(self, look: _Look) -> None:
        """Mend networks with all that stand on them, and stacks, within and without."""
        state = self._with.state
        owners = {*look.owners, *self._with.condition.all()}
        networks = [identity for identity in owners if identity in state.networks]
        sandboxes = {identity for identity in owners if identity in state.sandboxes}
        sandboxes.update(endpoint.sandbox for network in networks for endpoint in state.on_network(network))
        await self._with.healing.mend(networks, sandboxes, inside=True)

    async def _mend_rules(self, look: _Look) -> None:
        if look.rules:
            await self._with.firewall.install()

    async def _mend_rest(self) -> None:
        """Answer names where they are not, and sweep what nobody owns, while nothing is changed."""
        async with self._with.firewall.still():
            comparison = await self._with.restoration.compare()
            if self._with.restoration.unanswered(comparison):
                await self._with.restoration.mend_names(comparison)
            await self._with.restoration.sweep(comparison)
            await self._with.firewall.forget_gone_bridges()
