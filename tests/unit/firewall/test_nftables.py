"""The nftables backend: the fixed skeleton, and intents as elements of it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.firewall.shapes import DOCKER0, GOLDEN, SHAPES, Shape, endpoint, network, port

from netwright.firewall import docker_user, forward_guard
from netwright.firewall.api import FirewallSettings
from netwright.firewall.elements import elements_of
from netwright.firewall.intent import Intent, PortIntent, SourceSetIntent, SourcesIntent
from netwright.firewall.layer2 import bridge_table
from netwright.firewall.nftables import NftablesBackend
from netwright.firewall.skeleton import guard_table, inet_table
from netwright.host.ops import ChangeElements, IptablesTransaction, NftTransaction, Op
from netwright.host.queries import IptablesRules
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

SETTINGS = FirewallSettings(instance="test")
STRICT = replace(SETTINGS, deny_metadata=True)

_ELEMENT = re.compile(r"(add|delete) element (\S+ \S+ \S+) \{ (.*) \}")
_PLACE = re.compile(r"^table (\w+ \S+) \{$|^\t(?:set|map) (\S+) ", re.MULTILINE)


class FakeTables:
    """The elements that our commands leave in the kernel, which is as strict as the real one."""

    def __init__(self) -> None:
        self.elements: dict[str, dict[str, str]] = {}

    def do(self, ops: Iterable[Op]) -> None:
        for op in ops:
            if isinstance(op, NftTransaction):
                self._carry_out(op.commands)
            elif isinstance(op, ChangeElements):
                self._carry_out("\n".join(map(str, op.changes)))

    def _carry_out(self, commands: str) -> None:
        self._declare(commands)
        for verb, place, items in _ELEMENT.findall(commands):
            for item in items.split(", "):
                key, _, value = item.partition(" : ")
                if verb == "delete":
                    assert self.elements[place].pop(key) == value
                else:
                    assert self.elements[place].setdefault(key, value) == value, f"{place} has {key} already"

    def _declare(self, commands: str) -> None:
        table = ""
        for named, held in _PLACE.findall(commands):
            table = named or table
            if held:
                self.elements[f"{table} {held}"] = {}
        self.elements.setdefault(f"inet {forward_guard.TABLE} bridges", {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inet", inet_table("netwright-test", SETTINGS)),
        ("inet-proxied", inet_table("netwright-test", replace(SETTINGS, proxied=True))),
        ("beside-iptables", guard_table("netwright-test", SETTINGS)),
        ("bridge", bridge_table("netwright-test")),
    ],
)
def test_the_skeleton_is_fixed(name: str, text: str) -> None:
    assert text == (GOLDEN / "nftables" / f"{name}.nft").read_text()


def test_every_rule_that_decides_says_why() -> None:
    for text in (inet_table("t", STRICT), bridge_table("t"), guard_table("t", STRICT)):
        deciding = re.findall(r"^\t\t.*\b(?:drop|accept|masquerade|snat|dnat|return)\b.*$", text, re.MULTILINE)
        assert deciding
        assert [rule for rule in deciding if "comment" not in rule and "policy" not in rule] == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_element_has_its_set(shape: Shape) -> None:
    # FakeTables knows only the sets that the skeleton declares.
    FakeTables().do(NftablesBackend(shape.settings).install(shape.wanted, {}))


def _keys(name: str, *intents: Intent) -> set[str]:
    return {str(element) for element in elements_of(intents) if element.set == name}


def run(first: int, last: int, to_first: int, host_ip: str = "0.0.0.0") -> PortIntent:
    return replace(port(host_ip, first=first, to_first=to_first), last=last)


def test_a_range_that_keeps_its_numbers_is_one_element() -> None:
    wanted = run(8000, 8999, 8000)
    assert _keys("anyrange4", wanted) == {"tcp . 8000-8999 : 192.0.2.2"}
    assert _keys("openrange4", wanted) == {"192.0.2.2 . tcp . 8000-8999"}
    assert _keys("range4", run(8000, 8999, 8000, "10.0.0.1")) == {"10.0.0.1 . tcp . 8000-8999 : 192.0.2.2"}


def test_neighbouring_ports_are_one_element_however_they_were_wished_for() -> None:
    wanted = [port(first=number, to_first=number) for number in (8000, 8001, 8002, 8004)]
    assert _keys("anyrange4", *wanted) == {"tcp . 8000-8002 : 192.0.2.2"}
    assert _keys("any4", *wanted) == {"tcp . 8004 : 192.0.2.2 . 8004"}


def test_ranges_that_lead_to_overlapping_ports_open_them_once() -> None:
    assert _keys("openrange4", run(8000, 8009, 80), run(9000, 9009, 85)) == {"192.0.2.2 . tcp . 80-94"}


def test_a_shifted_range_is_an_element_for_each_port() -> None:
    assert _keys("any4", run(8000, 8002, 80)) == {f"tcp . {8000 + i} : 192.0.2.2 . {80 + i}" for i in range(3)}


def test_one_port_is_an_exact_element_whatever_its_number() -> None:
    assert _keys("any4", port(first=80)) == {"tcp . 80 : 192.0.2.2 . 80"}
    assert _keys("exact4", port("10.0.0.1", first=80)) == {"10.0.0.1 . tcp . 80 : 192.0.2.2 . 80"}


def test_a_routed_port_is_opened_and_not_translated() -> None:
    routed = next(shape for shape in SHAPES if shape.name == "routed").intents
    assert _keys("open4", *routed) == {"192.0.2.2 . tcp . 80"}
    assert {element.set for element in elements_of(routed)}.isdisjoint({"any4", "exact4", "masqueraded4", "guarded4"})


INTENTS: Sequence[Intent] = (
    *(port(first=outer, to_first=inner) for outer in (8080, 8081) for inner in (80, 81)),
    *(port("127.0.0.1", first=outer) for outer in (8080, 8082)),
    run(9000, 9009, 9000),
    run(9100, 9109, 9200),
    run(9010, 9019, 9010),
    run(9300, 9309, 9205),
    endpoint(),
    replace(endpoint(), icc=False),
    endpoint("fd00::2"),
)


def _together(intents: Iterable[Intent]) -> bool:
    """Tell whether intents can be granted together: one host port leads to one place."""
    ports = [(intent.host_ip, intent.first) for intent in intents if isinstance(intent, PortIntent)]
    return len(ports) == len(set(ports))


wishes = st.sets(st.sampled_from(INTENTS)).filter(_together)


@given(before=wishes, after=wishes)
def test_a_change_leads_where_an_installation_leads(before: set[Intent], after: set[Intent]) -> None:
    backend = NftablesBackend(SETTINGS)
    changed, fresh = FakeTables(), FakeTables()
    changed.do(backend.install((*DOCKER0, *before), {}))
    start = {place: dict(held) for place, held in changed.elements.items()}
    ops = backend.change(add=after, remove=before)
    changed.do(ops)
    fresh.do(backend.install((*DOCKER0, *after), {}))
    assert changed.elements == fresh.elements
    changed.do([back for op in reversed(ops) if (back := op.inverse()) is not None])
    assert changed.elements == start


@given(intents=wishes)
def test_the_order_of_intents_does_not_matter(intents: set[Intent]) -> None:
    backend, ordered = NftablesBackend(SETTINGS), sorted(intents, key=repr)
    assert backend.install(ordered, {}) == backend.install(ordered[::-1], {})


def test_a_change_costs_what_it_changes() -> None:
    many = [port(first=first) for first in range(1, 1001)]
    more = port(first=2000)
    (op,) = NftablesBackend(SETTINGS).change(add=[*many, more], remove=many)
    assert isinstance(op, ChangeElements)
    assert [str(change) for change in op.changes] == [
        "add element inet netwright-test any4 { tcp . 2000 : 192.0.2.2 . 80 }"
    ]
    assert [str(change) for change in op.undo] == [
        "delete element inet netwright-test any4 { tcp . 2000 : 192.0.2.2 . 80 }"
    ]


def limit(of: str, first: int, sources: str = "office,203.0.113.0/24") -> SourcesIntent:
    return SourcesIntent(
        network="n",
        bridge="bridge1",
        endpoint=of,
        protocol=Protocol.TCP,
        host_ip=ip_address("0.0.0.0"),
        first=first,
        last=first,
        sources=Sources.parse([sources]),
    )


OFFICE = SourceSetIntent(name="office", version=4, networks=(ip_network("198.51.100.0/24"),))


def test_limited_ports_of_several_come_and_go_one_by_one_wherever_they_stand() -> None:
    # Were neighbouring ports of two containers one element after a start, neither could be taken out alone.
    backend, tables = NftablesBackend(SETTINGS), FakeTables()
    web, api = [limit("web", 8080), limit("web", 8081)], [limit("api", 8082)]
    tables.do(backend.install((*DOCKER0, OFFICE, *web, *api), {}))
    tables.do(backend.change(add=(), remove=web))
    alone = FakeTables()
    alone.do(backend.install((*DOCKER0, OFFICE, *api), {}))
    assert tables.elements == alone.elements


def test_ports_that_name_a_set_point_to_it_and_are_not_written_out() -> None:
    assert _keys("anyports4.office", OFFICE, limit("web", 8080), limit("web", 8081)) == {"tcp . 8080-8081"}
    assert _keys("mayany4", OFFICE, limit("web", 8080)) == {"tcp . 8080 . 203.0.113.0/24"}
    assert _keys("members4.office", OFFICE, limit("web", 8080)) == {"198.51.100.0/24"}


def test_no_difference_is_no_transaction() -> None:
    assert not NftablesBackend(SETTINGS).change(add=[port()], remove=[port()])


def test_a_family_that_is_not_ours_is_left_alone() -> None:
    backend = NftablesBackend(replace(SETTINGS, ipv6=False))
    assert not backend.change(add=[endpoint("fd00::2")], remove=())


@pytest.mark.parametrize(
    ("listing", "lines"),
    [
        (":FORWARD ACCEPT [0:0]\n", ["-N DOCKER-USER", "-I FORWARD 1 -j DOCKER-USER"]),
        (":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n", []),
        (
            ":DOCKER-USER - [0:0]\n-A FORWARD -i virbr0 -j ACCEPT\n-A FORWARD -j DOCKER-USER\n",
            ["-D FORWARD -j DOCKER-USER", "-I FORWARD 1 -j DOCKER-USER"],
        ),
    ],
    ids=["missing", "right", "not-first"],
)
def test_the_admin_s_chain_is_made_where_it_is_missing_and_led_to_first(listing: str, lines: list[str]) -> None:
    expected = [IptablesTransaction(version=4, rules="\n".join(("*filter", *lines, "COMMIT", "")))] if lines else []
    assert docker_user.ensure({IptablesRules(4, "filter"): listing, IptablesRules(6, "filter"): None}) == expected


@pytest.mark.parametrize(
    ("listing", "removed"),
    [
        (":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n", True),
        (":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j DROP\n", False),
        (":DOCKER-USER - [0:0]\n:DOCKER-FORWARD - [0:0]\n-A FORWARD -j DOCKER-USER\n", False),
    ],
    ids=["empty", "filled", "another-engine's"],
)
def test_the_admin_s_chain_goes_when_it_is_empty_and_nobody_else_s(listing: str, removed: bool) -> None:
    assert bool(docker_user.remove({IptablesRules(4, "filter"): listing})) is removed


def test_snat_takes_the_place_of_masquerade() -> None:
    chosen = replace(network(), snat_to=ip_address("203.0.113.9"))
    assert _keys("source4", chosen) == {"192.0.2.0/24 : 203.0.113.9"}
    assert not _keys("masqueraded4", chosen)
