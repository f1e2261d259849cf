"""What is told of iptables-legacy, whose changes no message tells."""

import asyncio
import subprocess
from collections.abc import Iterator

import pytest
from tests.kernel.firewall_lab import namespace

from netwright.host.notices import Notice, Place, RulesChanged
from netwright.kernel.legacy_feed import LegacyFeed, stands_on_old_tables

pytestmark = pytest.mark.kernel

PATIENCE = 10.0


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """Give each test a namespace of its own."""
    with namespace():
        yield


def run(*words: str) -> None:
    subprocess.run(words, check=True)


async def told(feed: LegacyFeed, *words: str) -> frozenset[Place]:
    """Return what is told once a command has run."""
    heard: asyncio.Queue[Notice] = asyncio.Queue()
    feed.start(heard.put_nowait)
    try:
        await asyncio.to_thread(run, *words)
        notice = await asyncio.wait_for(heard.get(), PATIENCE)
    finally:
        feed.close()
    assert isinstance(notice, RulesChanged)
    return notice.places


@pytest.mark.parametrize(("program", "family"), [("iptables-legacy", "ip"), ("ip6tables-legacy", "ip6")])
@pytest.mark.parametrize("change", ["-F FORWARD", "-A INPUT -j ACCEPT", "-N MINE"])
async def test_rules_and_chains_that_come_and_go_are_told(program: str, family: str, change: str) -> None:
    run(program, "-A", "FORWARD", "-j", "ACCEPT")
    places = await told(LegacyFeed(used=lambda: True), program, *change.split())
    assert places == {Place(f"{family} filter", lost=True)}


async def test_a_table_that_is_made_is_told_and_others_are_not() -> None:
    run("iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT")
    places = await told(LegacyFeed(used=lambda: True), "iptables-legacy", "-t", "nat", "-N", "MINE")
    assert places == {Place("ip nat", lost=True)}


async def test_where_iptables_stands_on_nftables_nothing_is_asked() -> None:
    assert not stands_on_old_tables()
    feed = LegacyFeed()
    feed.start(lambda _: None)
    assert not feed._sockets
    feed.close()
