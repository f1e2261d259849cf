"""How often others who change things all the time are looked at."""

import asyncio

from tests.unit.controller.world import World

from netwright.controller.repair import healing
from netwright.host.notices import Place, RulesChanged
from netwright.host.queries import IptablesRules

STORM = RulesChanged(frozenset((Place("ip filter", "FORWARD"),)))


async def test_a_storm_of_others_changes_is_looked_at_ever_more_seldom() -> None:
    world = World()
    engine = await world.live()
    looks: list[IptablesRules] = []
    answer = world.host._answer[IptablesRules]

    def counting(query: IptablesRules) -> object:
        looks.append(query)
        return answer(query)

    world.host._answer[IptablesRules] = counting
    loop = asyncio.get_running_loop()
    end = loop.time() + 1.5
    while loop.time() < end:
        engine.hear(STORM)
        await asyncio.sleep(0.002)
    engine.close()
    # 0.05, 0.1, 0.2, 0.4, 0.6 seconds from one to the next.
    assert 1 <= len([query for query in looks if query.version == 4]) <= 5


async def test_after_a_pause_the_first_look_comes_at_once_again() -> None:
    world = World()
    engine = await world.live()
    engine.hear(STORM)
    await engine.healing.everything()
    assert engine.healing._pause > healing.SETTLE
    engine.healing._looked -= 2 * healing.SPACING
    engine.hear(STORM)
    await asyncio.sleep(0)
    assert engine.healing._pause == healing.SETTLE
    engine.close()
