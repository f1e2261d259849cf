"""The nftables backend: a fixed skeleton of rules, and everything that changes as elements of sets and maps."""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import ClassVar

from netwright.firewall import docker_user
from netwright.firewall.api import FirewallSettings, Listings
from netwright.firewall.elements import Element, elements_of
from netwright.firewall.intent import Intent, LinkIntent, NetworkIntent, PortIntent
from netwright.firewall.skeleton import bridge_table, inet_table
from netwright.host.ops import NftTransaction, Op
from netwright.host.queries import IptablesRules


class NftablesBackend:
    """Renders intents into the two tables `netwright-<instance>` of the families inet and bridge."""

    name: ClassVar[str] = "nftables"

    def __init__(self, settings: FirewallSettings) -> None:
        self._settings = settings
        self._table = f"netwright-{settings.instance}"

    @property
    def wants(self) -> Sequence[IptablesRules]:
        """The filter tables of iptables, for the admin's chain DOCKER-USER."""
        return docker_user.WANTS if self._settings.docker_user else ()

    def install(self, intents: Collection[Intent], found: Listings) -> Sequence[Op]:
        """Return one transaction that replaces both tables as a whole, and what the admin's own chain needs."""
        lines = [
            *self._removal(),
            inet_table(self._table, self._settings),
            bridge_table(self._table),
            *self._commands("add", elements_of(self._enabled(intents))),
        ]
        return [NftTransaction(commands="\n".join(lines)), *docker_user.ensure(found)]

    def change(self, *, add: Collection[Intent], remove: Collection[Intent]) -> Sequence[Op]:
        """Return one transaction of elements, with its inverse."""
        new, old = elements_of(self._enabled(add)), elements_of(self._enabled(remove))
        if new == old:
            return ()
        # What both want stays; what goes must go before what comes, for a key of a map may get another value.
        going, coming = sorted(old - new), sorted(new - old)
        forth = [*self._commands("delete", going), *self._commands("add", coming)]
        back = [*self._commands("delete", coming), *self._commands("add", going)]
        return [NftTransaction(commands="\n".join(forth), undo="\n".join(back))]

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what deletes both tables, and the admin's chain where we made it and it is empty."""
        return [NftTransaction(commands="\n".join(self._removal())), *docker_user.remove(found)]

    def _removal(self) -> list[str]:
        # Adding first makes the deletion content with a table that is not there.
        return [f"{verb} table {family} {self._table}" for family in ("inet", "bridge") for verb in ("add", "delete")]

    def _commands(self, verb: str, elements: Iterable[Element]) -> list[str]:
        """Return one command for each set or map that is touched."""
        groups = groupby(sorted(elements), key=lambda element: (element.family, element.set))
        return [
            f"{verb} element {family} {self._table} {name} {{ {', '.join(map(str, group))} }}"
            for (family, name), group in groups
        ]

    def _enabled(self, intents: Iterable[Intent]) -> list[Intent]:
        """Return the intents of the families that the admin leaves to us."""
        allowed = {4: self._settings.ipv4, 6: self._settings.ipv6}
        return [intent for intent in intents if allowed[_version(intent)]]


def _version(intent: Intent) -> int:
    match intent:
        case NetworkIntent():
            return intent.subnet.version
        case PortIntent():
            return intent.to_address.version
        case LinkIntent():
            return intent.parent.version
        case _:
            return intent.address.version
