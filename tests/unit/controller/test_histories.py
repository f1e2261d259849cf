"""Whatever is asked in whatever order, and whatever goes wrong: the machine is what the rows say.

After every step the whole world is compared with one that a new engine makes of the same rows on a fresh machine.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.steps import Steps
from tests.unit.controller.world import World, differences, give_turns, network, port, sandbox

from netwright.controller.engine import NetworkEngine
from netwright.errors import NetwrightError
from netwright.model.names import Id
from netwright.model.network import EndpointSpec
from netwright.model.ports import Protocol

NETWORKS = st.sampled_from(["bridge", "blue", "red", "inner"])
SANDBOXES = st.sampled_from(["web", "db"])
PORTS = (port(80, 8080), port(443), port(53, protocol=Protocol.UDP))


class Trouble(Enum):
    """What goes wrong at a step of what is asked."""

    NONE = auto()
    FAILURE = auto()
    CRASH = auto()
    CANCELLATION = auto()


@dataclass(frozen=True)
class Asked:
    """One thing that is asked, and what goes wrong at which of its steps."""

    what: str
    sandbox: str
    network: str
    trouble: Trouble
    step: int


ASKED = st.builds(
    Asked,
    what=st.sampled_from(
        ["create", "remove", "reserve", "open", "open", "close", "delete", "connect", "connect", "disconnect", "rename"]
    ),
    sandbox=SANDBOXES,
    network=NETWORKS,
    trouble=st.sampled_from(Trouble),
    step=st.integers(1, 30),
)


async def carry_out(engine: NetworkEngine, asked: Asked) -> None:
    """Ask one thing of an engine. Raises NetwrightError where it makes no sense now."""
    identity = next((found.id for found in engine.sandboxes.list() if found.name == asked.sandbox), Id("none"))
    match asked.what:
        case "create":
            await engine.networks.create(network(asked.network, internal=asked.network == "inner"))
        case "remove":
            await engine.networks.remove(asked.network)
        case "reserve" if identity == "none":
            await engine.sandboxes.create(sandbox(asked.sandbox, asked.network, ports=PORTS[asked.step % 3 :]))
        case "open":
            await engine.sandboxes.open(identity)
        case "close":
            await engine.sandboxes.close(identity)
        case "delete":
            await engine.sandboxes.delete(identity)
        case "connect":
            spec = EndpointSpec(gateway_priority=asked.step % 3)
            await engine.sandboxes.connect(identity, asked.network, spec)
        case "disconnect":
            await engine.sandboxes.disconnect(identity, asked.network, force=False)
        case "rename":
            await engine.sandboxes.rename(identity, asked.sandbox)


async def live_through(asked: Asked, world: World) -> None:
    """Ask one thing and let it go wrong; an engine that has died, or has left something, is followed by another."""
    if asked.trouble is Trouble.FAILURE:
        world.steps.fail_at = world.steps.count + asked.step
    if asked.trouble is Trouble.CRASH:
        world.steps.crash_at = world.steps.count + asked.step
    task = asyncio.ensure_future(carry_out(world.engine, asked))
    if asked.trouble is Trouble.CANCELLATION:
        await give_turns(asked.step)
        task.cancel()
    await asyncio.wait([task])
    failure = None if task.cancelled() else task.exception()
    world.steps.fail_at = world.steps.crash_at = 0
    # It may have died of something that goes on in the background, whatever became of what was asked.
    if world.steps.dead or (asked.trouble is Trouble.FAILURE and failure is not None):
        await world.live(Steps())
    elif failure is not None:
        assert isinstance(failure, NetwrightError), failure


async def history(all_asked: list[Asked]) -> None:
    world = World()
    await world.live()
    # The host forwards IPv6 from its first network with it on, whatever becomes of that.
    await world.engine.networks.create(network("first"))
    await world.engine.networks.remove("first")
    for asked in all_asked:
        await live_through(asked, world)
        assert differences((await world.rebuilt()).seen(), world.seen()) == [], asked


@settings(max_examples=15, deadline=None)
@given(st.lists(ASKED, min_size=1, max_size=12))
def test_the_machine_is_what_the_rows_say_after_every_step_of_any_history(all_asked: list[Asked]) -> None:
    asyncio.run(history(all_asked))
