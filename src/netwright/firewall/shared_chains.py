"""Our rules among others' in iptables' built-in chains: which they are, and what is wrong with them.

Docker's rules carry no mark, and ours are Docker's, so a rule of FORWARD, PREROUTING, OUTPUT or POSTROUTING is known by
what it says. It is ours when it has exactly the shape of a rule that we write and names a bridge of ours; and a bridge
is ours when it is wanted now, or when our own chains in the same listing speak of it. So what an engine has left behind
is found whatever its networks were called, and an admin's rule for another interface never is. (To take a listing and
correct it is one process to read and one to write for each table, at the start only; probing rule by rule, as Docker
does, takes two processes for each rule, and forgets what it does not probe for.)
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from netwright.firewall.rules import Rule
from netwright.host.queries import IptablesRules

_BRIDGES = re.compile(
    r"-A (?:DOCKER-BRIDGE -o (\S+) -j DOCKER|DOCKER-INTERNAL ! -s \S+ (?:! -i \S+ )?-o (\S+) -j DROP)"
)
_SUBJECT = re.compile(r"-A FORWARD|-A PREROUTING -d \S+")
_HIDDEN = r"-j (?:MASQUERADE|SNAT --to-source \S+)"


def table_of(query: IptablesRules) -> str:
    """Return the nftables table behind one of iptables', where iptables stands on nftables."""
    return f"{'ip' if query.version == 4 else 'ip6'} {query.table}"


class SharedChains:
    """The built-in chains of one family as a listing shows them."""

    def __init__(self, listings: Mapping[str, Sequence[str]], bridges: Collection[str]) -> None:
        """Read listings by table; `bridges` are those that are wanted now."""
        self._listings = listings
        spoken_of = {match[1] or match[2] for line in listings["filter"] if (match := _BRIDGES.fullmatch(line))}
        names = "|".join(map(re.escape, sorted(spoken_of | set(bridges)))) or "(?!)"
        guard = rf"-A PREROUTING -d (\S+) ! -i (?:{names}) -j DROP"
        guarded = (match[1] for line in listings["raw"] if (match := re.fullmatch(guard, line)))
        addresses = "|".join(map(re.escape, sorted(guarded))) or "(?!)"
        shapes = {
            "filter": (r"-A FORWARD -j DOCKER-(?:FORWARD|USER)",),
            "nat": (
                r"-A (?:PREROUTING|OUTPUT) (?:! -d \S+ )?-m addrtype --dst-type LOCAL -j DOCKER",
                rf"-A POSTROUTING -s \S+ ! -o (?:{names}) {_HIDDEN}",
                rf"-A POSTROUTING -o (?:{names}) -m addrtype --src-type LOCAL {_HIDDEN}",
                r"-A POSTROUTING -s (\S+) -d \1 -p (\w+) -m \2 --dport \d+ -j MASQUERADE",
            ),
            "raw": (
                guard,
                rf"-A PREROUTING -d (?:{addresses}) -i \S+ -j ACCEPT",
                r"-A PREROUTING -d 127\.\S+ ! -i lo -p (\w+) -m \1 --dport \d+ -j DROP",
            ),
        }
        self._shapes = {table: [re.compile(shape) for shape in wanted] for table, wanted in shapes.items()}

    def correction(self, table: str, wanted: Sequence[Rule]) -> tuple[list[str], list[Rule]]:
        """Return the lines that delete what of ours is wrong in a table, and the rules to add.

        What is right already stays untouched: deleting is what iptables is slow at. Rules about the same thing (an
        address, or who comes first in FORWARD) depend on their order, so they stay or go together.
        """
        found = [line for line in self._listings[table] if self._is_ours(table, line)]
        expected = {f"-A {rule.chain} {rule.text}": rule for rule in wanted}
        present, right = Counter(found), Counter(list(expected))
        wrong = {_subject(line) for line in (present - right) + (right - present)}
        if table == "filter" and not self._leads(wanted):
            wrong.add("-A FORWARD")
        going = [f"-D{line.removeprefix('-A')}" for line in found if _subject(line) in wrong]
        return going, [rule for line, rule in expected.items() if _subject(line) in wrong]

    def _is_ours(self, table: str, line: str) -> bool:
        return any(shape.fullmatch(line) for shape in self._shapes[table])

    def _leads(self, wanted: Sequence[Rule]) -> bool:
        """Tell whether FORWARD begins with our jumps, each of which is put first after the one before."""
        lines = [line for line in self._listings["filter"] if line.startswith("-A FORWARD ")]
        return lines[: len(wanted)] == [f"-A {rule.chain} {rule.text}" for rule in reversed(wanted)]


def _subject(line: str) -> str:
    """Return what a rule is about, for those whose order matters; else the rule itself."""
    match = _SUBJECT.match(line)
    return match[0] if match else line
