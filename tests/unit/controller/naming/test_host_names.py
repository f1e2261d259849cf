"""What the host may ask of containers, through changes and restarts; and that systemd-resolved follows."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.fakes.resolved import FakeResolved
from tests.unit.controller.world import SETTINGS, World, give_turns, network

from netwright.controller.engine import NetworkEngine
from netwright.controller.naming import link_dns
from netwright.controller.naming.names import NameRules
from netwright.errors import Conflict, InvalidInput, OperationFailed
from netwright.host.notices import LinkDown
from netwright.host.ops import SetNameView, StopNames
from netwright.model.listener import Listener

LISTENER, OTHER, IPV6 = map(Listener.parse, ("127.0.0.153", "127.0.0.154:5353", "::1"))
BRIDGE = "com.docker.network.bridge.name"
ENOUGH = 200
"""Turns of the event loop in which everything that was begun is done."""


def asking(*listeners: Listener, former: World | None = None) -> World:
    """Return a world whose host asks at some addresses, going on from another world."""
    world = former or World()
    world.settings = replace(SETTINGS, host_names=listeners)
    return world


async def started(world: World, resolved: FakeResolved) -> NetworkEngine:
    engine = await world.live()
    engine.link_dns.use(resolved)
    engine.link_dns.start()
    await give_turns(ENOUGH)
    return engine


async def make(engine: NetworkEngine, name: str) -> None:
    """Make a network whose bridge has its name."""
    await engine.networks.create(network(name, options={BRIDGE: name.replace("_", "-")}))
    await give_turns(ENOUGH)


@pytest.fixture
def resolved() -> FakeResolved:
    return FakeResolved()


@pytest.fixture
async def world(resolved: FakeResolved) -> AsyncIterator[World]:
    """Give a world whose host asks, with a network `blue`."""
    world = asking(LISTENER)
    await make(await started(world, resolved), "blue")
    yield world
    world.engine.close()


def seen(world: World, listener: Listener = LISTENER) -> list[str] | None:
    """Return the networks that the host is told of."""
    view = world.machine.zone.views.get(listener.place)
    return None if view is None else [joined.name for joined in view.networks]


def led(world: World, resolved: FakeResolved) -> dict[str, tuple[str, ...]]:
    """Return the domains that links lead to us."""
    links = world.machine.home.links
    return {links[index].name: domains for index, (_, domains) in resolved.led.items() if index in links}


def number(world: World, name: str) -> int:
    return world.machine.home.link(name).index


async def test_the_host_is_told_of_all_networks_with_names_and_asks_nobody_else(world: World) -> None:
    await make(world.engine, "green")
    assert seen(world) == ["blue", "green"]
    view = world.machine.zone.views[LISTENER.place]
    assert view.outside
    assert not view.egress

    await world.engine.networks.remove("blue")

    assert seen(world) == ["green"]


async def test_the_default_bridge_is_one_of_them_where_it_has_names() -> None:
    world = asking(LISTENER)
    world.settings = replace(world.settings, names=NameRules(default_bridge=True))
    await world.live()

    assert seen(world) == ["bridge"]


async def test_a_restart_changes_nothing_and_another_address_takes_the_place_of_the_first(world: World) -> None:
    await world.live()
    assert seen(world) == ["blue"]

    await asking(OTHER, former=world).live()
    assert (seen(world), seen(world, OTHER)) == (None, ["blue"])

    await asking(former=world).live()
    assert (seen(world), seen(world, OTHER)) == (None, None)


async def test_several_addresses_see_the_same_and_come_and_go_one_by_one(world: World, resolved: FakeResolved) -> None:
    both = asking(LISTENER, IPV6, LISTENER, former=world)
    await make(await started(both, resolved), "green")
    assert seen(both) == seen(both, IPV6) == ["blue", "green"]
    assert [led for led, _ in resolved.led.values()] == [(LISTENER, IPV6)] * 2

    await started(asking(IPV6, former=both), resolved)
    assert (seen(both), seen(both, IPV6)) == (None, ["blue", "green"])
    assert [led for led, _ in resolved.led.values()] == [(IPV6,)] * 2


async def test_an_address_that_is_not_answered_is_a_difference_that_names_it_and_is_cured(world: World) -> None:
    both = asking(LISTENER, IPV6, former=world)
    engine = await both.live()
    await both.host.do([StopNames(netns=IPV6.place)])

    found = await engine.diagnosis.check()
    assert [(one.subject, one.what) for one in found] == [("the host at [::1]:53", "names are not answered in it")]
    await engine.diagnosis.repair()

    assert seen(both) == seen(both, IPV6) == ["blue"]


async def test_what_the_host_would_be_told_is_asked_where_it_is_answered(world: World) -> None:
    both = asking(LISTENER, IPV6, former=world)
    questions = (await both.live()).name_questions
    said = await questions.explain_to_host("nobody.blue", "A")
    assert (said.source, said.told) == ("nowhere", ())
    with pytest.raises(InvalidInput, match="no type X"):
        await questions.explain_to_host("web.blue", "X")

    await both.host.do([StopNames(netns=LISTENER.place)])
    assert await questions.explain_to_host("nobody.blue", "A") == said
    await both.host.do([StopNames(netns=IPV6.place)])
    with pytest.raises(Conflict, match=r"not answered at 127\.0\.0\.153:53 and \[::1\]:53: .* netwright repair tries"):
        await questions.explain_to_host("nobody.blue", "A")


async def test_where_the_host_is_not_to_ask_it_is_said_how_it_could(world: World) -> None:
    questions = (await asking(former=world).live()).name_questions
    with pytest.raises(Conflict, match=r"start the engine with --host-names .* or ask .* --from"):
        await questions.explain_to_host("web.blue", "A")


async def test_what_could_not_be_told_is_told_with_the_next_change(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = World(world.settings, world.machine, world.rows)
    engine = await broken.live()
    real = broken.host._carry
    broken.host._carry = {**real, SetNameView: refuse}
    await make(engine, "green")
    broken.host._carry = real
    assert seen(world) == ["blue"]
    assert "the host is not answered names as it should be" in caplog.text

    await make(engine, "red")

    assert seen(world) == ["blue", "green", "red"]


def refuse(_: SetNameView) -> None:
    raise OperationFailed("no")


async def test_a_link_leads_its_networks_own_domains_to_us_while_the_network_lives(
    world: World, resolved: FakeResolved
) -> None:
    await make(world.engine, "app_default")

    assert led(world, resolved) == {
        "blue": ("blue.docker.internal",),
        "app-default": ("app_default.docker.internal", "app_default"),
    }
    assert {servers for servers, _ in resolved.led.values()} == {(LISTENER,)}

    calls = resolved.calls
    await world.engine.networks.remove("app_default")
    await give_turns(ENOUGH)

    assert "app-default" not in led(world, resolved)
    assert resolved.calls == calls, "a link that is gone has nothing to be told of"


async def test_a_bridge_of_somebody_else_keeps_what_its_owner_has_set(world: World, resolved: FakeResolved) -> None:
    resolved.led[number(world, "stranger")] = ((OTHER,), ("corp.example",))
    await world.engine.networks.create(network("guest", options={BRIDGE: "stranger"}))
    await give_turns(ENOUGH)
    assert seen(world) == ["blue", "guest"]
    assert led(world, resolved) == {"blue": ("blue.docker.internal",), "stranger": ("corp.example",)}

    await started(asking(former=world), resolved)

    assert led(world, resolved) == {"stranger": ("corp.example",)}


async def test_one_that_comes_later_or_again_is_told_of_all(world: World, resolved: FakeResolved) -> None:
    resolved.go()
    await make(world.engine, "green")
    resolved.come()
    await give_turns(ENOUGH)

    assert led(world, resolved).keys() == {"blue", "green"}


async def test_a_link_that_is_refused_keeps_back_no_other_and_is_tried_again(
    world: World, resolved: FakeResolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_dns, "RETRY", 0.0)
    resolved.refuses = {number(world, "blue")}
    resolved.come()
    await make(world.engine, "green")
    assert led(world, resolved).keys() == {"green"}

    resolved.refuses.clear()
    await give_turns(ENOUGH)

    assert led(world, resolved).keys() == {"blue", "green"}


async def test_a_link_that_is_made_anew_is_told_of_anew(
    world: World, resolved: FakeResolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_dns, "HEALED", 0.0)
    resolved.led.clear()
    world.engine.link_dns.hear(LinkDown("blue"))
    world.engine.link_dns.hear(LinkDown("stranger"))
    await give_turns(ENOUGH)

    assert led(world, resolved).keys() == {"blue"}


async def test_where_the_host_asks_no_more_links_lead_nothing_to_us_and_those_of_others_stay(
    world: World, resolved: FakeResolved
) -> None:
    stranger = number(world, "stranger")
    resolved.led[stranger] = ((OTHER,), ("corp.example",))
    await started(asking(former=world), resolved)

    assert set(resolved.led) == {stranger}

    resolved.calls = 0
    await started(asking(former=world), resolved)
    assert resolved.calls == 0, "nobody who has never asked for it has to do with systemd-resolved"


async def test_an_uninstall_takes_it_back(world: World, resolved: FakeResolved) -> None:
    await world.engine.uninstall()

    assert resolved.led == {}
