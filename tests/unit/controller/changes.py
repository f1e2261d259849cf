"""Every kind of change that can be asked of the network engine, each with the world that it begins in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.fakes.iptables import Iptables
from tests.unit.controller.world import SETTINGS, World, named, network, port, sandbox

from netwright.controller.engine import EngineSettings, NetworkEngine
from netwright.model.network import EndpointSpec
from netwright.model.ports import Protocol
from netwright.model.sources import Sources

Doing = Callable[[NetworkEngine], Awaitable[Any]]

PORTS = (port(80, 8080), port(53, protocol=Protocol.UDP))
SYSCTLS = {"net.core.somaxconn": "128"}
BRIDGE_NAME = "com.docker.network.bridge.name"
FOR_FRIENDS = replace(port(80, 8081), sources=Sources.parse(["friends"]))
FIRST = EndpointSpec(gateway_priority=9)


@dataclass(frozen=True)
class Change:
    """What is asked. `built` makes something, and fails as a whole; else it takes something down, as far as it can."""

    act: Doing
    is_open: bool = False
    built: bool = True
    joined: tuple[str, ...] = ("blue",)

    async def world(self, settings: EngineSettings = SETTINGS) -> World:
        """Return the world that it begins in, with an engine at work."""
        world = World(settings)
        world.machine.iptables = {4: Iptables(), 6: Iptables()} if settings.backend_name == "iptables" else {}
        engine = await world.live()
        for name in ("blue", "red"):
            await engine.networks.create(network(name))
        await engine.networks.create(network("inner", internal=True))
        await engine.source_sets.put("friends", ["198.51.100.7"])
        made = await engine.sandboxes.create(sandbox("web", *self.joined, ports=PORTS, sysctls=SYSCTLS))
        if self.is_open:
            await engine.sandboxes.open(made.id)
        return world


def connect(name: str, spec: EndpointSpec | None = None) -> Doing:
    return lambda engine: engine.sandboxes.connect(named(engine, "web").id, name, spec or EndpointSpec())


def disconnect(name: str) -> Doing:
    return lambda engine: engine.sandboxes.disconnect(named(engine, "web").id, name, force=False)


def create(**more: Any) -> Doing:
    return lambda engine: engine.networks.create(network("new", **more))


BOTH = ("blue", "red")
CHANGES: Mapping[str, Change] = {
    "name sources": Change(lambda engine: engine.source_sets.put("office", ["192.0.2.0/24", "2001:db8::/64"])),
    "change named sources": Change(
        lambda engine: engine.source_sets.edit("friends", ["192.0.2.0/24"], ["198.51.100.7"])
    ),
    "forget named sources": Change(lambda engine: engine.source_sets.delete("friends")),
    "publish for named sources": Change(
        lambda engine: engine.sandboxes.publish(named(engine, "web").id, [FOR_FRIENDS]), is_open=True
    ),
    "create network": Change(create()),
    "create network of one family": Change(
        create(ipv6=False, options={"com.docker.network.bridge.enable_icc": "false"})
    ),
    "create internal network": Change(create(internal=True)),
    "create network on a bridge of others": Change(create(options={BRIDGE_NAME: "stranger"})),
    "remove network": Change(lambda engine: engine.networks.remove("red"), built=False),
    "create sandbox": Change(lambda engine: engine.sandboxes.create(sandbox("db", "blue", "red", ports=PORTS))),
    "open sandbox": Change(lambda engine: engine.sandboxes.open(named(engine, "web").id)),
    "open sandbox on two networks": Change(lambda engine: engine.sandboxes.open(named(engine, "web").id), joined=BOTH),
    "open sandbox on no network": Change(
        lambda engine: engine.sandboxes.open(named(engine, "web").id), joined=("none",)
    ),
    "open sandbox of the host": Change(lambda engine: engine.sandboxes.open(named(engine, "web").id), joined=("host",)),
    "connect closed sandbox": Change(connect("red")),
    "connect": Change(connect("red"), is_open=True),
    "connect to another gateway": Change(connect("red", FIRST), is_open=True),
    "connect from inside only": Change(connect("red"), is_open=True, joined=("inner",)),
    "disconnect closed sandbox": Change(disconnect("blue")),
    "disconnect": Change(disconnect("red"), is_open=True, joined=BOTH),
    "disconnect from the gateway": Change(disconnect("blue"), is_open=True, joined=BOTH),
    "disconnect from all": Change(disconnect("blue"), is_open=True),
    "close": Change(
        lambda engine: engine.sandboxes.close(named(engine, "web").id), is_open=True, built=False, joined=BOTH
    ),
    "delete closed sandbox": Change(lambda engine: engine.sandboxes.delete(named(engine, "web").id), built=False),
    "delete": Change(lambda engine: engine.sandboxes.delete(named(engine, "web").id), is_open=True, built=False),
    "rename": Change(lambda engine: engine.sandboxes.rename(named(engine, "web").id, "other"), is_open=True),
}
BUILT = [pytest.param(change, id=name) for name, change in CHANGES.items() if change.built]
REMOVED = [pytest.param(change, id=name) for name, change in CHANGES.items() if not change.built]
ALL = [pytest.param(change, id=name) for name, change in CHANGES.items()]
