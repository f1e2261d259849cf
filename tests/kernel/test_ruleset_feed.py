"""News of nftables and iptables, in a namespace: what others change is told with its place, what we change is not."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.kernel.ear import Ear
from tests.kernel.firewall_lab import namespace

from netwright.host.notices import NoticesMissed, Place, RulesChanged
from netwright.kernel import iptables
from netwright.kernel.nft import Nft
from netwright.kernel.own_processes import OwnProcesses
from netwright.kernel.ruleset_feed import RulesetFeed

pytestmark = pytest.mark.kernel

TABLE = """add table inet ours
add set inet ours held { type inet_service; }
add chain inet ours forward { type filter hook forward priority 0; }"""
LAST = Place("ip last")


@dataclass
class Scene:
    """A feed, who listens to it, and the hands of the engine."""

    ear: Ear
    nft: Nft
    own: OwnProcesses

    async def told(self) -> list[frozenset[Place]]:
        """Return what was told until now: until a last table of somebody else's appears."""
        others("add table ip last")
        await self.ear.until(lambda notice: notice == RulesChanged(frozenset({LAST})))
        return [notice.places for notice in self.ear.heard if isinstance(notice, RulesChanged)][:-1]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Listen in a namespace in which a table of ours stands."""
    with namespace():
        ear, own = Ear(), OwnProcesses()
        feed = RulesetFeed(own)
        feed.start(ear.hear)
        nft = Nft()
        nft.run(TABLE)
        try:
            yield Scene(ear, nft, own)
        finally:
            feed.close()
            feed.close()


def others(commands: str) -> None:
    """Change nftables as somebody else."""
    subprocess.run(["nft", "-f", "-"], input=commands, text=True, check=True)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


async def test_what_we_change_ourselves_is_not_told(scene: Scene) -> None:
    scene.nft.run("add element inet ours held { 80, 443 }\nadd rule inet ours forward accept")
    another = Nft()
    another.run("flush chain inet ours forward")

    assert await scene.told() == []


async def test_what_others_change_is_told_with_its_place(scene: Scene) -> None:
    others("add element inet ours held { 80 }")
    others("add rule inet ours forward drop")
    others("flush chain inet ours forward")
    others("flush ruleset")

    added, ruled, flushed, gone = await scene.told()

    assert added == {Place("inet ours", "held")}
    assert ruled == {Place("inet ours", "forward")}
    assert flushed == {Place("inet ours", "forward", lost=True)}
    assert Place("inet ours", lost=True) in gone


async def test_iptables_is_told_by_the_tables_behind_it(scene: Scene) -> None:
    run("iptables", "-N", "MINE")
    run("ip6tables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")

    told = frozenset().union(*await scene.told())

    assert {Place("ip filter", "MINE"), Place("ip6 nat", "POSTROUTING")} <= told


async def test_a_program_that_we_start_is_not_told(scene: Scene) -> None:
    iptables.restore(4, "*filter\n-N OURS\n-A FORWARD -j OURS\nCOMMIT\n", scene.own.note)

    assert await scene.told() == []


async def test_a_gap_is_told() -> None:
    with namespace():
        ear, feed = Ear(), RulesetFeed(OwnProcesses(), buffer=1 << 14)
        feed.start(ear.hear)
        # The event loop reads nothing while `nft` runs.
        others("".join(f"add table inet t{number}\n" for number in range(500)))

        await ear.until(lambda notice: isinstance(notice, NoticesMissed))

        feed.close()
