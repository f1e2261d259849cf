"""nftables as far as the engine uses it: tables, chains as lists of rules, sets and maps with their elements."""

import functools
import re
from dataclasses import dataclass, field

from netwright.errors import OperationFailed

_BLOCK = re.compile(r"^table (\w+) (\S+) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r"^\t(set|map|chain) (\S+) \{(?:([^\n]*)\}|\n(.*?)^\t\})$", re.MULTILINE | re.DOTALL)


@dataclass
class Table:
    """A table: the rules of its chains, and the elements of its sets and maps with what they lead to."""

    chains: dict[str, list[str]] = field(default_factory=dict)
    sets: dict[str, dict[str, str]] = field(default_factory=dict)

    def copy(self) -> "Table":
        return Table(
            {name: list(rules) for name, rules in self.chains.items()},
            {name: dict(elements) for name, elements in self.sets.items()},
        )

    def listing(self, name: str) -> str:
        """Return the table as nft prints it."""
        lines = [f"table {name} {{"]
        for own, elements in self.sets.items():
            lines.append(f"\tset {own} {{")
            shown = ", ".join(f"{key} : {value}" if value else key for key, value in sorted(elements.items()))
            lines.extend([f"\t\telements = {{ {shown} }}"] if elements else [])
            lines.append("\t}")
        for chain, rules in self.chains.items():
            lines.extend((f"\tchain {chain} {{", *(f"\t\t{rule}" for rule in rules), "\t}"))
        return "\n".join((*lines, "}", ""))


@dataclass
class Nftables:
    """All tables, by `family name`."""

    tables: dict[str, Table] = field(default_factory=dict)

    def run(self, commands: str) -> None:
        """Carry out commands as one transaction: all or none."""
        staged = Nftables({name: table.copy() for name, table in self.tables.items()})
        for command in _split(commands):
            staged.carry_out(command)
        self.tables = staged.tables

    def carry_out(self, command: str) -> None:
        if block := _BLOCK.fullmatch(command):
            table = self.tables.setdefault(f"{block[1]} {block[2]}", Table())
            for kind, name, content in _members(block[3]):
                if kind == "chain":
                    table.chains.setdefault(name, []).extend(content)
                else:
                    table.sets.setdefault(name, {})
            return
        verb, kind, family, name, *rest = command.split(None, 5)
        if kind == "table":
            self._table(verb, f"{family} {name}")
            return
        if (found := self.tables.get(f"{family} {name}")) is None:
            raise _refused("No such file or directory", command)
        _in_table(found, (verb, kind), rest, command)

    def _table(self, verb: str, name: str) -> None:
        if verb == "add":
            self.tables.setdefault(name, Table())
        elif self.tables.pop(name, None) is None:
            raise _refused("No such file or directory", f"{verb} table {name}")


def _in_table(table: Table, what: tuple[str, str], rest: list[str], command: str) -> None:
    name, text = rest[0], rest[1] if len(rest) > 1 else ""
    match what:
        case ("add", "set" | "map"):
            table.sets.setdefault(name, {})
        case ("delete", "set") if name in table.sets:
            del table.sets[name]
        case ("add", "chain"):
            table.chains.setdefault(name, [])
        case ("flush", "chain") if name in table.chains:
            table.chains[name].clear()
        case ("add", "rule") if name in table.chains:
            table.chains[name].append(text)
        case ("add" | "delete", "element") if name in table.sets:
            _element(table.sets[name], what[0], text, command)
        case _:
            raise _refused("No such file or directory", command)


def _element(elements: dict[str, str], verb: str, text: str, command: str) -> None:
    for item in text.strip("{ }").split(", "):
        key, _, value = (part.strip() for part in item.partition(" : "))
        if verb == "add":
            if elements.setdefault(key, value) != value:
                raise _refused("File exists", command)
        elif elements.pop(key, None) is None:
            raise _refused("No such file or directory", command)


@functools.lru_cache
def _split(commands: str) -> list[str]:
    """Return commands one by one; a block is one."""
    found = []
    place = 0
    for block in _BLOCK.finditer(commands):
        found.extend(commands[place : block.start()].splitlines())
        found.append(block[0])
        place = block.end()
    found.extend(commands[place:].splitlines())
    return [command for command in found if command.strip()]


@functools.lru_cache
def _members(body: str) -> list[tuple[str, str, list[str]]]:
    return [
        (member[1], member[2], [line.strip() for line in (member[4] or "").splitlines() if line.strip()])
        for member in _MEMBER.finditer(body)
    ]


def _refused(reason: str, command: str) -> OperationFailed:
    return OperationFailed(f"nftables refused a transaction: {reason}\n{command}")
