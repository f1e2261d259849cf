"""Sets of sources: who may connect to published ports, under names, changed for all of these ports at once.

A set is a row, and in the firewall a set of its own that ports point to. So a change of it is a change of that one set,
however many ports name it. It is there before any port names it, and stays until none does.
"""

import difflib
import logging
from collections.abc import Iterable, Sequence

from netwright.controller.firewall.writer import Firewall
from netwright.controller.state import State
from netwright.controller.together import both
from netwright.errors import Conflict, InvalidInput, NotFound
from netwright.firewall.api import Backend
from netwright.firewall.intent import SourceSetIntent
from netwright.host.protocol import Host, transaction
from netwright.host.uncancelled import to_the_end
from netwright.model.names import Id
from netwright.model.ports import PortRequest
from netwright.model.sources import Sources, SourceSet, read_networks

log = logging.getLogger(__name__)

DEFAULT = "--publish-from"


class SourceSets:
    """Keeps the sets, and the firewall told of them."""

    def __init__(self, state: State, firewall: Firewall, host: Host, default: Sources) -> None:
        self._state = state
        self._firewall = firewall
        self._host = host
        self._default = default

    def list(self) -> Sequence[SourceSet]:
        """Return all sets, by their names."""
        return sorted(self._state.source_sets.values(), key=lambda one: one.name)

    def users(self, name: str) -> Sequence[str]:
        """Return who names a set: containers, and the option that is the default of all ports."""
        default = [DEFAULT] if name in self._default.sets else []
        naming = {row.name for row in self._state.sandboxes.values() if name in _named_by(row.ports)}
        # Those that were opened by another default still have it.
        for endpoint in self._state.endpoints.values():
            row = self._state.sandboxes[endpoint.sandbox]
            if row.open and any(name in binding.sources.sets for binding in endpoint.bindings):
                naming.add(row.name)
        return [*default, *sorted(naming)]

    def require(self, ports: Iterable[PortRequest]) -> None:
        """See to it that all sets are there that ports name. Raises InvalidInput with the name that is nearest."""
        for name in sorted(_named_by(ports)):
            if Id(name) not in self._state.source_sets:
                raise InvalidInput(f"{self._unknown(name)}: netwright sources set {name} ADDRESSES makes it")

    async def ensure_default(self) -> None:
        """Make the sets that the default names and nobody has made, with nobody in them."""
        for name in self._default.sets:
            if Id(name) not in self._state.source_sets:
                log.warning("%s: %s; nobody is in it until it is set", DEFAULT, self._unknown(name))
                await self._state.commit(put=[SourceSet(name=name)])

    async def put(self, name: str, texts: Iterable[str]) -> SourceSet:
        """Make a set, or let others be in it. Raises InvalidInput."""
        wanted = SourceSet.named(name, texts)
        async with self._firewall.still() as backend:
            before = self._state.source_sets.get(wanted.id)
            await self._step(backend, before, wanted)
        return wanted

    async def edit(self, name: str, add: Iterable[str], remove: Iterable[str]) -> SourceSet:
        """Let more be in a set, and others no longer. Raises InvalidInput, NotFound."""
        more, fewer = read_networks(add), read_networks(remove)
        async with self._firewall.still() as backend:
            before = self._find(name)
            wanted = before.changed(more, fewer)
            await self._step(backend, before, wanted)
        return wanted

    async def delete(self, name: str) -> None:
        """Forget a set. Raises NotFound, Conflict where somebody names it."""
        async with self._firewall.still() as backend:
            gone = self._find(name)
            if users := self.users(name):
                raise Conflict(
                    f"the set of sources {name} is in use by {', '.join(users)}: publish their ports for others first"
                )
            await self._step(backend, gone, None)

    async def _step(self, backend: Backend, before: SourceSet | None, after: SourceSet | None) -> None:
        """Go from one set to another as a whole or not at all; nobody else changes the firewall meanwhile."""
        names = {one.name for one in self._state.source_sets.values()}
        ops = backend.change(add=SourceSetIntent.of(after), remove=SourceSetIntent.of(before))
        if after is not None and before is None:
            ops = [*backend.declare(names, names | {after.name}), *ops]
        elif before is not None and after is None:
            ops = [*ops, *backend.declare(names, names - {before.name})]
        new, old = _rows(after), _rows(before)
        try:
            async with transaction(self._host) as attempt:
                await both(self._state.commit(put=new, delete=() if new else old), attempt.do(ops))
        except BaseException:
            await to_the_end(self._state.commit(put=old, delete=() if old else new))
            raise

    def _find(self, name: str) -> SourceSet:
        found = self._state.source_sets.get(Id(name))
        if found is None:
            raise NotFound(self._unknown(name))
        return found

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, (*self._state.source_sets, "host", "lan", "any"), n=1)
        return f"no set of sources is called {name}{f' (did you mean {near[0]}?)' if near else ''}"


def _rows(one: SourceSet | None) -> list[SourceSet]:
    return [] if one is None else [one]


def _named_by(ports: Iterable[PortRequest]) -> set[str]:
    return {name for request in ports if request.sources is not None for name in request.sources.sets}
