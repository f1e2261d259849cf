"""Where what stands in the kernel is not what should: each difference in the words of nft and iptables, with its cure.

nftables tables are compared as nft prints them: what should stand is made in an empty namespace and printed there too
(`host.queries.NftListings`). Elements have no order, the rules of a chain have.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

REPAIR = "netwright firewall check --repair"
"""Makes all of it anew: the cure for whatever no single command cures."""

_MEMBER = re.compile(r"^\t(set|map|chain) (\S+) \{\n(.*?)^\t\}$", re.MULTILINE | re.DOTALL)
_ELEMENTS = re.compile(r"^\t\telements = \{ (.*?) \}$", re.MULTILINE | re.DOTALL)


class Fault(StrEnum):
    """What is wrong with a rule, an element, a chain."""

    MISSING = "missing"
    SURPLUS = "surplus"
    """It is there, in what is ours alone, and not of us."""
    MISPLACED = "misplaced"
    """It is there, and not at its place among the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it should be: where, what, and a command that puts it right."""

    place: str
    text: str
    fault: Fault
    cure: str = REPAIR


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as nft prints it: the lines of its chains, the elements of its sets and maps."""

    chains: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sets: Mapping[str, Collection[str]] = field(default_factory=dict)


def of_tables(wanted: Mapping[str, str], present: Mapping[str, str], shared: str) -> list[Difference]:
    """Compare nftables tables (`family name`) by their listings; in the shared one others may have more."""
    return [
        one
        for table, listing in wanted.items()
        for one in _of_table(table, listing, present.get(table))
        if table != shared or one.fault is not Fault.SURPLUS
    ]


def _of_table(table: str, wanted: str, present: str | None) -> Iterator[Difference]:
    if present is None:
        yield Difference(place="nftables", text=f"table {table}", fault=Fault.MISSING)
        return
    should, stands = _parsed(wanted), _parsed(present)
    for kind, ours, theirs in (("chain", should.chains, stands.chains), ("set", should.sets, stands.sets)):
        for name in (*ours, *(name for name in theirs if name not in ours)):
            if name not in theirs or name not in ours:
                fault = Fault.SURPLUS if name in theirs else Fault.MISSING
                yield Difference(place=f"table {table}", text=f"{kind} {name}", fault=fault)
    for name in should.chains.keys() & stands.chains.keys():
        yield from _of_lines(f"table {table} chain {name}", should.chains[name], stands.chains[name])
    for name in should.sets.keys() & stands.sets.keys():
        yield from _of_elements(table, name, set(should.sets[name]), set(stands.sets[name]))


def _of_lines(place: str, wanted: Sequence[str], present: Sequence[str]) -> Iterator[Difference]:
    missing, surplus = Counter(wanted) - Counter(present), Counter(present) - Counter(wanted)
    for lines, fault in ((missing, Fault.MISSING), (surplus, Fault.SURPLUS)):
        for line in lines.elements():
            yield Difference(place=place, text=line, fault=fault)
    if not missing and not surplus:
        for should, stands in zip(wanted, present, strict=True):
            if should != stands:
                yield Difference(place=place, text=stands, fault=Fault.MISPLACED)
                return


def _of_elements(table: str, name: str, wanted: set[str], present: set[str]) -> Iterator[Difference]:
    sides = ((wanted - present, Fault.MISSING, "add"), (present - wanted, Fault.SURPLUS, "delete"))
    for elements, fault, verb in sides:
        for element in sorted(elements):
            cure = f"nft {verb} element {table} {name} '{{ {element} }}'"
            yield Difference(place=f"table {table} set {name}", text=element, fault=fault, cure=cure)


def _parsed(listing: str) -> _Table:
    chains: dict[str, Sequence[str]] = {}
    sets: dict[str, Collection[str]] = {}
    for kind, name, body in _MEMBER.findall(listing):
        if kind == "chain":
            chains[name] = [line.strip() for line in body.splitlines() if line.strip()]
        else:
            found = _ELEMENTS.search(body)
            sets[name] = [one for part in found[1].split(",") if (one := " ".join(part.split()))] if found else []
    return _Table(chains, sets)


def of_iptables(
    program: str, table: str, missing: Iterable[tuple[str, bool]], surplus: Iterable[str]
) -> list[Difference]:
    """Return the differences of a table of iptables: lines of iptables-save that lack or are too many.

    With a line that lacks comes whether it belongs first in its chain. One that both lacks and is too many stands in
    the wrong place.
    """
    lacking, too_many = dict(missing), Counter(surplus)
    found = []
    for line, first in lacking.items():
        if too_many[line]:
            too_many[line] -= 1
            found.append(_of_line(program, table, line, Fault.MISPLACED, REPAIR))
            continue
        chain, rule = _split(line)
        cure = f"{program} -t {table} {f'-I {chain} 1' if first else f'-A {chain}'} {rule}"
        found.append(_of_line(program, table, line, Fault.MISSING, cure))
    for line in too_many.elements():
        chain, rule = _split(line)
        found.append(_of_line(program, table, line, Fault.SURPLUS, f"{program} -t {table} -D {chain} {rule}"))
    return found


def lacking_chain(program: str, table: str, chain: str) -> Difference:
    """Return the difference that a chain of iptables makes that is not there."""
    return Difference(place=f"{program} table {table}", text=f"chain {chain}", fault=Fault.MISSING)


def _of_line(program: str, table: str, line: str, fault: Fault, cure: str) -> Difference:
    return Difference(place=f"{program} table {table} chain {_split(line)[0]}", text=line, fault=fault, cure=cure)


def _split(line: str) -> tuple[str, str]:
    """Return the chain and the rule of a line of iptables-save."""
    _, chain, rule = line.split(" ", 2)
    return chain, rule
