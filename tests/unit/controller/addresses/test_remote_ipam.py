"""IPAM by a plugin, over a real socket: what is given is never lost sight of, whatever dies."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface, ip_address, ip_network
from pathlib import Path

import pytest
from tests.fakes.ipam_plugin import Account, Server

from netwright.controller.addresses.ipam_plugins import IpamPlugins
from netwright.controller.addresses.leases import Leases
from netwright.controller.addresses.remote_ipam import RemoteIpam
from netwright.controller.state import State
from netwright.errors import Forbidden, NotFound, SystemFailure
from netwright.model.addressing import IPNetwork, Mac
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.plugins.api import PluginSilent, PluginUnreachable
from netwright.plugins.discovery import Places
from netwright.plugins.registry import LocalPlugins
from netwright.store.api import Change
from netwright.store.memory import MemoryStore

POOL = "here/10.90.0.0/24"
BOTH = (4, 6)


class PluginProcess:
    """A plugin named acme, in threads of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server: Server | None = None

    @property
    def account(self) -> Account:
        """The account of the one that runs."""
        assert self.server is not None
        return self.server.account

    def start(self, **settings: str) -> Server:
        """Start with an empty account."""
        self.server = Server(self._folder / "acme.sock", self._folder / "log", settings)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self.server

    def stop(self) -> None:
        """End; the socket stays and nobody listens there. Content when repeated."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Disk(MemoryStore):
    """A store that may be full."""

    full = False

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        """Write, where there is room."""
        if not self.full:
            return super().commit(changes)
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        refused.set_exception(SystemFailure("the store is full"))
        return refused


@dataclass
class Life:
    """One life of the engine's part that deals with plugins, over a store that outlives it."""

    folder: Path
    store: Disk = field(default_factory=Disk)

    def __post_init__(self) -> None:
        self.state = State(self.store)
        self.state.load()
        self.leases = Leases(self.store)
        self.leases.load()
        places = Places(sockets=self.folder, specifications=[])
        self.plugins = IpamPlugins(LocalPlugins(places, pauses=(), patience=2), self.leases, self.state)
        self.ipam = RemoteIpam(self.plugins, self.leases, self.state, lambda sandbox: f"box {sandbox[:4]}")

    async def next(self) -> "Life":
        """Die, and live again; what goes on in the background is over when this returns."""
        self.plugins.close()
        life = Life(self.folder, self.store)
        life.plugins.restore()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks)
        return life

    async def network(self, *pools: Pool, taken: tuple[IPNetwork, ...] = ()) -> Network:
        """Make a network, with its row."""
        made = await self.leased(network(*pools), taken=taken)
        await self.state.commit(put=[made])
        return made

    async def leased(self, asked: Network, taken: tuple[IPNetwork, ...] = ()) -> Network:
        """Ask the plugin for a network's pools."""
        return replace(asked, pools=await self.ipam.lease_pools(asked, taken, BOTH))

    async def endpoint(self, on: Network, wanted: str = "") -> Endpoint:
        """Make an endpoint with an IPv4 address, with its row."""
        sandbox = Sandbox(id=new_id(), owner=new_id(), name="box", hostname="box")
        draft = endpoint(on, sandbox.id)
        address = await self.ipam.lease_address(on, 4, ip_address(wanted) if wanted else None, draft, "box")
        assert isinstance(address, IPv4Interface)
        made = replace(draft, ipv4=address)
        await self.state.commit(put=[sandbox, made])
        return made


def network(*pools: Pool) -> Network:
    return Network(
        id=new_id(), name="theirs", driver="bridge", created=datetime.now(UTC), ipam_driver="acme", pools=pools
    )


def endpoint(on: Network, sandbox: Id) -> Endpoint:
    mac = Mac.parse("02:00:00:00:00:01")
    return Endpoint(id=new_id(), network=on.id, sandbox=sandbox, spec=EndpointSpec(), order=0, mac=mac)


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[PluginProcess]:
    """Give the plugin's process, which runs."""
    process = PluginProcess(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def server(process: PluginProcess) -> Server:
    """Give the plugin."""
    assert process.server is not None
    return process.server


@pytest.fixture
def life(tmp_path: Path, process: PluginProcess) -> Life:
    """Give a first life."""
    return Life(tmp_path)


def released(server: Server) -> list[object]:
    return [request.get("Address") for name, request in server.account.calls if name.startswith("Release")]


async def test_all_that_was_given_is_given_back_addresses_first(life: Life, server: Server) -> None:
    made = await life.network(Pool(subnet=ip_network("10.90.0.0/24"), auxiliary={"a": ip_address("10.90.0.9")}))
    box = await life.endpoint(made)
    assert server.account.pools == {POOL: ["10.90.0.254", "10.90.0.9", "10.90.0.253"]}

    await life.ipam.give_back(box.id)
    await life.ipam.give_back(made.id)

    assert released(server) == ["10.90.0.253", "10.90.0.254", "10.90.0.9", None]
    assert server.account.pools == {}
    assert life.leases.all() == []


async def test_what_was_given_before_a_crash_is_given_back_at_the_next_start(life: Life, server: Server) -> None:
    made = await life.network()
    box = await life.endpoint(made)
    await life.leased(network())
    await life.ipam.lease_address(made, 4, None, endpoint(made, Id("")), "never made")

    after = await life.next()

    assert server.account.pools == {POOL: ["10.90.0.254", "10.90.0.253"]}
    assert {lease.owner for lease in after.leases.all()} == {made.id, box.id}


async def test_what_is_removed_while_the_plugin_is_away_is_given_back_when_it_is_asked_again(
    life: Life, process: PluginProcess, caplog: pytest.LogCaptureFixture
) -> None:
    made = await life.network()
    box = await life.endpoint(made)
    await life.state.commit(delete=[box])
    account = process.account
    process.stop()
    await life.ipam.give_back(box.id)
    assert "is away and gets back later address 10.90.0.253" in caplog.text
    assert life.leases.of(box.id)

    process.start().account = account
    await life.endpoint(made)

    assert [name for name, _ in account.calls[-2:]] == ["ReleaseAddress", "RequestAddress"]
    assert account.pools == {POOL: ["10.90.0.254", "10.90.0.253"]}


async def test_what_is_owed_survives_a_death_too(life: Life, process: PluginProcess) -> None:
    made = await life.network()
    account = process.account
    process.stop()
    await life.state.commit(delete=[made])
    await life.ipam.give_back(made.id)
    away = await life.next()
    assert len(away.leases.all()) == 2

    process.start().account = account
    back = await away.next()

    assert account.pools == {}
    assert back.leases.all() == []


async def test_a_return_that_may_have_been_taken_is_not_offered_again(life: Life, server: Server) -> None:
    made = await life.network()
    box = await life.endpoint(made)
    server.mute.add("ReleaseAddress")
    await life.ipam.give_back(box.id)
    server.mute.clear()
    await life.endpoint(made)

    assert released(server) == ["10.90.0.253"]


async def test_a_plugin_that_does_not_answer_is_waited_for_once_and_gets_the_rest_back_later(
    life: Life, server: Server
) -> None:
    made = await life.network(Pool(subnet=ip_network("10.90.0.0/24"), auxiliary={"a": ip_address("10.90.0.9")}))
    await life.state.commit(delete=[made])
    server.mute.add("ReleaseAddress")
    await life.ipam.give_back(made.id)
    assert released(server) == ["10.90.0.254"]

    server.mute.clear()
    await life.network(Pool(subnet=ip_network("10.91.0.0/24")))

    assert released(server) == ["10.90.0.254", "10.90.0.9", None]


async def test_a_pool_or_address_that_makes_no_sense_is_given_back(life: Life, server: Server) -> None:
    both = replace(network(), ipv6=True)
    with pytest.raises(SystemFailure, match=r"gave 10\.91\.0\.0/24 where an IPv6 pool was asked for"):
        await life.leased(both)
    await life.ipam.give_back(both.id)
    assert server.account.pools == {}

    made = await life.network()
    server.account.settings = {"answer": "10.90.1.7/24"}
    with pytest.raises(SystemFailure, match="not in its pool"):
        await life.endpoint(made)
    assert released(server)[-1] == "10.90.1.7"


async def test_a_plugin_that_is_away_is_an_error_and_nothing_is_leased(life: Life, process: PluginProcess) -> None:
    made = await life.network()
    process.stop()

    with pytest.raises(PluginUnreachable, match="connection refused"):
        await life.leased(network())
    with pytest.raises(PluginUnreachable, match="connection refused"):
        await life.endpoint(made)
    assert len(life.leases.all()) == 2


async def test_a_container_is_told_of_a_missing_plugin_without_a_404(
    life: Life, process: PluginProcess, tmp_path: Path
) -> None:
    made = await life.network()
    (tmp_path / "acme.sock").unlink()

    with pytest.raises(SystemFailure, match=r'^network theirs cannot give out addresses: plugin "acme" not found$'):
        await life.endpoint(made)
    with pytest.raises(NotFound, match=r'^plugin "acme" not found$'):
        await life.leased(network())


async def test_a_caller_who_goes_away_leaves_no_address_behind(life: Life, server: Server) -> None:
    made = await life.network()
    draft = endpoint(made, Id(""))
    server.gate.clear()
    server.reached.clear()
    asking = asyncio.ensure_future(life.ipam.lease_address(made, 4, None, draft, "box"))
    assert await asyncio.to_thread(server.reached.wait, 10)
    asking.cancel()
    server.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert server.account.pools[POOL] == ["10.90.0.254", "10.90.0.253"]
    assert [str(lease.address) for lease in life.leases.of(draft.id)] == ["10.90.0.253"]


async def test_what_the_disk_refuses_can_still_be_given_back(life: Life, server: Server) -> None:
    asked = network()
    life.store.full = True
    with pytest.raises(SystemFailure, match="store is full"):
        await life.leased(asked)
    life.store.full = False

    await life.ipam.give_back(asked.id)

    assert server.account.pools == {}


async def test_an_answer_that_is_lost_is_an_error_that_names_the_method(life: Life, server: Server) -> None:
    server.mute.add("RequestPool")

    with pytest.raises(PluginSilent, match=r"^IpamDriver\.RequestPool: "):
        await life.leased(network())


async def test_pools_that_overlap_something_are_declined_until_one_does_not(life: Life, server: Server) -> None:
    made = await life.network(taken=(ip_network("10.90.0.0/16"),))

    assert [str(pool.subnet) for pool in made.pools] == ["10.91.0.0/24"]
    assert list(server.account.pools) == ["here/10.91.0.0/24"]


async def test_a_plugin_with_nothing_but_overlapping_pools_gets_all_of_them_back(life: Life, server: Server) -> None:
    with pytest.raises(SystemFailure, match=r"^remote: no pool is left$"):
        await life.leased(network(), taken=(ip_network("10.0.0.0/8"),))

    assert server.account.pools == {}
    assert life.leases.all() == []


async def test_a_subnet_that_is_asked_for_may_overlap_what_is_on_the_host(life: Life) -> None:
    made = await life.network(Pool(subnet=ip_network("10.90.0.0/24")), taken=(ip_network("10.0.0.0/8"),))

    assert made.pools[0].given


async def test_a_static_address_is_refused_by_the_name_of_its_holder_without_asking(life: Life, server: Server) -> None:
    made = await life.network()
    box = await life.endpoint(made, "10.90.0.7")
    asked = len(server.account.calls)

    with pytest.raises(Forbidden, match=f"10.90.0.7 belongs to box {box.sandbox[:4]} in network theirs"):
        await life.endpoint(made, "10.90.0.7")
    with pytest.raises(Forbidden, match="belongs to the network itself"):
        await life.endpoint(made, "10.90.0.254")
    assert len(server.account.calls) == asked


async def test_an_address_that_the_plugin_gives_twice_is_left_and_the_next_is_asked_for(
    life: Life, server: Server
) -> None:
    made = await life.network()
    await life.endpoint(made)
    server.account.pools[POOL].clear()

    second = await life.endpoint(made)

    assert str(second.ipv4) == "10.90.0.252/24"


async def test_a_plugin_without_capabilities_is_asked_all_the_same(life: Life, process: PluginProcess) -> None:
    process.stop()
    server = process.start(old="1")

    await life.endpoint(await life.network())

    assert len(server.account.pools[POOL]) == 2


async def test_a_plugin_that_wants_it_is_reminded_once_of_all_it_has_given(life: Life, process: PluginProcess) -> None:
    auxiliary = {"a": ip_address("10.90.0.9")}
    made = await life.network(Pool(subnet=ip_network("10.90.0.0/24"), auxiliary=auxiliary))
    box = await life.endpoint(made)
    process.stop()
    server = process.start(replay="1", mac="1")

    after = await life.next()
    await after.endpoint(made)

    assert server.account.pools[POOL] == ["10.90.0.254", "10.90.0.9", "10.90.0.253", "10.90.0.252"]
    reminders = [request["Options"] for name, request in server.account.calls if name == "RequestAddress"]
    assert reminders[0] == {"RequestAddressType": "com.docker.network.gateway"}
    assert reminders[1] is None
    assert reminders[2] == {
        "com.docker.network.endpoint.name": "box",
        "com.docker.network.endpoint.macaddress": str(box.mac),
    }
    assert len(after.leases.all()) == 5
