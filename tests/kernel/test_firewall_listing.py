"""What iptables and nft themselves show of our rules, and that nothing stays behind."""

import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.kernel.firewall_lab import BACKENDS, namespace
from tests.kernel.rules_lab import do, found
from tests.unit.firewall.shapes import DOCKER0, SHAPES, TABLES, Rules, Shape, assert_listed, by_chain, network, port

from netwright.firewall import forward_guard
from netwright.firewall.api import Backend, FirewallSettings
from netwright.firewall.iptables import IptablesBackend
from netwright.kernel import iptables
from netwright.kernel.nft import Nft

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """Give each test a namespace of its own."""
    with namespace():
        yield


def listed(version: int) -> Rules:
    program = "iptables" if version == 4 else "ip6tables"
    lines = []
    for table in TABLES:
        done = subprocess.run([program, "-t", table, "-S"], capture_output=True, text=True, check=True)
        lines += [f"*{table}", *done.stdout.splitlines()]
    return by_chain(lines)


def ruleset() -> list[str]:
    """Return the words of the whole ruleset, whatever the order of elements."""
    return sorted(Nft().listing("list ruleset").replace(",", " ").split())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_iptables_shows_what_docker_documents(shape: Shape) -> None:
    backend = IptablesBackend(shape.settings)
    do(backend.install(DOCKER0, found(backend)))
    do(backend.change(add=shape.intents, remove=()))
    assert_listed(shape, listed(shape.version))
    # And again, over what stands there.
    do(backend.install(shape.wanted, found(backend)))
    assert_listed(shape, listed(shape.version))


FOREIGN = """*filter
-A FORWARD -i virbr0 -j ACCEPT
-A INPUT -s 203.0.113.0/24 -j DROP
COMMIT
*nat
-A POSTROUTING -s 10.0.0.0/8 ! -o eth0 -j MASQUERADE
COMMIT
*raw
-A PREROUTING -d 203.0.113.1/32 ! -i br-lan -j DROP
COMMIT
"""


@pytest.mark.parametrize("make", BACKENDS.values(), ids=list(BACKENDS))
def test_uninstalling_leaves_what_others_have_and_nothing_else(make: Callable[[FirewallSettings], Backend]) -> None:
    iptables.restore(4, FOREIGN)
    Nft().run("add table inet theirs")
    before = listed(4)
    shape = next(shape for shape in SHAPES if shape.name == "published-on-loopback")
    backend = make(shape.settings)
    for _ in range(2):
        do(backend.install(shape.wanted, found(backend)))
    assert len(Nft().tables()) > 2
    do(backend.uninstall(found(backend)))
    assert listed(4) == before
    # iptables keeps its tables when they are empty; the guard is shared and goes with the last engine.
    left = {table for table in Nft().tables() if not table.startswith(("ip ", "ip6 "))}
    assert left == {"inet theirs", f"inet {forward_guard.TABLE}"}


@pytest.mark.parametrize("make", BACKENDS.values(), ids=list(BACKENDS))
def test_the_admin_s_chain_comes_first_and_is_never_flushed(make: Callable[[FirewallSettings], Backend]) -> None:
    iptables.restore(4, FOREIGN)
    backend = make(FirewallSettings(instance="test"))
    do(backend.install(DOCKER0, found(backend)))
    iptables.restore(4, "*filter\n-A DOCKER-USER -s 198.51.100.9/32 -j DROP\nCOMMIT\n")
    do(backend.install(DOCKER0, found(backend)))
    rules = listed(4)["filter"]
    assert rules["FORWARD"][0] == "-A FORWARD -j DOCKER-USER"
    assert rules["FORWARD"].count("-A FORWARD -j DOCKER-USER") == 1
    assert rules["DOCKER-USER"] == ["-A DOCKER-USER -s 198.51.100.9/32 -j DROP"]
    do(backend.uninstall(found(backend)))
    assert listed(4)["filter"]["DOCKER-USER"] == rules["DOCKER-USER"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_kernel_ends_up_alike_by_change_and_by_installation(shape: Shape) -> None:
    backend = BACKENDS["nftables"](shape.settings)
    with namespace():
        do(backend.install(shape.wanted, {}))
        installed = ruleset()
    do(backend.install(DOCKER0, {}))
    empty = ruleset()
    change = backend.change(add=shape.intents, remove=())
    do(change)
    assert ruleset() == installed
    do([back for op in reversed(change) if (back := op.inverse()) is not None])
    assert ruleset() == empty


def test_a_large_change_rewrites_our_chains_and_nothing_else() -> None:
    iptables.restore(4, FOREIGN)
    backend = IptablesBackend(FirewallSettings(instance="test", proxied=True))
    few, many = [port(first=80)], [port(first=first, to_first=first) for first in range(1000, 1200)]
    do(backend.install((network(), *few), found(backend)))
    before = listed(4)
    do(backend.change(add=many, remove=()))
    listings = {query: iptables.save(query.version, query.table) for query in backend.consults(add=(), remove=many)}
    change = backend.change(add=(), remove=many, found=listings)
    do(change)
    assert listed(4) == before
    do([back for op in reversed(change) if (back := op.inverse()) is not None])
    assert len(listed(4)["nat"]["DOCKER"]) == len(few) + len(many)


def test_iptables_that_is_not_installed_is_no_error_to_ask_and_a_clear_one_to_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert iptables.save(4, "filter") is None
    with pytest.raises(Exception, match="apt-get install iptables, or use --firewall-backend=nftables"):
        iptables.restore(4, "*filter\nCOMMIT\n")


def test_a_refused_text_is_shown_with_its_lines_numbered() -> None:
    with pytest.raises(Exception, match=r"(?s)iptables-restore.*2 -A NOWHERE -j ACCEPT"):
        iptables.restore(4, "*filter\n-A NOWHERE -j ACCEPT\nCOMMIT\n")
