"""The nftables backend: a fixed skeleton of rules, and everything that changes as elements of sets and maps."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar

from netwright.firewall import docker_user, forward_guard
from netwright.firewall.api import Damage, FirewallSettings, Listings
from netwright.firewall.comparison import Difference
from netwright.firewall.element import Element
from netwright.firewall.elements import changes, elements_of, named_in, removal, transition
from netwright.firewall.intent import Intent
from netwright.firewall.layer2 import bridge_table
from netwright.firewall.mending import shared_table
from netwright.firewall.shared_chains import table_of
from netwright.firewall.skeleton import inet_table
from netwright.firewall.sources import declaration
from netwright.host.elements import Verb
from netwright.host.ops import NftTransaction, Op
from netwright.host.queries import IptablesRules


class NftablesBackend:
    """Renders intents into the two tables `netwright-<instance>` of the families inet and bridge."""

    name: ClassVar[str] = "nftables"

    def __init__(self, settings: FirewallSettings) -> None:
        self._settings = settings
        self._table = f"netwright-{settings.instance}"
        self._silent = not (settings.ipv4 or settings.ipv6)
        """Whether the admin wants no rule of ours, of either family."""

    @property
    def wants(self) -> Sequence[IptablesRules]:
        """The filter tables of iptables, for the admin's chain DOCKER-USER."""
        return docker_user.WANTS if self._settings.docker_user and not self._silent else ()

    def install(self, intents: Collection[Intent], found: Listings) -> Sequence[Op]:
        """Return one transaction that replaces both tables as a whole, and what the admin's own chain needs."""
        return [self.whole(intents), *docker_user.ensure(found)]

    def whole(self, intents: Collection[Intent]) -> NftTransaction:
        """Return what makes both tables, and our part of the one that engines share."""
        if self._silent:
            return NftTransaction(commands="\n".join(removal(self._table)))
        lines = [
            *forward_guard.commands(self._settings),
            *removal(self._table),
            inet_table(self._table, self._settings, named_in(intents)),
            bridge_table(self._table),
            *map(str, changes(Verb.ADD, self._table, self._elements(intents))),
        ]
        return NftTransaction(commands="\n".join(lines))

    @property
    def tables(self) -> Sequence[str]:
        """Both of this engine, and the one that engines share; none where the admin wants no rule of ours."""
        if self._silent:
            return ()
        return (f"inet {self._table}", f"bridge {self._table}", f"inet {forward_guard.TABLE}")

    def examines(self, damage: Damage) -> Sequence[IptablesRules]:
        """Return the filter tables of iptables, where they were changed."""
        return [query for query in self.wants if damage.touches(table_of(query))]

    def heal(self, damage: Damage, wanted: Callable[[], Collection[Intent]], found: Listings) -> Sequence[Op]:
        """Return a rebuild where our tables were touched; what engines share is only added to."""
        if self._silent:
            return []
        ops: list[Op] = []
        if any(damage.touches(f"{family} {self._table}") for family in ("inet", "bridge")):
            ops.append(self.whole(wanted()))
        else:
            ops.extend(shared_table(self._settings, damage, lambda: self._elements(wanted())))
        return [*ops, *docker_user.ensure(found)]

    def consults(
        self,
        *,
        add: Collection[Intent],  # noqa: ARG002 - elements are deleted as quickly as they are added, however many
        remove: Collection[Intent],  # noqa: ARG002
    ) -> Sequence[IptablesRules]:
        """No listing: a change is elements."""
        return ()

    def change(
        self,
        *,
        add: Collection[Intent],
        remove: Collection[Intent],
        found: Listings | None = None,  # noqa: ARG002 - nothing is consulted
    ) -> Sequence[Op]:
        """Return one transaction of elements, with its inverse."""
        return transition(self._table, self._elements(remove), self._elements(add))

    def compare(self, intents: Collection[Intent], found: Listings) -> Sequence[Difference]:  # noqa: ARG002 - none matters
        """Return where the admin's own chain is missing or does not lead."""
        return docker_user.compare(found)

    def declare(self, before: Collection[str], after: Collection[str]) -> Sequence[Op]:
        """Return what has other sets of sources be named than before."""
        return [] if self._silent else [declaration(self._table, before, after)]

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what deletes both tables, and the admin's chain where we made it and it is empty."""
        return [NftTransaction(commands="\n".join(removal(self._table))), *docker_user.remove(found)]

    def _elements(self, intents: Iterable[Intent]) -> set[Element]:
        """Return the elements of the families that the admin leaves to us."""
        allowed = {4: self._settings.ipv4, 6: self._settings.ipv6}
        return elements_of(intent for intent in intents if allowed[intent.version])
