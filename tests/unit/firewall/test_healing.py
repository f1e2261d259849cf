"""What a backend puts back after a damage: all that is ours where it was touched, and nothing where it was not."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.iptables import Iptables
from tests.unit.firewall.shapes import DOCKER0, SHAPES, Shape, port

from netwright.firewall.api import Backend, Damage, FirewallSettings, Listings
from netwright.firewall.intent import Intent
from netwright.firewall.iptables import IptablesBackend
from netwright.firewall.nftables import NftablesBackend
from netwright.host.notices import Place
from netwright.host.ops import IptablesTransaction, NftTransaction, Op
from netwright.host.queries import IptablesRules

SETTINGS = FirewallSettings(instance="test")
OWN = Place("inet netwright-test", "any4", lost=True)
SHARED = "inet netwright"


class Tables:
    """iptables of both versions."""

    def __init__(self) -> None:
        self.versions = {4: Iptables(), 6: Iptables()}

    def do(self, ops: Iterable[Op]) -> None:
        for op in ops:
            if isinstance(op, IptablesTransaction):
                self.versions[op.version].restore(op.rules)

    def listings(self, wanted: Iterable[IptablesRules]) -> Listings:
        return {query: self.versions[query.version].save(query.table) for query in wanted}


def heal(backend: Backend, tables: Tables, *places: Place, intents: Iterable[Intent] = DOCKER0) -> list[Op]:
    damage = Damage(frozenset(places))
    found = tables.listings(backend.examines(damage))
    ops = list(backend.heal(damage, lambda: list(intents), found))
    tables.do(ops)
    return ops


@pytest.mark.parametrize("kind", [NftablesBackend, IptablesBackend])
def test_what_others_do_elsewhere_is_no_damage(kind: type[NftablesBackend] | type[IptablesBackend]) -> None:
    elsewhere = (Place("inet theirs", "x", lost=True), Place("ip mangle", lost=True), Place(SHARED, "bridges"))
    assert heal(kind(SETTINGS), Tables(), *elsewhere) == []


def test_a_touched_table_is_made_anew() -> None:
    backend, tables = NftablesBackend(SETTINGS), Tables()
    (whole,) = heal(backend, tables, OWN)
    assert whole == backend.install(DOCKER0, {})[0]


def test_what_engines_share_is_only_added_to() -> None:
    # Each engine hears of what the others put back: were that a change, they would keep each other busy for ever.
    (op,) = heal(NftablesBackend(SETTINGS), Tables(), Place(SHARED, "bridges", lost=True))
    assert isinstance(op, NftTransaction)
    assert all(line.startswith("add ") for line in op.commands.splitlines())
    assert 'add element inet netwright bridges { "docker0" }' in op.commands


@pytest.mark.parametrize(("chain", "again"), [("forward4", True), ("forward6", False)])
def test_only_the_own_guard_is_written_anew(chain: str, again: bool) -> None:
    backend = NftablesBackend(replace(SETTINGS, guard_forwarding4=True))
    ops = heal(backend, Tables(), Place(SHARED, chain))
    assert bool(ops) is again
    assert all(isinstance(op, NftTransaction) and "flush chain inet netwright forward4" in op.commands for op in ops)


def test_the_admin_s_chain_leads_again() -> None:
    backend, tables = NftablesBackend(SETTINGS), Tables()
    tables.do(backend.install(DOCKER0, tables.listings(backend.wants)))
    flushed = tables.versions[4]
    flushed.restore("*filter\n-F FORWARD\n-A FORWARD -i virbr0 -j ACCEPT\nCOMMIT\n")
    assert heal(backend, tables, Place("ip filter", "FORWARD", lost=True))
    assert flushed.tables["filter"]["FORWARD"] == ["-j DOCKER-USER", "-i virbr0 -j ACCEPT"]
    assert heal(backend, tables, Place("ip filter", "FORWARD", lost=True)) == []


def everywhere(backend: Backend) -> Iterable[Place]:
    return [Place(f"{'ip' if q.version == 4 else 'ip6'} {q.table}", lost=True) for q in backend.wants]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_rules_that_stand_right_are_left_alone(shape: Shape) -> None:
    backend, tables = IptablesBackend(shape.settings), Tables()
    tables.do(backend.install(DOCKER0, tables.listings(backend.wants)))
    tables.do(backend.change(add=shape.intents, remove=()))
    assert heal(backend, tables, *everywhere(backend), intents=shape.wanted) == []


DAMAGES = (
    "*filter\n-F DOCKER\nCOMMIT\n",
    "*filter\n-F FORWARD\nCOMMIT\n",
    "*filter\n-A DOCKER -j ACCEPT\nCOMMIT\n",
    "*filter\n-I FORWARD 1 -i virbr0 -j ACCEPT\nCOMMIT\n",
    "*nat\n-F DOCKER\nCOMMIT\n",
    "*nat\n-F PREROUTING\nCOMMIT\n",
    "*nat\n-F POSTROUTING\nCOMMIT\n",
    "*raw\n-F PREROUTING\nCOMMIT\n",
    "*filter\n-F DOCKER-CT\n-F DOCKER-BRIDGE\n-F DOCKER-INTERNAL\n-F DOCKER-FORWARD\nCOMMIT\n",
)


@given(damages=st.lists(st.sampled_from(DAMAGES), min_size=1), shape=st.sampled_from(SHAPES))
def test_whatever_is_done_to_our_rules_is_undone(damages: list[str], shape: Shape) -> None:
    backend, tables = IptablesBackend(shape.settings), Tables()
    wanted = (*shape.wanted, port(first=9000))
    tables.do(backend.install(wanted, tables.listings(backend.wants)))
    for damage in damages:
        tables.versions[shape.version].restore(damage)

    heal(backend, tables, *everywhere(backend), intents=wanted)

    assert heal(backend, tables, *everywhere(backend), intents=wanted) == []
    filtered = tables.versions[shape.version].tables["filter"]
    assert filtered["FORWARD"][:2] == ["-j DOCKER-USER", "-j DOCKER-FORWARD"]
    assert "-j ACCEPT" not in filtered["DOCKER"]


def test_a_gap_in_what_was_told_makes_everything_anew() -> None:
    for backend in (NftablesBackend(SETTINGS), IptablesBackend(SETTINGS)):
        ops = backend.heal(Damage(), lambda: list(DOCKER0), {})
        assert ops[0] == backend.install(DOCKER0, {})[0]
