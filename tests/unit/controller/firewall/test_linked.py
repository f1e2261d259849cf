"""Links between stacks: there while both are open, for what the linked one offers, where neighbours keep apart."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface, ip_network

import pytest

from netwright.controller.api import Attachment
from netwright.controller.firewall.linked import Links
from netwright.controller.state import State
from netwright.drivers import builtin
from netwright.drivers.bridge import BridgeSettings
from netwright.firewall.intent import LinkIntent
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.model.ports import Port, PortRequest
from netwright.store.memory import MemoryStore

WEB, DNS = Port.parse("80"), Port.parse("53/udp")
QUIET = Network(
    id=new_id(),
    name="bridge",
    driver="bridge",
    created=datetime.now(UTC),
    pools=(Pool(subnet=ip_network("10.1.0.0/24")),),
    options={"com.docker.network.bridge.enable_icc": "false"},
)


@dataclass
class World:
    """An application that is linked to a database, both open on one network."""

    network: Network = QUIET
    state: State = field(default_factory=lambda: State(MemoryStore()))

    def __post_init__(self) -> None:
        self.links = Links(self.state, builtin(BridgeSettings(group=1)))
        self.db = Sandbox(
            id=new_id(),
            owner=Id("db"),
            name="db",
            hostname="db",
            open=True,
            exposed=(WEB,),
            ports=(PortRequest(DNS), PortRequest(WEB)),
        )
        self.app = Sandbox(id=new_id(), owner=Id("app"), name="app", hostname="app", open=True, reaches=(self.db.id,))
        self.ends = [self.endpoint(row, number) for number, row in ((2, self.db), (3, self.app))]

    def endpoint(self, row: Sandbox, number: int) -> Endpoint:
        return Endpoint(
            id=new_id(),
            network=self.network.id,
            sandbox=row.id,
            spec=EndpointSpec(),
            order=0,
            ipv4=IPv4Interface(f"10.1.0.{number}/24"),
            ipv6=IPv6Interface(f"fd01::{number}/64"),
        )

    async def fill(self) -> "World":
        await self.state.commit(put=[self.network, self.db, self.app, *self.ends])
        return self

    def shape(self, row: Sandbox) -> list[Attachment]:
        ends = self.state.in_sandbox(row.id)
        return [Attachment(network=self.network, endpoint=end, sandbox=row) for end in ends]


def said(intents: object) -> set[tuple[str, str, str]]:
    assert isinstance(intents, list)
    assert all(isinstance(intent, LinkIntent) for intent in intents)
    return {(str(one.parent), str(one.child), f"{one.port}/{one.protocol}") for one in intents}


WHOLE = {(f"{prefix}3", f"{prefix}2", port) for prefix in ("10.1.0.", "fd01::") for port in ("80/tcp", "53/udp")}


async def test_a_link_is_the_same_seen_from_either_end_and_from_above() -> None:
    world = await World().fill()

    assert said(world.links.all()) == WHOLE
    assert said(world.links.of(world.app, world.shape(world.app))) == WHOLE
    assert said(world.links.of(world.db, world.shape(world.db))) == WHOLE
    assert world.links.of(world.app, ()) == []


@pytest.mark.parametrize("closed", ["db", "app"])
async def test_there_is_no_link_while_one_end_is_closed(closed: str) -> None:
    world = await World().fill()
    await world.state.commit(put=[replace(getattr(world, closed), open=False)])
    other = world.app if closed == "db" else world.db

    assert world.links.all() == []
    assert world.links.of(other, world.shape(other)) == []


async def test_links_end_with_either_of_their_rows_and_may_be_made_anew() -> None:
    world = await World().fill()
    await world.state.commit(put=[replace(world.app, reaches=())])
    assert world.state.reaching(world.db.id) == ()
    await world.state.commit(put=[world.app])
    assert world.state.reaching(world.db.id) == (world.app,)
    await world.state.commit(delete=[world.db, world.ends[0]])
    assert world.links.all() == []
    await world.state.commit(delete=[world.app, world.ends[1]])
    assert world.state.reaching(world.db.id) == ()


async def test_where_neighbours_talk_to_each_other_nobody_needs_a_link() -> None:
    world = await World(network=replace(QUIET, options={})).fill()

    assert world.links.all() == []
