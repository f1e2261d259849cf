"""iptables as far as the engine uses it: tables of chains of rules, changed by texts for iptables-restore."""

from dataclasses import dataclass, field

from netwright.errors import OperationFailed

_BUILT_IN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}
_Chains = dict[str, list[str]]


def _fresh() -> dict[str, _Chains]:
    return {table: {chain: [] for chain in chains} for table, chains in _BUILT_IN.items()}


@dataclass
class Iptables:
    """The tables of one IP version."""

    tables: dict[str, _Chains] = field(default_factory=_fresh)

    def restore(self, text: str) -> None:
        """Carry out a text; each table as a whole or not at all."""
        table, staged = "", {}
        for line in filter(None, text.splitlines()):
            if line.startswith("*"):
                table = line[1:]
                staged = {chain: list(rules) for chain, rules in self.tables[table].items()}
            elif line == "COMMIT":
                self.tables[table] = staged
            else:
                _carry_out(staged, line)

    def save(self, table: str) -> str:
        """Return what iptables-save prints."""
        chains = self.tables[table]
        heads = [f":{chain} {'ACCEPT' if chain in _BUILT_IN[table] else '-'} [0:0]" for chain in chains]
        rules = [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
        return "\n".join((f"*{table}", *heads, *rules, "COMMIT", ""))


def _carry_out(chains: _Chains, line: str) -> None:
    if line.startswith(":"):
        chains[line[1:].split(maxsplit=1)[0]] = []
        return
    verb, chain, *rest = line.split(None, 2)
    rule = rest[0] if rest else ""
    if verb == "-N" and chain not in chains:
        chains[chain] = []
        return
    if chain not in chains:
        raise OperationFailed(f"iptables-restore ended with 1: no chain {chain}: {line}")
    match verb:
        case "-A":
            chains[chain].append(rule)
        case "-I":
            chains[chain].insert(0, rule.removeprefix("1 "))
        case "-D" if rule in chains[chain]:
            chains[chain].remove(rule)
        case "-F":
            chains[chain].clear()
        case "-X" if not chains[chain] and not _is_named(chains, chain):
            del chains[chain]
        case _:
            raise OperationFailed(f"iptables-restore ended with 1: {line}")


def _is_named(chains: _Chains, chain: str) -> bool:
    return any(rule.endswith(f"-j {chain}") for rules in chains.values() for rule in rules)
