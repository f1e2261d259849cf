"""A check tells exactly what was changed, a repair puts it back, and foreign things are not touched."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address, ip_interface

import pytest
from tests.unit.controller.world import GROUP, PINS, World, differences, named, network, port, sandbox

from netwright.errors import OperationFailed
from netwright.host import ops
from netwright.model.ports import Protocol

Damage = Callable[[World], None]


async def world_with_a_container() -> World:
    world = World()
    engine = await world.live()
    await engine.networks.create(network("blue"))
    made = await engine.sandboxes.create(sandbox("web", "blue", ports=(port(80, 8080), port(53, 5353, Protocol.UDP))))
    await engine.sandboxes.open(made.id)
    world.machine.settle()
    return world


def bridge(world: World) -> str:
    return f"br-{world.engine.networks.get('blue').id[:12]}"


def attachment(world: World) -> str:
    (item,) = world.engine.sandboxes.attachments(named(world.engine, "web").id)
    return item.endpoint.host_interface


def path(world: World) -> str:
    return world.engine.sandboxes.path(named(world.engine, "web").id)


def cut_the_wire(world: World) -> None:
    home = world.machine.home
    home.remove(home.link(attachment(world)))


def take_the_address_within(world: World) -> None:
    world.machine.stack(path(world)).link("eth0").addresses.clear()


def take_the_route_within(world: World) -> None:
    world.machine.stack(path(world)).routes.clear()


def take_the_bridge_down(world: World) -> None:
    world.machine.home.link(bridge(world)).up = False


def take_the_gateway(world: World) -> None:
    world.machine.home.link(bridge(world)).addresses.clear()


def let_a_port_go(world: World) -> None:
    world.machine.held = {one: to for one, to in world.machine.held.items() if one.port != 8080}


def stop_answering_names(world: World) -> None:
    world.machine.zone.views.clear()


def delete_a_table(world: World) -> None:
    del world.machine.nft.tables["inet netwright-test"]


def leave_a_link(world: World) -> None:
    world.machine.home.add("vethdead", "veth", None).group = GROUP


def leave_a_namespace(world: World) -> None:
    world.host._create_namespace(ops.CreateNamespace(path=f"{PINS}/dead"))


def leave_a_port(world: World) -> None:
    world.host._hold_port(ops.HoldPort(protocol=Protocol.UDP, address=ip_address("0.0.0.0"), port=99))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a wire that is cut": (cut_the_wire, "web: its interface {wire} on network blue is missing"),
    "an address gone within": (take_the_address_within, "web: its interface eth0 has no address"),
    "a route gone within": (take_the_route_within, "web: it has no default IPv4 route"),
    "a bridge that is down": (take_the_bridge_down, "network blue: {bridge} is down"),
    "a bridge without gateway": (take_the_gateway, "network blue: {bridge} has no address"),
    "a port let go": (let_a_port_go, "web: tcp port 0.0.0.0:8080 is not held"),
    "names unanswered": (stop_answering_names, "web: names are not answered in it"),
    "a table deleted": (delete_a_table, "the firewall: nftables: table inet netwright-test is missing"),
    "an orphaned link": (leave_a_link, "nobody: interface vethdead carries this engine's tag"),
    "an orphaned namespace": (leave_a_namespace, f"nobody: a network namespace is pinned at {PINS}/dead"),
    "an orphaned port": (leave_a_port, "nobody: udp port 0.0.0.0:99 is held"),
}


async def test_nothing_is_told_of_a_machine_that_is_as_it_should_be() -> None:
    world = await world_with_a_container()
    before = world.machine.dump()

    assert await world.engine.diagnosis.check() == ()
    assert await world.engine.diagnosis.repair() == ()
    assert world.machine.dump() == before


@pytest.mark.parametrize(("damage", "told"), DAMAGES.values(), ids=DAMAGES)
async def test_a_damage_is_told_and_left_by_a_check_and_undone_by_a_repair(damage: Damage, told: str) -> None:
    world = await world_with_a_container()
    whole = world.seen()
    words = told.format(wire=attachment(world), bridge=bridge(world))
    damage(world)
    damaged = world.machine.dump()

    found = await world.engine.diagnosis.check()
    assert any(str(one).startswith(words) for one in found), [*map(str, found)]
    assert all(one.cure for one in found)
    assert world.machine.dump() == damaged

    assert await world.engine.diagnosis.repair() == found
    world.machine.settle()
    assert await world.engine.diagnosis.check() == ()
    assert differences(whole, world.seen()) == []
    assert world.events[-1].action == "repair"


async def test_what_is_not_ours_is_neither_told_nor_touched() -> None:
    world = await world_with_a_container()
    home = world.machine.home
    home.add("vethother", "veth", None).group = GROUP + 2
    home.add("br-other", "bridge", None)
    world.machine.stack(path(world)).link("eth0").addresses.append(ip_interface("198.51.100.1/32"))
    before = world.machine.dump()

    assert await world.engine.diagnosis.check() == ()
    assert await world.engine.diagnosis.repair() == ()
    assert world.machine.dump() == before


async def test_what_is_just_being_made_or_removed_is_no_difference() -> None:
    world = await world_with_a_container()
    engine = world.engine
    made = await engine.sandboxes.create(sandbox("db", "blue", ports=(port(1, 81),)))
    changes = [engine.sandboxes.open(made.id), engine.sandboxes.close(named(engine, "web").id)]
    checks = [engine.diagnosis.check() for _ in range(20)]
    *_, first = await asyncio.gather(*changes, *checks)

    assert list(first) == []


async def test_a_stranger_in_a_bridges_place_is_a_degraded_network_until_it_is_gone() -> None:
    world = await world_with_a_container()
    home, name = world.machine.home, bridge(world)
    home.remove(home.link(name))
    home.add(name, "bridge", None)

    await world.engine.diagnosis.repair()
    blue = world.engine.networks.get("blue").id
    assert world.engine.condition.of(blue) == (f"an interface {name} that is not ours stands in its place",)
    assert world.engine.faults()[0].startswith("network blue: an interface")
    (told, *_) = await world.engine.diagnosis.check()
    assert told.cure == "remove or rename that interface"

    home.remove(home.link(name))
    await world.engine.diagnosis.repair()
    assert await world.engine.diagnosis.check() == ()
    assert world.engine.faults() == []


async def test_a_container_whose_namespace_is_gone_is_degraded_and_told_to_be_restarted() -> None:
    world = await world_with_a_container()
    world.host._delete_namespace(ops.DeleteNamespace(path=path(world)))
    world.machine.settle()

    await world.engine.diagnosis.repair()

    assert world.engine.faults() == ["web: its network namespace is gone: restart it"]
    assert {one.cure for one in await world.engine.diagnosis.check() if one.subject == "web"} == {
        "restart the container"
    }


async def test_the_minutes_look_has_names_answered_that_could_not_be_before() -> None:
    world = await world_with_a_container()
    serve = world.host._carry[ops.ServeNames]

    def refuse(_: ops.ServeNames) -> None:
        raise OperationFailed("no more sockets")

    world.host._carry[ops.ServeNames] = refuse
    world.machine.zone.views.clear()
    await world.engine.diagnosis.repair()
    assert any("no more sockets" in fault for fault in world.engine.faults())
    world.host._carry[ops.ServeNames] = serve

    world.engine.healing._retry = True
    await world.engine.healing._repair()

    assert world.engine.faults() == []
    assert await world.engine.diagnosis.check() == ()


async def test_the_minutes_look_mends_what_could_not_be_mended_before() -> None:
    world = await world_with_a_container()
    home, name = world.machine.home, bridge(world)
    home.remove(home.link(name))
    stranger = home.add(name, "bridge", None)
    await world.engine.diagnosis.repair()
    home.remove(stranger)

    world.engine.healing._retry = True
    await world.engine.healing._repair()

    assert world.engine.faults() == []
    assert await world.engine.diagnosis.check() == ()
