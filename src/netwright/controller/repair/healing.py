"""What others undo of ours is put back: rules that were flushed, interfaces, addresses and switches that were turned.

The machine tells of changes (`host.notices`). What is told is only a hint: whether anything of ours is amiss is looked
at, and put back under the locks of what is concerned, so that a change of our own that is half done is never taken for
damage. One repair a second at most, and looks that find nothing come ever more seldom while notices go on: a program
that changes things all the time meets us once or twice a second and does not make us spin. Once a minute everything is
looked at, for what no notice tells.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from netwright.controller.events import NetworkEvents
from netwright.controller.firewall.forwarding import Forwarding
from netwright.controller.firewall.writer import Firewall
from netwright.controller.own_links import OwnLinks
from netwright.controller.repair.comparison import lacking
from netwright.controller.repair.condition import FIREWALL, NAMES, Condition
from netwright.controller.repair.restore import Restoration
from netwright.controller.sandboxes import Sandboxes
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.errors import NetwrightError
from netwright.firewall.api import Damage
from netwright.host.notices import AddressVanished, ForwardingOff, LinkDown, Notice, NoticesMissed, Place, RulesChanged
from netwright.host.protocol import Host
from netwright.host.queries import Link, LinkNamed
from netwright.model.names import Id
from netwright.model.network import Network

log = logging.getLogger(__name__)

SETTLE = 0.05
"""Seconds from a notice to the look: a change of our own that is under way is over by then, and bursts are one."""
SELDOM = 0.6
"""Seconds from one look to the next while there are notices all the time and nothing is amiss."""
SPACING = 1.0
"""Seconds from one repair to the next."""
ROUND = 60.0
"""Seconds from one look at everything to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealingCollaborators:
    """What the healing works with."""

    state: State
    host: Host
    drivers: Mapping[str, Driver]
    links: OwnLinks
    firewall: Firewall
    forwarding: Forwarding
    sandboxes: Sandboxes
    restoration: Restoration
    condition: Condition
    events: NetworkEvents


class Healing:
    """Hears what happens to the machine and puts back what is ours."""

    def __init__(self, collaborators: HealingCollaborators) -> None:
        self._with = collaborators
        self._places: set[Place] = set()
        self._links: set[str] = set()
        self._forwarding = False
        self._everything = False
        self._retry = False
        self._work: asyncio.Task[None] | None = None
        self._rounds: asyncio.Task[None] | None = None
        self._last = 0.0
        self._looked = 0.0
        self._pause = SETTLE

    def start(self) -> None:
        """Look at everything once a minute from now on."""
        self._rounds = asyncio.get_running_loop().create_task(self._go_round())

    async def everything(self) -> None:
        """Look at everything now, and put back what is amiss; what cannot be is in the log."""
        self._everything = True
        self._soon()
        assert self._work is not None
        await asyncio.shield(self._work)

    def close(self) -> None:
        """Heal no more."""
        for task in (self._work, self._rounds):
            if task is not None:
                task.cancel()

    def hear(self, notice: Notice) -> None:
        """Take notice of what happened on the machine; nothing is awaited."""
        match notice:
            case RulesChanged(places):
                self._places.update(places)
            case LinkDown(link) | AddressVanished(link):
                own = self._with.links
                if own.endpoint(link) is None and own.network(link) is None:
                    return
                self._links.add(link)
            case ForwardingOff():
                self._forwarding = True
            case NoticesMissed():
                self._everything = True
            case _:
                return
        self._soon()

    def _soon(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._until_quiet())

    async def _until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked > SPACING:
            self._pause = SETTLE
        while self._places or self._links or self._forwarding or self._everything:
            await asyncio.sleep(max(self._pause, self._last + SPACING - loop.time()))
            self._pause = min(2 * self._pause, SELDOM)
            try:
                if await self._repair():
                    self._last = loop.time()
            except NetwrightError as error:
                self._last = loop.time()
                log.error("what others have changed cannot be put back: %s", error)
            self._looked = loop.time()

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(ROUND)
            self._places |= await self._with.firewall.suspects()
            self._links.update(self._all_links())
            self._retry = True
            self._forwarding = True
            self._soon()

    def _all_links(self) -> set[str]:
        """Return the names of all interfaces that should be on this host."""
        state = self._with.state
        ends = {row.host_interface for row in state.endpoints.values() if state.sandboxes[row.sandbox].open}
        return (ends | self._with.links.of_networks()) - {""}

    async def _repair(self) -> bool:
        """Look at what was told, and put back what is amiss; tell whether anything was."""
        places, links = frozenset(self._places), set(self._links)
        everything, forwarding, retry = self._everything, self._forwarding, self._retry
        self._places, self._links = set(), set()
        self._everything = self._forwarding = self._retry = False
        mended = [
            *await self._heal_rules(Damage(None if everything else places), told=everything or bool(places)),
            *await self._heal_links(self._all_links() if everything else links, retry=retry or everything),
            *(await self._with.forwarding.switch_on() if forwarding or everything else ()),
        ]
        if retry or everything:
            await self._answer_names()
        for what in mended:
            log.warning("%s was changed by somebody else and is put back", what)
        if mended:
            self._with.events.repaired(mended)
        return bool(mended)

    async def _heal_rules(self, damage: Damage, *, told: bool) -> list[str]:
        if not told:
            return []
        try:
            healed = await self._with.firewall.heal(damage)
        except NetwrightError as error:
            self._with.condition.note(FIREWALL, [str(error)])
            raise
        self._with.condition.note(FIREWALL, ())
        if not healed:
            return []
        tables = sorted({place.table for place in damage.places or ()})
        return [f"the firewall ({', '.join(tables)})" if tables else "the firewall"]

    async def _heal_links(self, names: Collection[str], *, retry: bool) -> list[str]:
        """Put back what is amiss with links; with `retry` also what could not be put back before."""
        networks: dict[Id, Network] = {}
        sandboxes: set[Id] = set()
        for name in names:
            link = await self._with.host.ask(LinkNamed(name))
            if (network := self._with.links.network(name)) is not None:
                if self._is_damaged(network, link):
                    networks[network.id] = network
            elif (endpoint := self._with.links.endpoint(name)) is not None and (
                link is None or not link.up or not link.master
            ):
                sandboxes.add(endpoint.sandbox)
        if retry:
            state, condition = self._with.state, self._with.condition
            condition.keep({*state.networks, *state.sandboxes})
            networks.update({one: state.networks[one] for one in condition.all() if one in state.networks})
            sandboxes.update(one for one in condition.all() if one in state.sandboxes)
        if not networks and not sandboxes:
            return []
        for network in networks.values():
            sandboxes.update(endpoint.sandbox for endpoint in self._with.state.on_network(network.id))
        return await self.mend(networks, sandboxes)

    async def _answer_names(self) -> None:
        """Have names answered that could not be before."""
        if NAMES in self._with.condition.all():
            async with self._with.firewall.still():
                await self._with.restoration.mend_names(await self._with.restoration.compare())

    def _is_damaged(self, network: Network, link: Link | None) -> bool:
        driver = self._with.drivers[network.driver]
        links = {} if link is None else {link.name: link}
        return bool(lacking([*driver.create_network(network), *driver.open_network(network)], links))

    async def mend(self, networks: Collection[Id], sandboxes: Collection[Id], *, inside: bool = False) -> list[str]:
        """Put links back while nothing else is changed. Locks are taken in one order: stacks, then the firewall."""
        state = self._with.state
        async with AsyncExitStack() as held:
            for sandbox in sorted(sandboxes):
                await held.enter_async_context(self._with.sandboxes.holding(sandbox))
            await held.enter_async_context(self._with.firewall.still())
            living = [state.networks[identity] for identity in networks if identity in state.networks]
            rows = [state.sandboxes[identity] for identity in sandboxes if identity in state.sandboxes]
            still_open = [row for row in rows if row.open]
            return await self._with.restoration.mend(living, still_open, inside=inside)
