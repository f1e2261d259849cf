"""The engine dies, or the plugin, at each moment of a network's life: afterwards both accounts agree."""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface, ip_address

import pytest
from tests.fakes.ipam_plugin import Account
from tests.fakes.plugins import FakePlugins
from tests.fakes.steps import Crash, Steps

from netwright.controller.addresses.ipam_plugins import IpamPlugins
from netwright.controller.addresses.leases import Lease, Leases
from netwright.controller.addresses.remote_ipam import RemoteIpam
from netwright.controller.state import State
from netwright.errors import NetwrightError, SystemFailure
from netwright.model.names import new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Sandbox
from netwright.store.api import Change, Put
from netwright.store.memory import MemoryStore


class Disk(MemoryStore):
    """A store whose commits are steps."""

    steps = Steps()

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        """Write all changes, or none where the step is not to be."""
        try:
            self.steps.take(tuple(changes), SystemFailure)
        except SystemFailure as failure:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            refused.set_exception(failure)
            return refused
        return super().commit(changes)


class World:
    """A disk and a plugin that outlive engines."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.account = Account({"pools": "10.90.0.0/24"})

    def begin(self, steps: Steps) -> None:
        """Begin the life of an engine."""
        self.disk.steps = steps
        self.state = State(self.disk)
        self.state.load()
        self.leases = Leases(self.disk)
        self.leases.load()
        self.plugins = IpamPlugins(FakePlugins(self.account, steps), self.leases, self.state)
        self.ipam = RemoteIpam(self.plugins, self.leases, self.state, lambda _: "box")

    async def live(self) -> None:
        """Make a network and an endpoint, and remove both: as the controller does, in its order."""
        network = Network(id=new_id(), name="n", driver="bridge", created=datetime.now(UTC), ipam_driver="acme")
        try:
            network = replace(network, pools=await self.ipam.lease_pools(network, (), (4,)))
            await self.state.commit(put=[network])
        except NetwrightError:
            await self.ipam.give_back(network.id)
            raise
        await self._join(network)
        await self.state.commit(delete=[network])
        await self.ipam.give_back(network.id)

    async def _join(self, network: Network) -> None:
        box = Sandbox(id=new_id(), owner=new_id(), name="box", hostname="box")
        endpoint = Endpoint(id=new_id(), network=network.id, sandbox=box.id, spec=EndpointSpec(), order=0)
        try:
            address = await self.ipam.lease_address(network, 4, None, endpoint, "box")
            assert isinstance(address, IPv4Interface)
            endpoint = replace(endpoint, ipv4=address)
            await self.state.commit(put=[box, endpoint])
        except NetwrightError:
            await self.ipam.give_back(endpoint.id)
            raise
        await self.state.commit(delete=[box, endpoint])
        await self.ipam.give_back(endpoint.id)

    async def settle(self) -> None:
        """Begin a life that nothing disturbs, and let it find what is owed."""
        self.begin(Steps())
        self.plugins.restore()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks)

    @property
    def written(self) -> set[tuple[str, object]]:
        """What the engine believes that it has of the plugin."""
        owners = self.state.networks.keys() | self.state.endpoints.keys()
        leases = self.leases.all()
        assert all(lease.owner in owners for lease in leases)
        return {(lease.pool, lease.address) for lease in leases}

    @property
    def given(self) -> set[tuple[str, object]]:
        """What the plugin believes that it has given."""
        addresses = {(pool, ip_address(text)) for pool, taken in self.account.pools.items() for text in taken}
        return {*addresses, *((pool, None) for pool in self.account.pools)}


def is_lease(step: object) -> bool:
    """Tell whether a step is the writing of a lease."""
    return isinstance(step, tuple) and any(
        isinstance(change, Put) and isinstance(change.value, Lease) for change in step
    )


async def steps_of_a_life() -> list[object]:
    """Return the steps of a life that nothing disturbs."""
    world, steps = World(), Steps()
    world.begin(steps)
    await world.live()
    assert world.given == world.written == set()
    return steps.taken


async def test_after_a_crash_at_any_moment_the_next_start_makes_both_accounts_agree() -> None:
    taken = await steps_of_a_life()
    left = 0
    for moment in range(1, len(taken) + 1):
        world = World()
        world.begin(Steps(crash_at=moment))
        with pytest.raises(Crash):
            await world.live()

        await world.settle()

        extra = len(world.given - world.written)
        assert not world.written - world.given
        # The one gap: the plugin has decided, and the engine dies before it is on disk.
        assert extra <= is_lease(taken[moment - 1]), f"after a crash before step {moment}, {taken[moment - 1]}"
        left += extra
    # A pool and an endpoint's address; a gateway's goes with its pool.
    assert left == 2


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
async def test_after_a_failure_at_any_moment_the_next_start_makes_both_accounts_agree(lasting: bool) -> None:
    taken = await steps_of_a_life()
    for moment in range(1, len(taken) + 1):
        world = World()
        world.begin(Steps(fail_at=moment, lasting=lasting))
        with contextlib.suppress(NetwrightError):
            await world.live()

        await world.settle()

        if not (lasting and is_lease(taken[moment - 1])):
            assert world.given == world.written, f"after a failure of step {moment}, {taken[moment - 1]}"
