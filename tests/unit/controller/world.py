"""A world for network engines: a machine and rows that outlive them, and steps at which they can fail or die."""

import asyncio
import json
import pickle
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface
from typing import Any

from tests.fakes.host import FakeHost
from tests.fakes.machine import FakeRoute, Machine
from tests.fakes.nftables import Table
from tests.fakes.steps import Steps
from tests.fakes.stores import SteppingStore

from netwright.controller.api import NetworkRequest, SandboxRequest
from netwright.controller.engine import EngineSettings, NetworkEngine
from netwright.controller.predefined import DefaultBridge
from netwright.firewall.api import FirewallSettings
from netwright.firewall.iptables import IptablesBackend
from netwright.firewall.nftables import NftablesBackend
from netwright.ipam.default_bridge import DefaultBridgeAddresses
from netwright.ipam.subnets import DEFAULT_SOURCES, unique_local_source
from netwright.model.events import Event
from netwright.model.names import Id, new_id
from netwright.model.network import EndpointSpec, Sandbox
from netwright.model.ports import Port, PortRequest, Protocol
from netwright.publish.allocate import HostPorts
from netwright.store.memory import MemoryStore
from netwright.telemetry.bus import Bus

GROUP = 0x4E570001
PINS = "/run/test/netns"
SETTINGS = EngineSettings(
    identity="test",
    group=GROUP,
    netns_directory=PINS,
    sources=(*DEFAULT_SOURCES, unique_local_source("test")),
    default_bridge=DefaultBridge(addresses=DefaultBridgeAddresses()),
    firewall=FirewallSettings(instance="test"),
    backend_name="nftables",
    backends={"nftables": NftablesBackend, "iptables": IptablesBackend},
)
EPHEMERAL = range(40000, 40100)


class Ids:
    """Where new ids come from in these tests: the same ones again whenever a world of the same age starts."""

    def __init__(self) -> None:
        self._random = random.Random()

    def restart(self, age: int) -> None:
        """Begin the ids of an age."""
        self._random.seed(age)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let another world have ids of its own for the time of the block."""
        state = self._random.getstate()
        yield
        self._random.setstate(state)

    def token_hex(self, octets: int) -> str:
        """Do as `secrets.token_hex` does."""
        return self._random.randbytes(octets).hex()


IDS = Ids()


def machine() -> Machine:
    """Return a machine with an uplink, and with things of others that must not be touched."""
    made = Machine()
    uplink = made.home.add("wan", "", None)
    uplink.up = True
    uplink.addresses = [ip_interface("192.0.2.2/24")]
    made.home.routes[4, None] = FakeRoute(ip_address("192.0.2.1"), uplink)
    stranger = made.home.add("stranger", "bridge", None)
    stranger.up, stranger.group = True, 7
    made.nft.tables["inet stranger"] = Table({"input": ["tcp dport 22 accept"]}, {"ports": {"22": ""}})
    made.files["/etc/resolv.conf"] = "nameserver 192.0.2.53\n"
    return made


@dataclass
class World:
    """What lasts: a machine and rows. `live` starts an engine on it, in place of the one that was there."""

    settings: EngineSettings = SETTINGS
    machine: Machine = field(default_factory=machine)
    rows: MemoryStore = field(default_factory=MemoryStore)
    steps: Steps = field(default_factory=Steps)
    age: int = 0
    events: list[Event] = field(default_factory=list)
    engine: NetworkEngine = field(init=False)
    ports: HostPorts = field(init=False)
    host: FakeHost = field(init=False)

    async def live(self, steps: Steps | None = None) -> NetworkEngine:
        """Start an engine."""
        self.assemble(steps or Steps())
        await self.engine.start()
        return self.engine

    def assemble(self, steps: Steps) -> None:
        """Put an engine together that is yet to be started."""
        self.age += 1
        IDS.restart(self.age)
        self.steps = steps
        self.host = FakeHost(self.machine, group=self.settings.group, steps=steps)
        self.ports = HostPorts(ephemeral=EPHEMERAL)
        bus = Bus()
        bus.watch(self.events.append)
        self.engine = NetworkEngine(
            self.settings,
            store=SteppingStore(self.rows, steps),
            host=self.host,
            bus=bus,
            ports=self.ports,
            host_has_ipv6=self.machine.has_ipv6,
        )

    def copy(self) -> "World":
        """Return a world that is the same and apart, without its engine."""
        machine, rows = pickle.loads(pickle.dumps((self.machine, self.rows)))
        return World(self.settings, machine, rows, age=self.age)

    def stored(self, *, wishes: bool = True) -> dict[str, Any]:
        """Return what is on disk.

        Without `wishes` the ports of closed sandboxes are left out: what was granted last is no more than a wish.
        """
        found: dict[str, Any] = {
            kind: {key: json.loads(body)["d"] for key, body in rows.items()} for kind, rows in self.rows._rows.items()
        }
        for network in found.get("Network", {}).values():
            del network["created"]
        if not wishes:
            sandboxes = found.get("Sandbox", {})
            for endpoint in found.get("Endpoint", {}).values():
                if not sandboxes[endpoint["sandbox"]]["open"]:
                    endpoint["bindings"] = []
        return {kind: rows for kind, rows in found.items() if rows}

    def remembered(self) -> dict[str, Any]:
        """Return what the engine has in memory beside the rows: addresses and host ports."""
        engine = self.engine
        return {
            "addresses": {
                network.name: {str(subnet): taken for subnet, taken in engine.networks.usage(network.id).items()}
                for network in engine.networks.list()
            },
            "ports": {
                (port, address): self.ports._names[holders[0]]
                for port, found in self.ports._holders.items()
                for address, holders in found.items()
            },
        }

    def seen(self) -> dict[str, Any]:
        """Return all that can be seen of a world: its machine, its rows, its engine's memory."""
        return {"machine": self.machine.dump(), "rows": self.stored(), "memory": self.remembered()}

    async def rebuilt(self) -> "World":
        """Return the world that a new engine makes of these rows on a machine that knows nothing of us yet."""
        fresh = World(self.settings, machine(), pickle.loads(pickle.dumps(self.rows)))
        fresh.machine.iptables = {version: type(found)() for version, found in self.machine.iptables.items()}
        was_open = [Id(key) for key, row in fresh.rows.load(Sandbox).items() if row.open]
        with IDS.aside():
            await fresh.live()
            for sandbox in was_open:
                await fresh.engine.sandboxes.open(sandbox)
        return fresh


def network(name: str, **more: Any) -> NetworkRequest:
    """Return a wish for a network."""
    given: dict[str, Any] = {"name": name, "ipv6": True}
    return NetworkRequest(**given | more)


def port(number: int, first: int = 0, protocol: Protocol = Protocol.TCP) -> PortRequest:
    """Return a wish for a port: at this number of the host, or at any."""
    return PortRequest(Port(number, protocol), None, first, first)


def sandbox(name: str, *networks: str, **more: Any) -> SandboxRequest:
    """Return a wish for a sandbox on these networks."""
    endpoints: Mapping[str, EndpointSpec] = {each: EndpointSpec() for each in networks}
    given: dict[str, Any] = {"owner": new_id(), "name": name, "hostname": name, "endpoints": endpoints}
    return SandboxRequest(**given | more)


def named(engine: NetworkEngine, name: str) -> Sandbox:
    """Return the sandbox of a name."""
    return next(found for found in engine.sandboxes.list() if found.name == name)


async def give_turns(count: int) -> None:
    """Let everything else have its turn a number of times."""
    for _ in range(count):
        await asyncio.sleep(0)


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """Return in words where two dumps differ."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            words
            for key in sorted({*before, *after}, key=str)
            for words in differences(before.get(key), after.get(key), f"{where}/{key}")
        ]
    return [] if before == after else [f"{where}: {before} -> {after}"]
