"""The firewall as a function of the state, and the one place that orders its changes.

Changes may go side by side, because intents are independent of one another; a rebuild of the whole waits for them and
holds them off, since what it reads from the state must be what it leaves on the machine.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from netwright.controller.afterwards import Afterwards
from netwright.controller.firewall.linked import Links
from netwright.controller.locks import SharedLock
from netwright.controller.state import State
from netwright.drivers.api import Driver
from netwright.errors import SystemFailure
from netwright.firewall import comparison, forward_guard
from netwright.firewall.api import Backend, Damage, Listings
from netwright.firewall.comparison import Difference
from netwright.firewall.intent import Intent, LanIntent, SourceSetIntent, StrangersIntent
from netwright.firewall.shared_chains import table_of
from netwright.host import queries
from netwright.host.elements import Item, Name, SetChange, Verb
from netwright.host.notices import Place
from netwright.host.ops import ChangeElements, IptablesTransaction, NftTransaction, Op
from netwright.host.protocol import Host
from netwright.host.queries import NftListings, NftNames, NftTables
from netwright.model import difference as machine

SUBJECT = "the firewall"

log = logging.getLogger(__name__)


class Firewall:
    """Renders what the state wants of traffic through one backend."""

    def __init__(self, backend: Backend, state: State, drivers: Mapping[str, Driver], host: Host) -> None:
        self._backend = backend
        self._state = state
        self._drivers = drivers
        self._host = host
        self.links = Links(state, drivers)
        self._lock = SharedLock()
        self._idle: list[Op] = []
        self._tidying = Afterwards(self._tidy, "the firewall has more in it than is needed")
        self.lan: tuple[LanIntent | StrangersIntent, ...] = ()
        """What is around, as the firewall knows it: networks that this host is directly on, and bridges of others."""

    def use(self, backend: Backend) -> None:
        """Render through another backend from the next installation on."""
        self._backend = backend

    def intents(self) -> list[Intent]:
        """Return all that should be true of traffic now."""
        wanted = [
            intent
            for network in self._state.networks.values()
            if not network.config_only
            for intent in self._drivers[network.driver].intents(network)
        ]
        for endpoint in self._state.endpoints.values():
            if self._state.sandboxes[endpoint.sandbox].open:
                network = self._state.networks[endpoint.network]
                wanted.extend(self._drivers[network.driver].endpoint_intents(network, endpoint))
        named = [intent for one in self._state.source_sets.values() for intent in SourceSetIntent.of(one)]
        return [*wanted, *self.links.all(), *self.lan, *named]

    @property
    def own_tables(self) -> Sequence[str]:
        """The nftables tables that are ours, as `family name`."""
        return self._backend.tables

    async def follow(self, lan: tuple[LanIntent | StrangersIntent, ...]) -> None:
        """Let other things be around: networks that the host is directly on, bridges of others."""
        if lan == self.lan:
            return
        async with self._lock.alone():
            before, self.lan = self.lan, lan
            try:
                await self._host.do(self._backend.change(add=lan, remove=before))
            except BaseException:
                self.lan = before
                raise

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Backend]:
        """Hold off rebuilds while a change is rendered and made."""
        async with self._lock.shared():
            yield self._backend

    def later(self, ops: Sequence[Op]) -> None:
        """Have operations carried out that nobody need wait for, but for `settle`."""
        if ops:
            self._idle.extend(ops)
            self._tidying.soon()

    async def _tidy(self) -> None:
        try:
            async with self._lock.shared():
                await self._do_idle()
        except SystemFailure as failure:
            # What is left of what nobody needs any more would be there for whoever comes to its address next.
            log.error("%s: the firewall is made anew", failure)
            await self.install()
            await self.forget_gone_bridges()

    async def _do_idle(self) -> None:
        ops = tuple(self._idle)
        try:
            await self._host.do(ops)
        finally:
            del self._idle[: len(ops)]

    async def settle(self, coming: Sequence[Intent]) -> None:
        """Wait for what is done later, where it would undo what these intents need; outside of any change."""
        if self._idle and not _items(self._idle).isdisjoint(_items(self._backend.change(add=coming, remove=()))):
            await self.tidied()

    async def tidied(self) -> None:
        """Wait until nothing is left to be done later."""
        await self._tidying.done()

    def close(self) -> None:
        """Leave undone what nobody waits for: the next start makes all anew."""
        self._tidying.close()

    def script(self, backend: Backend) -> str:
        """Return in the words of nft and iptables-restore what would make all of it, with nothing of ours there yet."""
        texts = []
        for op in backend.install(self.intents(), {}):
            if isinstance(op, NftTransaction):
                texts.append(f"# nft -f -\n{op.commands}\n")
            elif isinstance(op, IptablesTransaction):
                program = "iptables" if op.version == 4 else "ip6tables"
                texts.append(f"# {program}-restore --noflush\n{op.rules}")
        return "\n".join(texts)

    async def install(self) -> None:
        """Make the whole anew in one transaction."""
        async with self._lock.alone():
            await self._host.do(self._backend.install(self.intents(), await self._listings()))

    async def heal(self, damage: Damage) -> bool:
        """Put back what of ours others have changed; tell whether there was anything to put back."""
        async with self._lock.alone():
            ops = await self._cure(damage)
            await self._host.do(ops)
        return bool(ops)

    async def check(self) -> Sequence[Difference]:
        """Return where what stands in the kernel is not what the state wants; nothing changes meanwhile."""
        async with self.still():
            return await self._compare()

    async def _compare(self) -> Sequence[Difference]:
        intents = self.intents()
        backend, tables = self._backend, tuple(self._backend.tables)
        wanted = await self._host.ask(NftListings(tables, made_by=backend.whole(intents).commands))
        stands = await self._host.ask(NftListings(tables))
        found = await self._listings()
        shared = f"inet {forward_guard.TABLE}"
        return [*comparison.of_tables(wanted, stands, shared), *backend.compare(intents, found)]

    async def differences(self) -> list[machine.Difference]:
        """Return the same in the words of `netwright check`.

        Whoever wants to be certain holds off all changes meanwhile (`still`), with nothing left to be done later.
        """
        return [
            machine.Difference(subject=SUBJECT, what=f"{one.place}: {one.text} is {one.fault}", cure=one.cure)
            for one in await self._compare()
        ]

    async def _cure(self, damage: Damage) -> Sequence[Op]:
        """Return what puts back what of ours others have changed."""
        found = {query: await self._host.ask(query) for query in self._backend.examines(damage)}
        return self._backend.heal(damage, self.intents, found)

    async def suspects(self) -> set[Place]:
        """Return where something may be amiss that no notice told of: tables that are gone, and those of iptables.

        What stands in our own tables is not looked at: nothing there changes without a notice.
        """
        there = await self._host.ask(NftTables())
        gone = {Place(table, lost=True) for table in self._backend.tables if table not in there}
        return gone | {Place(table_of(query), lost=True) for query in self._backend.wants}

    @asynccontextmanager
    async def still(self) -> AsyncIterator[Backend]:
        """Hold off every change of networks and open sandboxes: all of them change the firewall too.

        What is done later is done by then.
        """
        async with self._lock.alone():
            await self._do_idle()
            yield self._backend

    async def mend(self) -> Sequence[Exception]:
        """Make the whole anew after a change of it has failed; return why that could not be done either."""
        try:
            await self.install()
            await self.forget_gone_bridges()
        except SystemFailure as failure:
            return [failure]
        return ()

    async def forget_gone_bridges(self) -> None:
        """Take interfaces that are no more out of the sets that all engines share: what a crash has left there."""
        there = {link.name for link in await self._host.ask(queries.Links())}
        bridges = [(Name(name),) for name in await self._entered(forward_guard.BRIDGES) if name not in there]
        same = [(Name(name), Name(name)) for name in await self._entered(forward_guard.SAME) if name not in there]
        for which, keys in ((forward_guard.BRIDGES, bridges), (forward_guard.SAME, same)):
            if keys:
                place = ("inet", forward_guard.TABLE, which, tuple(map(Item, keys)))
                # Another engine may be about to take out the same: to add first makes the deletion content with that.
                changes = (SetChange(Verb.ADD, *place), SetChange(Verb.DELETE, *place))
                await self._host.do([ChangeElements(changes=changes)])

    async def _entered(self, which: str) -> Sequence[str]:
        """Return the interfaces in a set that all engines share."""
        return await self._host.ask(NftNames("inet", forward_guard.TABLE, which))

    async def uninstall(self) -> None:
        """Remove everything of ours."""
        async with self._lock.alone():
            await self._host.do(self._backend.uninstall(await self._listings()))
            tables = await self._host.ask(NftTables())
            shared = f"inet {forward_guard.TABLE}"
            if shared in tables and not any(name.startswith("inet netwright-") for name in tables if name != shared):
                await self._host.do([NftTransaction(commands=f"delete table {shared}")])

    async def _listings(self) -> Listings:
        return {query: await self._host.ask(query) for query in self._backend.wants}


def _items(ops: Sequence[Op]) -> set[tuple[str, Item]]:
    """Return the elements that operations change, with the names of their sets."""
    return {
        (change.set, item)
        for op in ops
        if isinstance(op, ChangeElements)
        for change in op.changes
        for item in change.items
    }
