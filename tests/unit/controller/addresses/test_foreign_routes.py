"""The routes of others are read once, and again after every change of them that is told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from netwright.controller.addresses.foreign_routes import ForeignRoutes
from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.host.notices import LinkDown, Notice, NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.queries import Route, Routes
from netwright.model.names import new_id
from netwright.model.network import Network
from netwright.store.memory import MemoryStore


def route(link: str) -> Route:
    return Route(destination=ip_network("10.9.0.0/16"), gateway=None, link=link, on_link=True)


@dataclass
class Machine:
    """A machine with routes, that can be asked for them; `meanwhile` happens while it is being asked."""

    routes: list[Route] = field(default_factory=lambda: [route("eth0")])
    asked: int = 0
    meanwhile: Notice | None = None

    def __post_init__(self) -> None:
        self.state = State(MemoryStore())
        self.links = OwnLinks(self.state, builtin(BridgeSettings(group=1)))
        self.foreign = ForeignRoutes(self.links, self)

    async def do(self, ops: Any) -> None:
        raise NotImplementedError

    async def ask(self, query: Any) -> Any:
        assert isinstance(query, Routes)
        self.asked += 1
        found = tuple(one for one in self.routes if one.link not in query.but_through)
        if self.meanwhile is not None:
            self.foreign.hear(self.meanwhile)
        return found

    async def network(self, bridge: str) -> Network:
        options = {"com.docker.network.bridge.name": bridge}
        made = Network(id=new_id(), name=bridge, driver="bridge", created=datetime.now(UTC), options=options)
        await self.state.commit(put=[made])
        return made


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.foreign.follow()
    return machine


async def test_what_was_read_is_kept(machine: Machine) -> None:
    first = await machine.foreign.look()
    assert await machine.foreign.look() == first == (route("eth0"),)
    assert machine.asked == 1


@pytest.mark.parametrize(
    "notice",
    [RouteAppeared(route("tun0")), RouteVanished(route("eth0")), LinkDown("eth0"), NoticesMissed()],
    ids=lambda notice: type(notice).__name__,
)
async def test_a_change_of_others_is_read_anew(machine: Machine, notice: Notice) -> None:
    await machine.foreign.look()
    machine.routes.append(route("tun0"))
    machine.foreign.hear(notice)
    assert route("tun0") in await machine.foreign.look()


async def test_changes_of_our_own_links_are_no_news(machine: Machine) -> None:
    await machine.network("br0")
    await machine.foreign.look()
    for notice in (RouteAppeared(route("br0")), RouteVanished(route("br0")), LinkDown("br0")):
        machine.foreign.hear(notice)
    await machine.foreign.look()
    assert machine.asked == 1


async def test_what_changes_while_it_is_read_is_not_kept(machine: Machine) -> None:
    machine.meanwhile = RouteAppeared(route("tun0"))
    await machine.foreign.look()
    await machine.foreign.look()
    assert machine.asked == 2


async def test_a_network_that_is_just_being_removed_is_no_stranger(machine: Machine) -> None:
    leaving = await machine.network("br-gone")
    machine.routes.append(route("br-gone"))

    with machine.links.leaving(leaving):
        await machine.state.commit(delete=[leaving])
        assert [one.link for one in await machine.foreign.look()] == ["eth0"]


async def test_nothing_is_kept_where_nothing_is_heard() -> None:
    machine = Machine()
    await machine.foreign.look()
    await machine.foreign.look()
    assert machine.asked == 2


async def test_a_bridge_that_is_no_longer_ours_is_a_stranger_again(machine: Machine) -> None:
    machine.routes.append(route("br0"))
    adopted = await machine.network("br0")
    assert route("br0") not in await machine.foreign.look()
    await machine.state.commit(delete=[adopted])
    machine.foreign.forget()
    assert route("br0") in await machine.foreign.look()


async def test_a_name_that_another_network_has_taken_over_is_that_ones(machine: Machine) -> None:
    first = await machine.network("br0")
    assert machine.links.network("br0") == first
    await machine.state.commit(delete=[first])
    second = await machine.network("br0")
    assert machine.links.network("br0") == second
    await machine.state.commit(delete=[second])
    assert machine.links.network("br0") is None
    assert not machine.links.of_networks()
