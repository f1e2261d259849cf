"""The iptables backend's texts, against Docker's own listings."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.firewall.shapes import (
    DOCKER0,
    SHAPES,
    TABLES,
    Rules,
    Shape,
    assert_listed,
    endpoint,
    golden,
    network,
    port,
)

from netwright.firewall.api import FirewallSettings, Listings
from netwright.firewall.intent import Intent
from netwright.firewall.iptables import MANY, IptablesBackend
from netwright.host.ops import IptablesTransaction, NftTransaction, Op
from netwright.host.queries import IptablesRules

FOREIGN = {
    "raw": ["-A PREROUTING -d 203.0.113.1/32 ! -i br-lan -j DROP", "-A PREROUTING -i eth0 -j ACCEPT"],
    "nat": [
        "-A POSTROUTING -s 10.0.0.0/8 ! -o eth0 -j MASQUERADE",
        "-A POSTROUTING -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE",
        "-A PREROUTING -p tcp -m tcp --dport 22 -j DNAT --to-destination 10.0.0.1:22",
    ],
    "filter": ["-A FORWARD -i virbr0 -j ACCEPT", "-A FORWARD -j LIBVIRT", "-A INPUT -s 203.0.113.0/24 -j DROP"],
}
"""Rules of other programs, some of the same shape as ours but for bridges that are not."""


class FakeIptables:
    """What iptables-restore --noflush makes of the texts, for one family."""

    def __init__(self, version: int, foreign: bool = False) -> None:
        self.version = version
        self.chains: dict[str, dict[str, list[str]]] = {
            "raw": {"PREROUTING": [], "OUTPUT": []},
            "nat": {"PREROUTING": [], "INPUT": [], "OUTPUT": [], "POSTROUTING": []},
            "filter": {"INPUT": [], "FORWARD": [], "OUTPUT": []},
        }
        for table, lines in FOREIGN.items() if foreign else ():
            for line in lines:
                self.chains[table][line.split()[1]].append(line)

    def do(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if isinstance(op, IptablesTransaction) and op.version == self.version:
                self._restore(op.rules)

    def _restore(self, text: str) -> None:
        table, *lines, commit = text.splitlines()
        assert commit == "COMMIT"
        chains = self.chains[table.removeprefix("*")]
        for line in lines:
            self._carry_out(chains, line)

    def _carry_out(self, chains: dict[str, list[str]], line: str) -> None:
        verb, chain, *words = line.split()
        match verb:
            case "-A":
                chains[chain].append(line)
            case "-I":
                chains[chain].insert(0, " ".join(("-A", chain, *words[1:])))
            case "-D":
                chains[chain].remove(" ".join(("-A", chain, *words)))
            case "-F":
                chains[chain].clear()
            case "-X":
                assert not chains.pop(chain)
            case _:
                assert verb.startswith(":"), line
                chains[verb[1:]] = []

    def listings(self) -> Listings:
        return {
            IptablesRules(self.version, table): "\n".join(
                (*(f":{chain} - [0:0]" for chain in chains), *(line for lines in chains.values() for line in lines))
            )
            for table, chains in self.chains.items()
        }

    def rules(self) -> Rules:
        return {table: {chain: rules for chain, rules in self.chains[table].items() if rules} for table in TABLES}

    def as_sets(self) -> dict[str, dict[str, list[str]]]:
        return {
            table: {chain: sorted(rules) for chain, rules in chains.items()} for table, chains in self.chains.items()
        }


def installed(shape: Shape, machine: FakeIptables) -> IptablesBackend:
    backend = IptablesBackend(shape.settings)
    machine.do(backend.install(shape.wanted, machine.listings()))
    return backend


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_is_listed_as_docker_lists_it(shape: Shape) -> None:
    machine = FakeIptables(shape.version)
    installed(shape, machine)
    assert_listed(shape, machine.rules())


def test_the_whole_of_two_networks_is_in_docker_s_order() -> None:
    machine = FakeIptables(4)
    installed(next(shape for shape in SHAPES if shape.name == "published"), machine)
    assert machine.rules() == golden("docker0-and-published")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_change_from_a_new_daemon_lists_the_same(shape: Shape) -> None:
    machine = FakeIptables(shape.version)
    backend = IptablesBackend(shape.settings)
    machine.do(backend.install(DOCKER0, machine.listings()))
    machine.do(backend.change(add=shape.intents, remove=()))
    assert_listed(shape, machine.rules())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_installing_again_changes_nothing(shape: Shape) -> None:
    machine = FakeIptables(shape.version, foreign=True)
    backend = installed(shape, machine)
    before = machine.rules()
    again = backend.install(shape.wanted, machine.listings())
    assert not [
        line for op in again if isinstance(op, IptablesTransaction) for line in op.rules.splitlines() if "-D" in line
    ]
    machine.do(again)
    assert machine.rules() == before


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_another_installation_clears_away_all_that_the_last_one_left(shape: Shape) -> None:
    machine = FakeIptables(shape.version, foreign=True)
    installed(shape, machine)
    fresh = FakeIptables(shape.version, foreign=True)
    for each in (machine, fresh):
        each.do(IptablesBackend(shape.settings).install((), each.listings()))
    assert machine.as_sets() == fresh.as_sets()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_uninstalling_leaves_what_others_have(shape: Shape) -> None:
    machine, untouched = FakeIptables(shape.version, foreign=True), FakeIptables(shape.version, foreign=True)
    backend = installed(shape, machine)
    machine.do(backend.uninstall(machine.listings()))
    assert machine.chains == untouched.chains
    assert not [op for op in backend.uninstall(machine.listings()) if isinstance(op, IptablesTransaction)]


def test_a_filled_docker_user_stays_with_the_jump_to_it() -> None:
    machine = FakeIptables(4)
    backend = installed(SHAPES[0], machine)
    machine.chains["filter"]["DOCKER-USER"].append("-A DOCKER-USER -j DROP")
    machine.do(backend.install(DOCKER0, machine.listings()))
    machine.do(backend.uninstall(machine.listings()))
    assert machine.rules()["filter"] == {
        "FORWARD": ["-A FORWARD -j DOCKER-USER"],
        "DOCKER-USER": ["-A DOCKER-USER -j DROP"],
    }


def test_our_jumps_come_first_again_after_somebody_has_pushed_in() -> None:
    machine = FakeIptables(4)
    backend = installed(SHAPES[0], machine)
    machine.chains["filter"]["FORWARD"].insert(0, "-A FORWARD -i virbr0 -j ACCEPT")
    machine.do(backend.install(DOCKER0, machine.listings()))
    assert machine.chains["filter"]["FORWARD"] == [
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-FORWARD",
        "-A FORWARD -i virbr0 -j ACCEPT",
    ]


def test_each_table_is_a_transaction_of_its_own() -> None:
    shape = next(shape for shape in SHAPES if shape.name == "published-on-loopback")
    change = IptablesBackend(shape.settings).change(add=shape.intents, remove=())
    texts = [op.rules for op in change if isinstance(op, IptablesTransaction)]
    assert [text.splitlines()[0] for text in texts] == ["*raw", "*nat", "*filter"]
    assert all(text.count("COMMIT") == 1 for text in texts)


def test_families_that_are_not_ours_are_left_alone() -> None:
    backend = IptablesBackend(FirewallSettings(instance="test", ipv6=False))
    ops = backend.install(DOCKER0, {})
    assert {op.version for op in ops if isinstance(op, IptablesTransaction)} == {4}
    assert {query.version for query in backend.wants} == {4}
    assert not [op for op in ops if isinstance(op, NftTransaction) and "db8:17" in op.commands]


PORTS = [port("0.0.0.0", first=outer, to_first=inner) for outer in (8080, 8081) for inner in (80, 81)]
PORTS += [port("127.0.0.1", first=9000, to_first=80)]


@given(before=st.sets(st.sampled_from(PORTS)), after=st.sets(st.sampled_from(PORTS)), proxied=st.booleans())
def test_a_change_leads_where_an_installation_leads(before: set[Intent], after: set[Intent], proxied: bool) -> None:
    backend = IptablesBackend(FirewallSettings(instance="test", proxied=proxied))
    changed, fresh = FakeIptables(4), FakeIptables(4)
    changed.do(backend.install((network(), *before), changed.listings()))
    start = changed.as_sets()
    ops = backend.change(add=after, remove=before)
    changed.do(ops)
    fresh.do(backend.install((network(), *after), fresh.listings()))
    assert changed.as_sets() == fresh.as_sets()
    changed.do([back for op in reversed(ops) if (back := op.inverse()) is not None])
    assert changed.as_sets() == start


RUNS = st.tuples(st.integers(1000, 1200), st.integers(0, 2 * MANY), st.sampled_from(["0.0.0.0", "127.0.0.1"]))


def run(first: int, count: int, host_ip: str) -> list[Intent]:
    return [port(host_ip, first=first + i, to_first=first + i) for i in range(count)]


@given(before=RUNS, after=RUNS, proxied=st.booleans())
def test_a_large_change_leads_where_a_small_one_leads(
    before: tuple[int, int, str], after: tuple[int, int, str], proxied: bool
) -> None:
    backend = IptablesBackend(FirewallSettings(instance="test", proxied=proxied))
    old, new = run(*before), run(*after)
    rewritten, edited = FakeIptables(4, foreign=True), FakeIptables(4, foreign=True)
    for machine in (rewritten, edited):
        machine.do(backend.install((*DOCKER0, network(), *old), machine.listings()))
    start = rewritten.as_sets()
    ops = backend.change(add=new, remove=old, found=rewritten.listings())
    rewritten.do(ops)
    edited.do(backend.change(add=new, remove=old))
    assert rewritten.rules() == edited.rules()
    rewritten.do([back for op in reversed(ops) if (back := op.inverse()) is not None])
    assert rewritten.as_sets() == start


def test_only_a_change_that_deletes_much_consults_a_listing() -> None:
    backend = IptablesBackend(FirewallSettings(instance="test", proxied=True))
    much, little = run(1000, MANY + 1, "0.0.0.0"), run(1000, MANY, "0.0.0.0")
    assert backend.consults(add=(), remove=much) == [IptablesRules(4, "nat"), IptablesRules(4, "filter")]
    assert not backend.consults(add=much, remove=())
    assert not backend.consults(add=(), remove=little)
    texts = [
        op.rules
        for op in backend.change(add=(), remove=much, found={IptablesRules(4, "nat"): ":DOCKER - [0:0]"})
        if isinstance(op, IptablesTransaction)
    ]
    assert ["-D" in text for text in texts] == [False, True]


def test_a_link_local_address_needs_no_guard() -> None:
    change = IptablesBackend(FirewallSettings(instance="test")).change(add=[endpoint("169.254.7.7")], remove=())
    assert not [op for op in change if isinstance(op, IptablesTransaction)]
