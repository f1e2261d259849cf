"""The upkeep of a whole engine: networks and containers together."""

from collections.abc import Sequence

from netwright.containers.upkeep import Upkeep
from netwright.model.difference import Difference


def difference(what: str) -> Difference:
    return Difference(subject="nobody", what=what, cure="take it away")


BRIDGE, PROCESS, PASSING = difference("a bridge"), difference("a process"), difference("what a removal takes away")


class FakeNetwork:
    def __init__(self, *wrong: Difference, incurable: Sequence[Difference] = ()) -> None:
        self.wrong = [*wrong, *incurable]
        self.incurable = incurable

    async def check(self) -> Sequence[Difference]:
        return self.wrong

    async def repair(self) -> Sequence[Difference]:
        before, self.wrong = self.wrong, list(self.incurable)
        return before


class FakeContainers:
    def __init__(self, *looks: Sequence[Difference]) -> None:
        self.looks = list(looks)

    async def strays(self) -> Sequence[Difference]:
        return self.looks.pop(0) if self.looks else ()

    async def sweep(self) -> Sequence[Difference]:
        return self.looks.pop(0) if self.looks else ()


async def test_a_check_tells_of_both_and_of_nothing_that_passes() -> None:
    upkeep = Upkeep(FakeNetwork(BRIDGE), FakeContainers([PROCESS, PASSING], [PROCESS]))

    assert await upkeep.check() == [BRIDGE, PROCESS]


async def test_a_repair_tells_what_it_has_mended_and_what_is_left() -> None:
    left = difference("a stranger")
    repaired = await Upkeep(FakeNetwork(BRIDGE, incurable=[left]), FakeContainers([PROCESS])).repair()

    assert repaired.mended == (BRIDGE, PROCESS)
    assert repaired.left == (left,)
