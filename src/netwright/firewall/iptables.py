"""The iptables backend: Docker's own chains and rules, so that whatever reads or knows them finds what it expects.

Every change is a text for iptables-restore for each table that it touches: all or nothing there, and each with its
inverse. Our own chains are rewritten by naming them; what of ours stands in the built-in chains, among others' rules,
is found in a listing (`firewall.shared_chains`) and corrected one by one. Tables are written in the order raw, nat,
filter: the guards first, and last the table whose chains tell which bridges are ours, so that an installation after a
crash in between still knows what to clear away.

What iptables cannot say, or only by the leave of a sysctl that is not ours, stands in small nftables tables beside it:
who may send what inside a bridge, who may connect to a published port, that containers do not reach the host's
loopback, and that the host is a router for nobody else where it was us who switched forwarding on. So the policy of
FORWARD is not touched, unlike Docker's.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from netwright.firewall import forward_guard
from netwright.firewall.api import Damage, FirewallSettings, Listings
from netwright.firewall.comparison import Difference, lacking_chain, of_iptables
from netwright.firewall.docker_user import CHAIN as DOCKER_USER
from netwright.firewall.docker_user import PROGRAMS, has_chain
from netwright.firewall.element import Element
from netwright.firewall.elements import changes, elements_of, named_in, removal, transition
from netwright.firewall.intent import Intent
from netwright.firewall.layer2 import bridge_table
from netwright.firewall.mending import shared_table
from netwright.firewall.rules import Rule, rules_of
from netwright.firewall.shared_chains import SharedChains, table_of
from netwright.firewall.skeleton import guard_table, stands_beside
from netwright.firewall.sources import declaration
from netwright.host.elements import Verb
from netwright.host.ops import IptablesTransaction, NftTransaction, Op
from netwright.host.queries import IptablesRules

_TABLES = ("raw", "nat", "filter")
_CHAINS: Mapping[str, tuple[str, ...]] = {
    "raw": (),
    "nat": ("DOCKER",),
    "filter": ("DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-INTERNAL"),
}
"""Our own chains. DOCKER-USER is the admin's."""
_JUMPS = tuple(
    Rule("filter", "DOCKER-FORWARD", f"-j {chain}") for chain in ("DOCKER-CT", "DOCKER-INTERNAL", "DOCKER-BRIDGE")
)

MANY = 50
"""How many rules of a table are deleted one by one at most; deleting 1,000 of 1,000 takes 0.8 s, rewriting 0.05 s."""


class IptablesBackend:
    """Renders intents as Docker's rules."""

    name: ClassVar[str] = "iptables"

    def __init__(self, settings: FirewallSettings) -> None:
        self._settings = settings
        self._table = f"netwright-{settings.instance}"
        self._versions = [version for version, on in ((4, settings.ipv4), (6, settings.ipv6)) if on]

    @property
    def wants(self) -> Sequence[IptablesRules]:
        """All tables that we write into."""
        return [IptablesRules(version, table) for version in self._versions for table in _TABLES]

    def install(self, intents: Collection[Intent], found: Listings) -> Sequence[Op]:
        """Return what makes exactly these intents true, one transaction a table, and the tables beside them."""
        return [self.whole(intents), *self._tables(intents, found, lambda *_: False)]

    def whole(self, intents: Collection[Intent]) -> NftTransaction:
        """Return what makes the tables beside iptables, and our part of the one that engines share."""
        lines = [
            *forward_guard.commands(self._settings),
            *removal(self._table),
            guard_table(self._table, self._settings, named_in(intents)),
            bridge_table(self._table),
            *map(str, changes(Verb.ADD, self._table, self._beside(intents))),
        ]
        return NftTransaction(commands="\n".join(lines))

    def compare(self, intents: Collection[Intent], found: Listings) -> Sequence[Difference]:
        """Return what is missing of our chains and rules, and what stands in them that is not ours."""
        return [
            one
            for version, shared, rules in self._expected(intents, found)
            for table in _TABLES
            for one in _differences(PROGRAMS[version], table, _lines(found, version, table), rules, shared)
        ]

    def _expected(
        self, intents: Collection[Intent], found: Listings
    ) -> Iterator[tuple[int, SharedChains, Sequence[Rule]]]:
        """Yield for each version what stands in the chains that are not ours alone, and all rules that should stand."""
        for version in self._versions:
            rules = [*_JUMPS, *self._rules(version, intents), *self._entrances(version)]
            yield version, SharedChains(_listings(found, version), {intent.bridge for intent in intents}), rules

    def _tables(
        self,
        intents: Collection[Intent],
        found: Listings,
        spared: Callable[[str, Sequence[str], Sequence[Rule], SharedChains], bool],
    ) -> Iterator[Op]:
        """Yield what writes each table of iptables that is not spared."""
        for version, shared, rules in self._expected(intents, found):
            for table in _TABLES:
                present = _lines(found, version, table)
                if not spared(table, present, rules, shared):
                    text = _written(table, present, rules, shared)
                    yield IptablesTransaction(version=version, rules=text)

    @property
    def tables(self) -> Sequence[str]:
        """Both of this engine, and the one that engines share."""
        return (f"inet {self._table}", f"bridge {self._table}", f"inet {forward_guard.TABLE}")

    def examines(self, damage: Damage) -> Sequence[IptablesRules]:
        """Return all tables where one of them was changed: what stands in one tells what belongs into another."""
        return self.wants if any(damage.touches(table_of(query)) for query in self.wants) else ()

    def heal(self, damage: Damage, wanted: Callable[[], Collection[Intent]], found: Listings) -> Sequence[Op]:
        """Return a rewriting of the tables in which something of ours is not as it should be."""
        ops: list[Op] = []
        if any(damage.touches(f"{family} {self._table}") for family in ("inet", "bridge")):
            ops.append(self.whole(wanted()))
        else:
            ops.extend(shared_table(self._settings, damage, lambda: self._beside(wanted())))
        if found:
            ops.extend(self._tables(wanted(), found, _is_right))
        return ops

    def consults(self, *, add: Collection[Intent], remove: Collection[Intent]) -> Sequence[IptablesRules]:
        """Return the tables of which a change deletes so much that rewriting chains is quicker than rule by rule."""
        return [
            IptablesRules(version, table)
            for version, table, going, _ in self._differences(add, remove)
            if len(going) > MANY
        ]

    def change(
        self, *, add: Collection[Intent], remove: Collection[Intent], found: Listings | None = None
    ) -> Sequence[Op]:
        """Return the rules that go and come, one transaction a table, each with its inverse."""
        ops: list[Op] = list(transition(self._table, self._beside(remove), self._beside(add)))
        for version, table, going, coming in self._differences(add, remove):
            present = _lines(found or {}, version, table)
            if present and len(going) > MANY:
                forth, back = _rewritten(table, present, going, coming)
            else:
                forth, back = _edited(table, going, coming), _edited(table, coming, going)
            ops.append(IptablesTransaction(version=version, rules=forth, undo=back))
        return ops

    def _differences(
        self, add: Collection[Intent], remove: Collection[Intent]
    ) -> Iterator[tuple[int, str, list[Rule], list[Rule]]]:
        """Yield for each table that a change touches the rules that go and those that come."""
        for version in self._versions:
            old, new = self._rules(version, remove), self._rules(version, add)
            kept = set(old) & set(new)
            for table in _TABLES:
                going = [rule for rule in old if rule.table == table and rule not in kept]
                coming = [rule for rule in new if rule.table == table and rule not in kept]
                if going or coming:
                    yield version, table, going, coming

    def declare(self, before: Collection[str], after: Collection[str]) -> Sequence[Op]:
        """Return what has other sets of sources be named than before."""
        return [declaration(self._table, before, after)]

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what takes out our rules and chains, DOCKER-USER where it is empty, and the tables beside them."""
        ops: list[Op] = []
        for version in self._versions:
            shared = SharedChains(_listings(found, version), ())
            texts = (_removed(table, _lines(found, version, table), shared) for table in _TABLES)
            ops.extend(IptablesTransaction(version=version, rules=text) for text in texts if text)
        return [*ops, NftTransaction(commands="\n".join(removal(self._table)))]

    def _rules(self, version: int, intents: Iterable[Intent]) -> list[Rule]:
        return rules_of((i for i in intents if i.version == version), proxied=self._settings.proxied)

    def _beside(self, intents: Iterable[Intent]) -> set[Element]:
        """Return the elements of the nftables tables that stand beside."""
        elements = elements_of(intent for intent in intents if intent.version in self._versions)
        return {element for element in elements if element.family != "inet" or stands_beside(element.set)}

    def _entrances(self, version: int) -> list[Rule]:
        """Return the jumps into our chains; the last is put first, so DOCKER-USER leads."""
        loopback = "127.0.0.0/8" if version == 4 else "::1/128"
        local = "-m addrtype --dst-type LOCAL -j DOCKER"
        # A reply to ::1 could not leave the bridge: it is always left to the relay.
        spared = f"! -d {loopback} {local}" if self._settings.proxied or version == 6 else local
        return [
            Rule("nat", "PREROUTING", local),
            Rule("nat", "OUTPUT", spared),
            Rule("filter", "FORWARD", "-j DOCKER-FORWARD", first=True),
            Rule("filter", "FORWARD", f"-j {DOCKER_USER}", first=True),
        ]


def _lines(found: Listings, version: int, table: str) -> list[str]:
    return (found.get(IptablesRules(version, table)) or "").splitlines()


def _listings(found: Listings, version: int) -> dict[str, list[str]]:
    return {table: _lines(found, version, table) for table in _TABLES}


def _written(table: str, present: Sequence[str], rules: Sequence[Rule], shared: SharedChains) -> str:
    """Return a table's text: our chains emptied and filled, our rules in the built-in chains corrected."""
    lines = [f":{chain} - [0:0]" for chain in _CHAINS[table]]
    if table == "filter" and not has_chain(present, DOCKER_USER):
        lines.append(f":{DOCKER_USER} - [0:0]")
    own = [rule for rule in rules if rule.table == table and rule.chain in _CHAINS[table]]
    lines.extend(_placed(own, ()))
    built_in = [rule for rule in rules if rule.table == table and rule.chain not in _CHAINS[table]]
    going, coming = shared.correction(table, built_in)
    lines.extend(going)
    lines.extend(map(_addition, coming))
    return _text(table, lines)


def _is_right(table: str, present: Sequence[str], rules: Sequence[Rule], shared: SharedChains) -> bool:
    """Tell whether a table has exactly what is ours, in whatever order changes have left it."""
    return not _differences("", table, present, rules, shared)


def _differences(
    program: str, table: str, present: Sequence[str], rules: Sequence[Rule], shared: SharedChains
) -> list[Difference]:
    """Return what of ours a table lacks, and what stands in our own chains that is not ours."""
    chains = _CHAINS[table] if table != "filter" else (*_CHAINS[table], DOCKER_USER)
    own = tuple(f"-A {chain} " for chain in _CHAINS[table])
    wanted = {_appended(rule): rule for rule in rules if rule.table == table and rule.chain in _CHAINS[table]}
    stands = Counter(line for line in present if line.startswith(own))
    expected = Counter(list(wanted))
    built_in = [rule for rule in rules if rule.table == table and rule.chain not in _CHAINS[table]]
    going, coming = shared.correction(table, built_in)
    missing = [*(wanted[line] for line in (expected - stands).elements()), *coming]
    surplus = [*(stands - expected).elements(), *(f"-A{line.removeprefix('-D')}" for line in going)]
    lines = of_iptables(program, table, ((_appended(rule), rule.first) for rule in missing), surplus)
    return [*(lacking_chain(program, table, chain) for chain in chains if not has_chain(present, chain)), *lines]


def _removed(table: str, present: Sequence[str], shared: SharedChains) -> str:
    """Return what takes everything of ours out of a table; nothing where nothing is there."""
    kept_user = any(line.startswith(f"-A {DOCKER_USER} ") for line in present)
    going, _ = shared.correction(table, [])
    if kept_user:
        going = [line for line in going if not line.endswith(f"-j {DOCKER_USER}")]
    chains = [chain for chain in _CHAINS[table] if has_chain(present, chain)]
    if table == "filter" and has_chain(present, DOCKER_USER) and not kept_user:
        chains.append(DOCKER_USER)
    # A chain can only go when no rule jumps to it: all are emptied before the first is deleted.
    lines = [*going, *(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains)]
    return _text(table, lines) if lines else ""


def _edited(table: str, going: Sequence[Rule], coming: Sequence[Rule]) -> str:
    """Return the text that deletes some rules of a table and adds others."""
    return _text(table, _edits(going, coming))


def _edits(going: Sequence[Rule], coming: Sequence[Rule]) -> list[str]:
    return [*(f"-D {rule.chain} {rule.text}" for rule in going), *map(_addition, coming)]


def _rewritten(table: str, present: Sequence[str], going: Sequence[Rule], coming: Sequence[Rule]) -> tuple[str, str]:
    """Return the text that writes our own chains anew as a listing shows them, but for a change; and its inverse."""
    chains = sorted({rule.chain for rule in (*going, *coming)} & set(_CHAINS[table]))
    empty = [f":{chain} - [0:0]" for chain in chains]
    before = [line for line in present if line.startswith(tuple(f"-A {chain} " for chain in chains))]
    gone = set(map(_appended, going))
    after = _placed([rule for rule in coming if rule.chain in chains], [line for line in before if line not in gone])
    out, into = ([rule for rule in rules if rule.chain not in chains] for rules in (going, coming))
    forth = _text(table, [*empty, *after, *_edits(out, into)])
    return forth, _text(table, [*empty, *before, *_edits(into, out)])


def _placed(rules: Sequence[Rule], standing: Sequence[str]) -> list[str]:
    """Return the lines of chains in which rules have been put among those that stand there, each at its end of them."""
    first = (rule for rule in reversed(rules) if rule.first)
    last = (rule for rule in rules if not rule.first)
    return [*map(_appended, first), *standing, *map(_appended, last)]


def _appended(rule: Rule) -> str:
    return f"-A {rule.chain} {rule.text}"


def _addition(rule: Rule) -> str:
    return f"-I {rule.chain} 1 {rule.text}" if rule.first else _appended(rule)


def _text(table: str, lines: Sequence[str]) -> str:
    return "\n".join((f"*{table}", *lines, "COMMIT", ""))
