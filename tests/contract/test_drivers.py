"""What every network driver promises. The suite runs over each of `drivers.builtin` by itself.

A network and two endpoints of a driver are led through their lives on a machine in memory, which knows what the kernel
refuses; then nothing may be left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_network
from typing import Any

import pytest
from tests.fakes.host import FakeHost
from tests.fakes.machine import Machine

from netwright.drivers import builtin
from netwright.drivers.api import Driver
from netwright.drivers.bridge import BridgeSettings
from netwright.firewall.api import FirewallSettings
from netwright.firewall.nftables import NftablesBackend
from netwright.host.ops import CreateNamespace, DeleteNamespace, Op
from netwright.model.addressing import Mac
from netwright.model.names import new_id
from netwright.model.network import Endpoint, EndpointSpec, Network, Pool

GROUP = 0x4E570001
PATH = "/run/netns/inside"
DRIVERS = builtin(BridgeSettings(group=GROUP))
POOLS = (
    Pool(subnet=ip_network("10.9.0.0/24"), gateway=ip_address("10.9.0.1")),
    Pool(subnet=ip_network("fd09::/64"), gateway=ip_address("fd09::1")),
)
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "of both families": {"ipv6": True, "pools": POOLS},
    "of IPv4": {"pools": POOLS[:1]},
    "of IPv6": {"ipv4": False, "ipv6": True, "pools": POOLS[1:]},
    "internal": {"ipv6": True, "internal": True, "pools": POOLS},
}


@dataclass(frozen=True)
class Case:
    """A driver with a network of it and two endpoints."""

    driver: Driver
    network: Network
    endpoints: Sequence[Endpoint]


def case(driver: Driver, shape: str) -> Case:
    made = Network(
        id=new_id(), name="blue", driver=driver.name, created=datetime(2026, 1, 2, tzinfo=UTC), **SHAPES[shape]
    )
    if not driver.capabilities.addresses:
        made = replace(made, pools=())
    return Case(driver, made, [endpoint(driver, made, number) for number in (0, 1)])


def endpoint(driver: Driver, made: Network, number: int) -> Endpoint:
    identity = new_id()
    bare = Endpoint(id=identity, network=made.id, sandbox=new_id(), spec=EndpointSpec(), order=number)
    if not driver.capabilities.addresses:
        return bare
    return replace(
        bare,
        mac=Mac.derived(identity),
        ipv4=IPv4Interface(f"10.9.0.{number + 2}/24") if made.ipv4 else None,
        ipv6=IPv6Interface(f"fd09::{number + 2}/64") if made.ipv6 else None,
        gateway4=driver.gateway(made, 4),
        gateway6=driver.gateway(made, 6),
        interface=f"{driver.interface_prefix(made)}{number}",
        host_interface=f"veth{identity[:11]}",
    )


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=DRIVERS)
def that(request: pytest.FixtureRequest, shape: str) -> Case:
    return case(DRIVERS[request.param], shape)


@pytest.fixture
async def host() -> FakeHost:
    host = FakeHost(Machine(), group=GROUP)
    await host.do([CreateNamespace(path=PATH)])
    return host


def made(that: Case) -> list[Op]:
    return [*that.driver.create_network(that.network), *that.driver.open_network(that.network)]


def attached(that: Case) -> list[Op]:
    return [op for one in that.endpoints for op in that.driver.attach(that.network, one, PATH)]


def detached(that: Case, netns: str | None = PATH) -> list[Op]:
    return [op for one in that.endpoints for op in that.driver.detach(that.network, one, netns)]


def test_it_is_listed_under_its_own_name(that: Case) -> None:
    assert DRIVERS[that.driver.name] is that.driver


def test_it_accepts_a_plain_network(that: Case) -> None:
    that.driver.check(that.network)


def test_the_same_is_to_be_done_whenever_it_is_asked(that: Case) -> None:
    assert (made(that), attached(that), detached(that)) == (made(that), attached(that), detached(that))
    assert list(that.driver.intents(that.network)) == list(that.driver.intents(that.network))


async def test_a_network_is_made_and_removed_without_a_trace(that: Case, host: FakeHost) -> None:
    before = host.machine.dump()
    await host.do(made(that))
    await host.do(that.driver.delete_network(that.network))
    assert host.machine.dump() == before


async def test_what_it_says_are_its_links_are_made_with_our_tag(that: Case, host: FakeHost) -> None:
    before = {link.name for link in host.machine.home.links.values()}
    await host.do(made(that))
    links = {link.name: link for link in host.machine.home.links.values() if link.name not in before}
    assert set(links) == set(that.driver.links(that.network))
    assert {link.group for link in links.values()} <= {GROUP}


async def test_endpoints_are_attached_as_their_rows_say(that: Case, host: FakeHost) -> None:
    await host.do([*made(that), *attached(that)])
    inside = host.machine.pins[PATH]
    assert inside is not None
    for one in that.endpoints:
        if one.interface:
            link = inside.link(one.interface)
            wanted = {address for address in (one.ipv4, one.ipv6) if address is not None}
            assert (link.up, link.mac, set(link.addresses)) == (True, one.mac, wanted)


async def test_endpoints_are_detached_without_a_trace(that: Case, host: FakeHost) -> None:
    await host.do(made(that))
    before = host.machine.dump()
    await host.do(attached(that))
    await host.do(detached(that))
    assert host.machine.dump() == before
    await host.do(detached(that))


async def test_an_endpoint_can_come_again_as_soon_as_it_has_left(that: Case, host: FakeHost) -> None:
    await host.do([*made(that), *attached(that)])
    before = host.machine.dump()
    await host.do([*detached(that), *attached(that)])
    assert host.machine.dump() == before


async def test_endpoints_go_with_their_namespace(that: Case, host: FakeHost) -> None:
    await host.do(made(that))
    await host.do([*attached(that), *detached(that, None), DeleteNamespace(path=PATH)])
    await host.do(that.driver.delete_network(that.network))
    assert host.machine.dump() == Machine().dump() | {"home": FakeHost(Machine(), group=GROUP).machine.home.dump()}


async def test_whatever_is_done_is_taken_back_by_its_inverse(that: Case, host: FakeHost) -> None:
    before = host.machine.dump()
    done = [*made(that), *attached(that)]
    await host.do(done)
    await host.do([back for op in reversed(done) if (back := op.inverse()) is not None])
    assert host.machine.dump() == before


async def test_what_may_be_done_again_changes_nothing(that: Case, host: FakeHost) -> None:
    done = [*made(that), *attached(that)]
    await host.do(done)
    before = host.machine.dump()
    await host.do([op for op in done if op.repeatable])
    assert host.machine.dump() == before


def test_everything_is_in_the_driver_table_of_capabilities(that: Case) -> None:
    can = that.driver.capabilities
    assert can.addresses or not can.publishes, "a port is published at an address"
    assert bool(that.driver.attach(that.network, that.endpoints[0], PATH)) <= can.addresses


async def test_its_intents_can_be_rendered_and_leave_nothing(that: Case, host: FakeHost) -> None:
    backend = NftablesBackend(FirewallSettings(instance="test"))
    await host.do(backend.install((), {}))
    before = host.machine.dump()
    wanted = [
        *that.driver.intents(that.network),
        *(intent for one in that.endpoints for intent in that.driver.endpoint_intents(that.network, one)),
    ]
    await host.do(backend.change(add=wanted, remove=()))
    assert (host.machine.dump() == before) == (not wanted)
    await host.do(backend.change(add=(), remove=wanted))
    assert host.machine.dump() == before
