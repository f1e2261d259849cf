"""Differences between policy and kernel: none after our own changes, each of others' told with a cure that works."""

import shlex
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence

import pytest
from tests.kernel.firewall_lab import BACKENDS, namespace
from tests.kernel.rules_lab import do, found
from tests.unit.firewall.shapes import DOCKER0, SHAPES, Shape

from netwright.firewall import comparison, forward_guard
from netwright.firewall.api import Backend, FirewallSettings
from netwright.firewall.comparison import REPAIR, Difference, Fault
from netwright.firewall.intent import Intent
from netwright.kernel.nft import Nft

pytestmark = pytest.mark.kernel

PUBLISHED = next(shape for shape in SHAPES if shape.name == "published")
OWN, BEHIND, SHARED = "inet netwright-test", "bridge netwright-test", f"inet {forward_guard.TABLE}"

both = pytest.mark.parametrize("make", BACKENDS.values(), ids=list(BACKENDS))


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """Give each test a namespace of its own."""
    with namespace():
        yield


def check(backend: Backend, intents: Collection[Intent]) -> Sequence[Difference]:
    with namespace():
        reference = Nft()
        reference.run(backend.whole(intents).commands)
        wanted = reference.listings(backend.tables)
    stands = Nft().listings(backend.tables)
    return [*comparison.of_tables(wanted, stands, SHARED), *backend.compare(intents, found(backend))]


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(shlex.split(command), check=True)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@both
def test_nothing_differs_after_changes_of_our_own(make: Callable[[FirewallSettings], Backend], shape: Shape) -> None:
    backend = make(shape.settings)
    do(backend.install(DOCKER0, found(backend)))
    assert check(backend, DOCKER0) == []
    change = backend.change(add=shape.intents, remove=())
    do(change)
    assert check(backend, shape.wanted) == []
    do([back for op in reversed(change) if (back := op.inverse()) is not None])
    assert check(backend, DOCKER0) == []


@both
def test_what_is_not_there_at_all_is_told_as_a_whole(make: Callable[[FirewallSettings], Backend]) -> None:
    backend = make(FirewallSettings(instance="test"))
    lacking = {one.text for one in check(backend, DOCKER0)}
    assert {f"table {OWN}", f"table {BEHIND}", f"table {SHARED}", "chain DOCKER-USER"} <= lacking


@both
def test_what_other_engines_have_in_the_shared_table_is_theirs(make: Callable[[FirewallSettings], Backend]) -> None:
    backend = make(FirewallSettings(instance="test"))
    do(backend.install(DOCKER0, found(backend)))
    run(f"nft add element {SHARED} bridges '{{ \"br-theirs\" }}'", f"nft add chain {SHARED} forward6")
    assert check(backend, DOCKER0) == []


NFT_DAMAGES = {
    "a port that is gone": (
        f"nft delete element {OWN} open4 '{{ 192.0.2.2 . tcp . 80 }}'",
        (f"table {OWN} set open4", Fault.MISSING),
    ),
    "a port that is not ours": (
        f"nft add element {OWN} any4 '{{ tcp . 9999 : 192.0.2.9 . 80 }}'",
        (f"table {OWN} set any4", Fault.SURPLUS),
    ),
    "a sender that is gone": (
        f"nft flush set {BEHIND} senders4",
        (f"table {BEHIND} set senders4", Fault.MISSING),
    ),
    "a rule that is gone": (f"nft flush chain {OWN} outward", (f"table {OWN} chain outward", Fault.MISSING)),
    "a rule that is not ours": (
        f"nft insert rule {OWN} inward accept",
        (f"table {OWN} chain inward", Fault.SURPLUS),
    ),
    "a chain that is not ours": (f"nft add chain {OWN} mine", (f"table {OWN}", Fault.SURPLUS)),
    "a bridge that strangers' guard forgot": (
        f"nft flush set {SHARED} bridges",
        (f"table {SHARED} set bridges", Fault.MISSING),
    ),
}


@pytest.mark.parametrize("damage", NFT_DAMAGES)
def test_a_damage_of_a_table_is_told_with_its_cure(damage: str) -> None:
    command, (place, fault) = NFT_DAMAGES[damage]
    backend = BACKENDS["nftables"](FirewallSettings(instance="test"))
    intents = (*DOCKER0, *PUBLISHED.intents)
    do(backend.install(intents, found(backend)))
    run(command)

    told = check(backend, intents)

    assert told
    assert {(one.place, one.fault) for one in told} == {(place, fault)}
    cures = [one.cure for one in told if one.cure != REPAIR]
    run(*cures)
    assert check(backend, intents) == ([] if cures else told)


IPTABLES_DAMAGES = {
    "a port that is gone": ("iptables -t nat -F DOCKER", "iptables table nat chain DOCKER", Fault.MISSING),
    "a rule that is not ours": (
        "iptables -t filter -I DOCKER -s 203.0.113.9/32 -j ACCEPT",
        "iptables table filter chain DOCKER",
        Fault.SURPLUS,
    ),
    "no masquerading": ("iptables -t nat -F POSTROUTING", "iptables table nat chain POSTROUTING", Fault.MISSING),
    "somebody before us": (
        "iptables -I FORWARD -s 203.0.113.9/32 -j ACCEPT",
        "iptables table filter chain FORWARD",
        Fault.MISPLACED,
    ),
}


@pytest.mark.parametrize("damage", IPTABLES_DAMAGES)
def test_a_damage_of_iptables_is_told_with_its_cure(damage: str) -> None:
    command, place, fault = IPTABLES_DAMAGES[damage]
    backend = BACKENDS["iptables"](FirewallSettings(instance="test"))
    intents = (*DOCKER0, *PUBLISHED.intents)
    do(backend.install(intents, found(backend)))
    run(command)

    told = check(backend, intents)

    assert told
    assert {(one.place, one.fault) for one in told} == {(place, fault)}
    cures = [one.cure for one in told if one.cure != REPAIR]
    run(*cures)
    assert check(backend, intents) == ([] if cures else told)


def test_the_admins_chain_has_to_lead() -> None:
    backend = BACKENDS["nftables"](FirewallSettings(instance="test"))
    do(backend.install(DOCKER0, found(backend)))
    run("iptables -F FORWARD")
    (lacking,) = check(backend, DOCKER0)
    assert (lacking.fault, lacking.cure) == (Fault.MISSING, "iptables -t filter -I FORWARD 1 -j DOCKER-USER")
    run(lacking.cure, "iptables -I FORWARD -j ACCEPT")
    (behind,) = check(backend, DOCKER0)
    assert behind.fault is Fault.MISPLACED
    do(backend.install(DOCKER0, found(backend)))
    assert check(backend, DOCKER0) == []
