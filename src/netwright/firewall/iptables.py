"""The iptables backend: Docker's own chains and rules, so that whatever reads or knows them finds what it expects.

Every change is one text for iptables-restore, which is all or nothing for each table. Our own chains are rewritten by
naming them; in the built-in chains our rules stand among others', so they are taken out by the very text in which a
listing shows them and put in again. They carry no mark of ours, because Docker's do not: they are known by their
shape, which is exact, and by the bridges that they name.

What iptables cannot say, or only by the leave of a sysctl that is not ours, stands in a small nftables table beside it:
who may send what inside a bridge, that containers do not reach the host's loopback, and that the host is a router for
nobody else where it was us who switched forwarding on.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from netwright.firewall.api import FirewallSettings, Listings
from netwright.firewall.docker_user import CHAIN as DOCKER_USER
from netwright.firewall.docker_user import has_chain
from netwright.firewall.elements import Element, commands, elements_of, removal, transition
from netwright.firewall.intent import Intent
from netwright.firewall.layer2 import bridge_table
from netwright.firewall.rules import Rule, rules_of
from netwright.firewall.skeleton import guard_table
from netwright.host.ops import IptablesTransaction, NftTransaction, Op
from netwright.host.queries import IptablesRules

_TABLES = ("filter", "nat", "raw")
_CHAINS = {
    "filter": ("DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-INTERNAL"),
    "nat": ("DOCKER",),
    "raw": (),
}
"""Our own chains. DOCKER-USER is the admin's."""
_JUMPS = tuple(
    Rule("filter", "DOCKER-FORWARD", f"-j {chain}") for chain in ("DOCKER-CT", "DOCKER-INTERNAL", "DOCKER-BRIDGE")
)
_BRIDGE = r"(?:docker0|br-[0-9a-f]{12}|BRIDGES)"
_OURS = (
    ("filter", r"-A FORWARD -j DOCKER-FORWARD"),
    ("filter", r"-A FORWARD -j DOCKER-USER"),
    ("nat", r"-A (?:PREROUTING|OUTPUT) (?:! -d \S+ )?-m addrtype --dst-type LOCAL -j DOCKER"),
    ("nat", rf"-A POSTROUTING -s \S+ ! -o {_BRIDGE} -j (?:MASQUERADE|SNAT --to-source \S+)"),
    ("nat", rf"-A POSTROUTING -o {_BRIDGE} -m addrtype --src-type LOCAL -j (?:MASQUERADE|SNAT --to-source \S+)"),
    ("nat", r"-A POSTROUTING -s (\S+) -d \1 -p (\w+) -m \2 --dport \d+ -j MASQUERADE"),
    ("raw", rf"-A PREROUTING -d \S+ ! -i {_BRIDGE} -j DROP"),
    ("raw", r"-A PREROUTING -d 127\.\S+ ! -i lo -p (\w+) -m \1 --dport \d+ -j DROP"),
)


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
        """Return what makes exactly these intents true, one transaction a family, and the table beside them."""
        ops: list[Op] = [
            IptablesTransaction(version=version, rules=self._whole(version, intents, found))
            for version in self._versions
        ]
        lines = [
            *removal(self._table),
            guard_table(self._table, self._settings),
            bridge_table(self._table),
            *commands("add", self._table, self._beside(intents)),
        ]
        return [*ops, NftTransaction(commands="\n".join(lines))]

    def change(self, *, add: Collection[Intent], remove: Collection[Intent]) -> Sequence[Op]:
        """Return the rules that go and come, one transaction a family, each with its inverse."""
        ops: list[Op] = list(transition(self._table, self._beside(remove), self._beside(add)))
        for version in self._versions:
            old, new = self._rules(version, remove), self._rules(version, add)
            going = [rule for rule in old if rule not in new]
            coming = [rule for rule in new if rule not in old]
            if going or coming:
                ops.append(IptablesTransaction(version=version, rules=_edit(going, coming), undo=_edit(coming, going)))
        return ops

    def uninstall(self, found: Listings) -> Sequence[Op]:
        """Return what takes out our rules and chains, DOCKER-USER where it is empty, and the table beside them."""
        ops: list[Op] = []
        for version in self._versions:
            text = "".join(_removed(table, _lines(found, version, table), ()) for table in _TABLES)
            if text:
                ops.append(IptablesTransaction(version=version, rules=text))
        return [*ops, NftTransaction(commands="\n".join(removal(self._table)))]

    def _rules(self, version: int, intents: Iterable[Intent]) -> list[Rule]:
        return rules_of((i for i in intents if i.version == version), proxied=self._settings.proxied)

    def _beside(self, intents: Iterable[Intent]) -> set[Element]:
        """Return the elements of the nftables table: all of the bridge family, and the bridges' names."""
        return {element for element in elements_of(intents) if element.family == "bridge" or element.set == "bridges"}

    def _whole(self, version: int, intents: Collection[Intent], found: Listings) -> str:
        """Return the text that rewrites our chains and our rules in the built-in ones."""
        rules = [*_JUMPS, *self._rules(version, intents), *self._entrances(version)]
        bridges = sorted({intent.bridge for intent in intents})
        return "".join(_written(table, _lines(found, version, table), rules, bridges) for table in _TABLES)

    def _entrances(self, version: int) -> list[Rule]:
        """Return the jumps into our chains; the last is put first, so DOCKER-USER leads."""
        loopback = "127.0.0.0/8" if version == 4 else "::1/128"
        local = "-m addrtype --dst-type LOCAL -j DOCKER"
        spared = f"! -d {loopback} {local}" if self._settings.proxied or version == 6 else local
        return [
            Rule("nat", "PREROUTING", local),
            Rule("nat", "OUTPUT", spared),
            Rule("filter", "FORWARD", "-j DOCKER-FORWARD", first=True),
            Rule("filter", "FORWARD", f"-j {DOCKER_USER}", first=True),
        ]


def _lines(found: Listings, version: int, table: str) -> list[str]:
    return (found.get(IptablesRules(version, table)) or "").splitlines()


def _is_ours(table: str, line: str, bridges: Iterable[str]) -> bool:
    names = "|".join(map(re.escape, bridges)) or "docker0"
    return any(
        table == where and re.fullmatch(shape.replace("BRIDGES", names), line) is not None for where, shape in _OURS
    )


def _written(table: str, present: Sequence[str], rules: Iterable[Rule], bridges: Sequence[str]) -> str:
    """Return a table's part of the whole: our chains emptied, our old rules out, the new ones in."""
    lines = [f"*{table}", *(f":{chain} - [0:0]" for chain in _CHAINS[table])]
    if table == "filter" and not has_chain(present, DOCKER_USER):
        lines.append(f":{DOCKER_USER} - [0:0]")
    lines.extend(line.replace("-A", "-D", 1) for line in present if _is_ours(table, line, bridges))
    lines.extend(map(_addition, (rule for rule in rules if rule.table == table)))
    return "\n".join([*lines, "COMMIT", ""])


def _removed(table: str, present: Sequence[str], bridges: Sequence[str]) -> str:
    """Return what takes everything of ours out of a table; nothing where nothing is there."""
    kept_user = any(line.startswith(f"-A {DOCKER_USER} ") for line in present)
    ours = [line for line in present if _is_ours(table, line, bridges)]
    if kept_user:
        ours = [line for line in ours if not line.endswith(f"-j {DOCKER_USER}")]
    chains = [chain for chain in _CHAINS[table] if has_chain(present, chain)]
    if table == "filter" and has_chain(present, DOCKER_USER) and not kept_user:
        chains.append(DOCKER_USER)
    if not ours and not chains:
        return ""
    lines = [line.replace("-A", "-D", 1) for line in ours]
    # A chain can only go when no rule jumps to it: all are emptied before the first is deleted.
    lines.extend(f"-F {chain}" for chain in chains)
    lines.extend(f"-X {chain}" for chain in chains)
    return "\n".join([f"*{table}", *lines, "COMMIT", ""])


def _addition(rule: Rule) -> str:
    return f"-I {rule.chain} 1 {rule.text}" if rule.first else f"-A {rule.chain} {rule.text}"


def _edit(going: Sequence[Rule], coming: Sequence[Rule]) -> str:
    """Return the text that deletes some rules and adds others, table by table."""
    text = ""
    for table in _TABLES:
        lines = [f"-D {rule.chain} {rule.text}" for rule in going if rule.table == table]
        lines.extend(_addition(rule) for rule in coming if rule.table == table)
        if lines:
            text += "\n".join([f"*{table}", *lines, "COMMIT", ""])
    return text
