"""The part of `bench/scale.py` that runs in namespaces of its own: measures, and prints JSON.

scale_inside.py COUNT
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
from ipaddress import ip_network
from pathlib import Path

import uvloop
from attach_inside import running_engine, stack_feed

from netwright.controller.api import NetworkRequest, SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.model.names import new_id
from netwright.model.network import EndpointSpec, Pool

EDGE = 10
"""How many of the first and of the last attaches are looked at."""
QUIET = 2.5
"""Seconds after which an endpoint has told its neighbours of itself for the last time."""


async def opened(engine: NetworkEngine, network: str, work: list[float]) -> float:
    """Open a sandbox on a network, and return the milliseconds that it took; `work` gets those of the processor."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    name = new_id()
    request = SandboxRequest(owner=name, name=name[:12], hostname="box", endpoints={network: EndpointSpec()})
    begin = time.perf_counter()
    await engine.sandboxes.open((await engine.sandboxes.create(request)).id)
    took = (time.perf_counter() - begin) * 1000
    work.append((resource.getrusage(resource.RUSAGE_SELF).ru_utime - used) * 1000)
    return took


async def alone(engine: NetworkEngine, network: str, work: list[float]) -> float:
    """Do as `opened`, when what others have begun is over: they tell all their neighbours of themselves three times."""
    await asyncio.sleep(QUIET)
    return await opened(engine, network, work)


async def clear(engine: NetworkEngine) -> None:
    """Remove all but what was there at first."""
    for sandbox in engine.sandboxes.list():
        if sandbox.name != "bench":
            await engine.sandboxes.delete(sandbox.id)
    for network in engine.networks.list():
        if network.name.startswith("wide"):
            await engine.networks.remove(network.id)


def resident() -> float:
    """Return the resident memory of this process in MB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


async def measure(count: int) -> dict[str, list[float]]:
    """Fill one network, then many networks."""
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        async with running_engine(Path(folder), "nftables") as engine:
            feed = stack_feed(Path(folder))
            feed.start(engine.hear)
            engine.foreign.follow()
            await engine.networks.create(NetworkRequest(name="wide", pools=(Pool(subnet=ip_network("10.128.0.0/16")),)))
            for edge, others in (("first", 0), ("last", count - 2 * EDGE)):
                for _ in range(others):
                    samples.setdefault("one network, all", []).append(await opened(engine, "wide", []))
                work: list[float] = []
                samples[f"one network, {edge}"] = [await alone(engine, "wide", work) for _ in range(EDGE)]
                samples[f"work, one network, {edge}"] = work
            samples["memory, one network"] = [resident()]
            begin = time.perf_counter()
            found = await engine.diagnosis.check()
            samples["check"] = [(time.perf_counter() - begin) * 1000]
            assert list(found) == [], found
            print(f"{count} endpoints are open, removing them", file=sys.stderr)
            await clear(engine)
            print("removed", file=sys.stderr)
            made: list[float] = []
            for number in range(count):
                begin = time.perf_counter()
                await engine.networks.create(NetworkRequest(name=f"wide{number}"))
                made.append((time.perf_counter() - begin) * 1000)
                if number < EDGE or number >= count - EDGE:
                    edge = "first" if number < EDGE else "last"
                    work = samples.setdefault(f"work, many networks, {edge}", [])
                    took = await alone(engine, f"wide{number}", work)
                    samples.setdefault(f"many networks, {edge}", []).append(took)
                else:
                    samples.setdefault("many networks, all", []).append(await opened(engine, f"wide{number}", []))
            samples["making a network, all"] = made
            samples["making a network, first"], samples["making a network, last"] = made[:EDGE], made[-EDGE:]
            samples["memory, many networks"] = [resident()]
            print(f"{count} networks are made, removing them", file=sys.stderr)
            await clear(engine)
            feed.close()
            engine.close()
    return samples


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(int(sys.argv[1])))))
