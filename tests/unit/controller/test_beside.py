"""What the layer above does beside a change is a part of it: done with it, or taken back with it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import pytest
from tests.unit.controller.changes import Change, connect, disconnect
from tests.unit.controller.world import World, differences, named

from netwright.controller.api import Attachment
from netwright.controller.engine import NetworkEngine
from netwright.errors import NetwrightError, SystemFailure, TeardownFailed
from netwright.model.network import EndpointSpec

FULL = "the disk is full"


class Aside:
    """Notes what it is asked for; it takes some turns, and may fail after them."""

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails
        self.made: list[list[str]] = []
        self.taken_back = 0
        self.begun = asyncio.Event()

    def make(self, shape: Sequence[Attachment]) -> Awaitable[None]:
        self.made.append([item.network.name for item in shape])
        self.begun.set()
        return self._settled()

    async def _settled(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        if self._fails:
            raise SystemFailure(FULL)

    async def take_back(self) -> None:
        self.taken_back += 1


Act = Callable[[NetworkEngine, Aside], Coroutine[object, object, object]]


def joining(engine: NetworkEngine, aside: Aside) -> Coroutine[object, object, object]:
    return engine.sandboxes.connect(named(engine, "web").id, "red", EndpointSpec(), beside=aside)


def leaving(engine: NetworkEngine, aside: Aside) -> Coroutine[object, object, object]:
    return engine.sandboxes.disconnect(named(engine, "web").id, "red", force=False, beside=aside)


JOINING = (joining, Change(connect("red"), is_open=True), ["blue", "red"])
LEAVING = (leaving, Change(disconnect("red"), is_open=True, joined=("blue", "red")), ["blue"])
BOTH = pytest.mark.parametrize(("act", "change", "shape"), [JOINING, LEAVING], ids=["connect", "disconnect"])


async def pair(origin: World) -> tuple[World, World]:
    """Return a world in which nothing will happen, and one in which something will."""
    before, world = origin.copy(), origin.copy()
    await before.live()
    await world.live()
    return before, world


@BOTH
async def test_it_is_done_once_for_the_endpoints_that_there_are_to_be(
    act: Act, change: Change, shape: list[str]
) -> None:
    _, world = await pair(await change.world())
    aside = Aside()

    await act(world.engine, aside)

    assert (aside.made, aside.taken_back) == ([shape], 0)


@BOTH
async def test_where_it_fails_so_does_the_change_and_leaves_nothing(act: Act, change: Change, shape: list[str]) -> None:
    before, world = await pair(await change.world())
    aside = Aside(fails=True)

    with pytest.raises(SystemFailure, match=FULL):
        await act(world.engine, aside)

    assert aside.taken_back == 1
    assert differences(before.seen(), world.seen()) == []
    assert world.events == before.events


@BOTH
async def test_it_is_taken_back_with_a_change_that_fails(act: Act, change: Change, shape: list[str]) -> None:
    origin = await change.world()
    begun = 0
    for number in itertools.count(1):
        before, world = await pair(origin)
        aside, world.steps.fail_at = Aside(), world.steps.count + number
        try:
            await act(world.engine, aside)
        except TeardownFailed:  # it stands, and what is left over of the former shape is told
            assert aside.taken_back == 0
        except NetwrightError:
            begun += bool(aside.made)
            assert aside.taken_back >= len(aside.made)
            assert differences(before.seen(), world.seen()) == []
        else:
            break
    assert begun > 1
    assert (len(aside.made), aside.taken_back) == (1, 0)


@BOTH
async def test_it_is_taken_back_with_a_change_that_is_cancelled(act: Act, change: Change, shape: list[str]) -> None:
    before, world = await pair(await change.world())
    aside = Aside()
    work = asyncio.ensure_future(act(world.engine, aside))
    await aside.begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert aside.taken_back == 1
    assert differences(before.seen(), world.seen()) == []


async def test_nothing_is_done_beside_a_change_of_a_closed_sandbox() -> None:
    world = await Change(connect("red")).world()
    aside = Aside()

    await joining(world.engine, aside)

    assert (aside.made, aside.taken_back) == ([], 0)
