"""Each network keeps to its IPAM driver: one of the engine's own decides at once, a plugin is awaited."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from netwright.controller.addresses.addressing import Addressing
from netwright.controller.addresses.ipam_plugins import IpamPlugins
from netwright.controller.addresses.leases import Leases
from netwright.controller.addresses.remote_ipam import RemoteIpam
from netwright.controller.state import State
from netwright.errors import NotFound
from netwright.ipam.builtin import BuiltinIpam
from netwright.ipam.subnets import Source
from netwright.model.names import new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool, Sandbox
from netwright.plugins.api import NoPlugins
from netwright.store.memory import MemoryStore

BOTH = (4, 6)


@pytest.fixture
def addressing() -> Addressing:
    """Give addressing over one pool of the engine's own, on a machine without plugins."""
    store = MemoryStore()
    state, leases = State(store), Leases(store)
    remote = RemoteIpam(IpamPlugins(NoPlugins(), leases, state), leases, state, str)
    own = BuiltinIpam([Source(ip_network("10.1.0.0/16"), 24)], str)
    return Addressing(own, ("default", "null"), remote)


def network(driver: str = "default", *pools: Pool) -> Network:
    created = datetime.now(UTC)
    return Network(id=new_id(), name="n", driver="bridge", created=created, ipam_driver=driver, pools=pools)


def sandbox() -> Sandbox:
    return Sandbox(id=new_id(), owner=new_id(), name="box", hostname="box")


async def test_the_engines_own_drivers_decide_before_anything_else_can_run(addressing: Addressing) -> None:
    made = addressing.choose(await addressing.lease(network(), (), BOTH), (), BOTH)
    box = sandbox()
    draft = Endpoint(id=new_id(), network=made.id, sandbox=box.id, spec=EndpointSpec(), order=0)

    reserving = addressing.reserve(made, 4, None, draft, box)
    # A coroutine that ends when it is first resumed has let nothing else run.
    with pytest.raises(StopIteration) as ended:
        reserving.send(None)

    assert str(ended.value.value) == "10.1.0.2/24"
    assert addressing.usage(made) == {ip_network("10.1.0.0/24"): (4, 252)}


async def test_what_was_chosen_and_reserved_is_free_again_when_given_back(addressing: Addressing) -> None:
    made = addressing.choose(network(), (), BOTH)
    box = sandbox()
    draft = Endpoint(id=new_id(), network=made.id, sandbox=box.id, spec=EndpointSpec(), order=0)
    address = await addressing.reserve(made, 4, None, draft, box)
    await addressing.release(replace(draft, ipv4=address))  # type: ignore[arg-type]
    assert addressing.usage(made) == {ip_network("10.1.0.0/24"): (3, 253)}

    await addressing.forget(made)
    assert addressing.choose(network(), (), BOTH).pools == made.pools


async def test_a_plugins_network_keeps_the_pools_that_the_plugin_gave(addressing: Addressing) -> None:
    given = network("acme", Pool(subnet=ip_network("10.9.0.0/24")))

    assert addressing.choose(given, (), BOTH) is given
    assert addressing.usage(given) == {}
    addressing.restore([given], [])


@pytest.mark.parametrize(
    ("driver", "said"),
    [("acme", 'plugin "acme" not found'), ("defualt", 'plugin "defualt" not found: did you mean default?')],
)
async def test_a_driver_that_there_is_not_is_refused_with_the_nearest_name(
    addressing: Addressing, driver: str, said: str
) -> None:
    with pytest.raises(NotFound) as refused:
        await addressing.lease(network(driver), (), BOTH)

    assert str(refused.value) == said
