"""The part of `bench/healing.py` that runs in namespaces of its own: measures, and prints JSON.

healing_inside.py BACKEND ENDPOINTS PORTS ROUNDS
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

import uvloop
from attach_inside import BRIDGE, running_engine, stack_feed

from netwright.controller.api import SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.controller.repair.healing import SPACING
from netwright.kernel.own_processes import OwnProcesses
from netwright.kernel.ruleset_feed import RulesetFeed
from netwright.model.names import new_id
from netwright.model.network import EndpointSpec
from netwright.model.ports import Port, PortRequest, Protocol
from netwright.telemetry.bus import Bus

DAMAGES: Mapping[str, list[str]] = {
    "nft flush ruleset": ["nft", "flush", "ruleset"],
    "the bridge's address deleted": ["ip", "address", "flush", "dev", BRIDGE],
    "the bridge set down": ["ip", "link", "set", BRIDGE, "down"],
}


async def fill(engine: NetworkEngine, endpoints: int, ports: int) -> None:
    """Open sandboxes, and publish ports of the first of them on the loopback address."""
    for number in range(endpoints):
        wished = range(20_000, 20_000 + ports) if number == 0 else range(0)
        request = SandboxRequest(
            owner=new_id(),
            name=f"box{number}",
            hostname="box",
            endpoints={"bench": EndpointSpec()},
            ports=tuple(
                PortRequest(Port(port, Protocol.TCP), ip_address("127.0.0.1"), port + 10_000, port + 10_000)
                for port in wished
            ),
        )
        await engine.sandboxes.open((await engine.sandboxes.create(request)).id)


async def healed(bus: Bus, damage: list[str]) -> float:
    """Damage something and return the milliseconds until the engine says that it is put back."""
    with bus.subscribe() as events:
        begin = time.perf_counter()
        process = await asyncio.create_subprocess_exec(*damage)
        await process.wait()
        async for event in events:
            if event.action == "repair":
                break
        return (time.perf_counter() - begin) * 1000


async def measure(backend: str, endpoints: int, ports: int, rounds: int) -> dict[str, list[float]]:
    """Damage in turn what there is, as often as asked."""
    samples: dict[str, list[float]] = {what: [] for what in DAMAGES}
    with tempfile.TemporaryDirectory(prefix="bench-healing-") as folder:
        bus = Bus()
        async with running_engine(Path(folder), backend, bus) as engine:
            feeds = (stack_feed(Path(folder)), RulesetFeed(OwnProcesses()))
            await fill(engine, endpoints, ports)
            for feed in feeds:
                feed.start(engine.hear)
            for _ in range(rounds):
                for what, damage in DAMAGES.items():
                    await asyncio.sleep(SPACING)  # one repair a second at most: each is to be the first of its second
                    samples[what].append(await healed(bus, damage))
            for feed in feeds:
                feed.close()
            engine.close()
    return samples


def main() -> None:
    """Measure and print."""
    backend, *numbers = sys.argv[1:]
    endpoints, ports, rounds = map(int, numbers)
    print(json.dumps(uvloop.run(measure(backend, endpoints, ports, rounds))))


if __name__ == "__main__":
    main()
