"""Overlaps of routes and networks are told once, until one of the two goes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from netwright.controller.addresses.overlaps import Overlaps
from netwright.controller.events import NetworkEvents
from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.errors import OperationFailed
from netwright.host.notices import LinkDown, NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.ops import Op
from netwright.host.queries import Route
from netwright.model.names import new_id
from netwright.model.network import Network, Pool
from netwright.store.memory import MemoryStore
from netwright.telemetry.bus import Bus


class HostOfRoutes:
    """A machine that can be asked for its routes."""

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()
        self.asked = 0
        self.broken = False

    async def do(self, ops: Sequence[Op]) -> None:
        raise NotImplementedError

    async def ask(self, query: Any) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise OperationFailed("the listing kept changing")
        return self.routes


@dataclass
class Watch:
    """The watch with all that it works with."""

    host: HostOfRoutes = field(default_factory=HostOfRoutes)
    bus: Bus = field(default_factory=Bus)
    state: State = field(default_factory=lambda: State(MemoryStore()))

    def __post_init__(self) -> None:
        drivers = builtin(BridgeSettings(group=1))
        self.overlaps = Overlaps(
            self.state, drivers, OwnLinks(self.state, drivers), self.host, NetworkEvents(self.bus, "engine")
        )

    async def network(self, name: str, *subnets: str, driver: str = "bridge") -> Network:
        """Note a network."""
        made = Network(
            id=new_id(),
            name=name,
            driver=driver,
            created=datetime.now(UTC),
            pools=tuple(Pool(subnet=ip_network(subnet)) for subnet in subnets),
        )
        await self.state.commit(put=[made])
        return made

    @property
    def told(self) -> list[tuple[str, str]]:
        """What was told: names of networks, and routes."""
        return [(event.attributes["name"], event.attributes["route"]) for event in self.bus.recent()]


def route(destination: str, link: str = "tun0") -> Route:
    return Route(destination=ip_network(destination), gateway=None, link=link, on_link=True)


async def quiet() -> None:
    """Wait for what goes on in the background."""
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


@pytest.fixture
async def watch() -> Watch:
    """Watch over two networks."""
    watch = Watch()
    await watch.network("one", "10.1.0.0/16")
    await watch.network("two", "10.2.0.0/16", "fd00:2::/64")
    return watch


async def test_a_route_is_told_once_for_each_network_until_it_goes(watch: Watch) -> None:
    wide = route("10.0.0.0/8")
    watch.overlaps.hear(RouteAppeared(wide))
    watch.overlaps.hear(RouteAppeared(wide))
    assert watch.told == [("one", "10.0.0.0/8"), ("two", "10.0.0.0/8")]

    watch.overlaps.hear(RouteVanished(wide))
    watch.overlaps.hear(RouteAppeared(wide))
    assert len(watch.told) == 4


async def test_a_link_that_goes_down_takes_what_was_told_of_its_routes(watch: Watch) -> None:
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/24")))
    watch.overlaps.hear(LinkDown("other0"))
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/24")))
    assert len(watch.told) == 1

    watch.overlaps.hear(LinkDown("tun0"))
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/24")))
    assert len(watch.told) == 2


async def test_routes_of_our_own_bridges_are_no_strangers(watch: Watch) -> None:
    for network in watch.state.networks.values():
        bridge = f"br-{network.id[:12]}"
        watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16", bridge)))
        watch.overlaps.hear(RouteAppeared(route("10.2.0.0/16", bridge)))

    assert watch.told == []


async def test_networks_without_an_interface_of_their_own_claim_nothing(watch: Watch) -> None:
    await watch.network("none", "10.3.0.0/16", driver="null")

    watch.overlaps.hear(RouteAppeared(route("10.3.0.0/16")))

    assert watch.told == []


async def test_a_new_network_is_compared_with_the_routes_that_were_there(watch: Watch) -> None:
    routes = [route("10.1.0.0/16"), route("10.4.0.0/16")]
    late = await watch.network("late", "10.4.1.0/24")

    watch.overlaps.consider(late, routes)

    assert watch.told == [("late", "10.4.0.0/16")]


async def test_a_look_at_all_routes_tells_what_is_new_and_forgets_what_has_gone(watch: Watch) -> None:
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16")))
    watch.host.routes = (route("10.1.0.0/16"), route("fd00::/16"))
    await watch.overlaps.look()
    assert watch.told == [("one", "10.1.0.0/16"), ("two", "fd00::/16")]

    watch.host.routes = ()
    await watch.overlaps.look()
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16")))
    assert len(watch.told) == 3


async def test_what_was_missed_is_made_good_by_one_look_and_one_more_for_what_was_missed_meanwhile(
    watch: Watch,
) -> None:
    watch.host.routes = (route("10.1.0.0/16"),)
    for _ in range(100):
        watch.overlaps.hear(NoticesMissed())
    await asyncio.sleep(0)
    assert watch.host.asked == 1
    for _ in range(100):
        watch.overlaps.hear(NoticesMissed())
    await quiet()

    assert watch.told == [("one", "10.1.0.0/16")]
    assert watch.host.asked == 2


async def test_a_machine_that_cannot_be_asked_does_not_end_the_watch(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.host.broken = True
    watch.overlaps.hear(NoticesMissed())
    await quiet()
    assert "cannot be compared" in caplog.text

    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16")))
    assert watch.told == [("one", "10.1.0.0/16")]


async def test_a_network_that_is_made_anew_is_told_anew(watch: Watch) -> None:
    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16")))
    await watch.state.commit(delete=[watch.state.network("one")])
    await watch.network("one", "10.1.0.0/16")

    watch.overlaps.hear(RouteAppeared(route("10.1.0.0/16")))

    assert watch.told == [("one", "10.1.0.0/16"), ("one", "10.1.0.0/16")]
