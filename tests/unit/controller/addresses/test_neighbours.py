"""For whom this host answers on its wires, and which of its switches are turned for it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv6Interface, ip_network

import pytest
from msgspec import structs
from tests.fakes.host import FakeHost
from tests.fakes.machine import Machine

from netwright.controller.addresses.neighbours import Neighbours
from netwright.controller.api import Attachment
from netwright.controller.firewall.forwarding import Forwarding
from netwright.controller.own_links import OwnLinks
from netwright.controller.state import State
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.host.notices import NoticesMissed, RouteAppeared, RouteVanished
from netwright.host.ops import ProxyNeighbour, UnproxyNeighbour
from netwright.host.queries import Route
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.store.memory import MemoryStore

MODE = "com.docker.network.bridge.gateway_mode_ipv6"
BRIDGE = "com.docker.network.bridge.name"
OWN = IPv6Interface("2001:db8::80:9/112")
PROXY, LISTENS, FORWARDS = (f"net/ipv6/conf/{name}" for name in ("wan0/proxy_ndp", "wan0/accept_ra", "all/forwarding"))
NEAR = Network(
    id=new_id(),
    name="near",
    driver="bridge",
    created=datetime.now(UTC),
    ipv6=True,
    pools=(Pool(subnet=ip_network("2001:db8::80:0/112")),),
    options={MODE: "routed", BRIDGE: "br-near"},
)


@dataclass
class Wires:
    """A host with a wire, another wire, and the bridge of a network inside the first one's prefix."""

    machine: Machine = field(default_factory=Machine)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        for name, address in (
            ("wan0", "2001:db8::1/64"),
            ("wan1", "2001:db8:f::1/64"),
            ("br-near", "2001:db8::80:1/112"),
        ):
            link = self.machine.home.add(name, "veth", None)
            link.up = True
            link.addresses.append(IPv6Interface(address))
        self.host = FakeHost(self.machine, group=1)
        self.state = State(self.store)
        drivers = builtin(BridgeSettings(group=1))
        self.switches = Forwarding(self.store, self.host)
        links = OwnLinks(self.state, drivers)
        self.neighbours = Neighbours(links, drivers, self.host, self.switches.answer)

    def value(self, key: str) -> str:
        """Return a sysctl."""
        slot = self.machine.home.slot(key)
        assert slot is not None
        return slot[0][slot[1]]


def attachment(network: Network = NEAR, own: IPv6Interface | None = OWN) -> Attachment:
    sandbox = Sandbox(id=new_id(), owner=Id("box"), name="box", hostname="box")
    endpoint = Endpoint(id=new_id(), network=network.id, sandbox=sandbox.id, spec=EndpointSpec(), order=0, ipv6=own)
    return Attachment(network=network, endpoint=endpoint, sandbox=sandbox)


@pytest.fixture
async def wires() -> Wires:
    made = Wires()
    await made.state.commit(put=[NEAR])
    return made


async def test_an_address_is_answered_for_on_the_wire_whose_prefix_holds_it_and_on_no_bridge(wires: Wires) -> None:
    ops = await wires.neighbours.answers([attachment()])

    assert ops == [ProxyNeighbour(link="wan0", address=OWN.ip)]
    assert wires.value(PROXY) == "1"
    assert wires.neighbours.silences([attachment()]) == [UnproxyNeighbour(address=OWN.ip)]


@pytest.mark.parametrize(
    "item",
    [
        attachment(replace(NEAR, options={BRIDGE: "br-near"})),
        attachment(replace(NEAR, internal=True)),
        attachment(own=None),
    ],
    ids=["translated", "internal", "without-ipv6"],
)
async def test_nobody_answers_for_what_is_not_reached_from_a_wire(wires: Wires, item: Attachment) -> None:
    assert await wires.neighbours.answers([item]) == []
    assert wires.neighbours.silences([item]) == []
    assert wires.value(PROXY) == "0"


async def test_a_wire_that_is_down_has_no_neighbours(wires: Wires) -> None:
    wires.machine.home.link("wan0").up = False

    assert await wires.neighbours.answers([attachment()]) == []


def test_only_prefixes_of_wires_that_appear_matter() -> None:
    neighbours = Wires().neighbours
    prefix = Route(destination=ip_network("2001:db8::/64"), gateway=None, link="wan0", on_link=True)

    assert neighbours.are_concerned(RouteAppeared(prefix))
    assert neighbours.are_concerned(NoticesMissed())
    assert not neighbours.are_concerned(RouteVanished(prefix))
    assert not neighbours.are_concerned(RouteAppeared(structs.replace(prefix, destination=ip_network("192.0.2.0/24"))))
    assert not neighbours.are_concerned(RouteAppeared(structs.replace(prefix, on_link=False)))


async def test_every_switch_that_was_turned_is_put_back_and_none_that_was_not(wires: Wires) -> None:
    wires.machine.home.link("wan1").conf["ipv6/accept_ra"] = "0"
    before = wires.machine.dump()

    assert await wires.switches.note(6)
    await wires.switches.switch_on()
    await wires.neighbours.answers([attachment()])
    assert (wires.value(FORWARDS), wires.value(LISTENS), wires.value(PROXY)) == ("1", "2", "1")
    assert wires.value("net/ipv6/conf/wan1/accept_ra") == "0"

    later = Forwarding(wires.store, wires.host)
    later.load()
    await later.restore()
    assert wires.machine.dump() == before


async def test_ports_of_bridges_need_not_listen_to_routers(wires: Wires) -> None:
    wires.machine.home.link("wan1").master = wires.machine.home.link("br-near")

    await wires.switches.note(6)
    await wires.switches.switch_on()

    assert (wires.value(LISTENS), wires.value("net/ipv6/conf/wan1/accept_ra")) == ("2", "1")


async def test_a_switch_of_an_interface_that_is_gone_is_let_be(wires: Wires) -> None:
    await wires.switches.note(6)
    await wires.neighbours.answers([attachment()])
    wires.machine.home.remove(wires.machine.home.link("wan0"))

    await wires.switches.switch_on()
    await wires.switches.restore()

    assert wires.value(FORWARDS) == "0"


async def test_forwarding_is_switched_on_last_so_that_no_route_is_lost_meanwhile(wires: Wires) -> None:
    await wires.switches.note(6)

    assert (await wires.switches.switch_on())[-1] == FORWARDS
