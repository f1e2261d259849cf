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

from attach_inside import running_engine

from netwright.controller.api import NetworkRequest, SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.kernel.stack_feed import StackFeed
from netwright.model.names import new_id
from netwright.model.network import EndpointSpec, Pool


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
            # As the daemon does: what is heard of the stack need not be asked for each time.
            feed = StackFeed()
            feed.start(engine.hear)
            engine.foreign.follow()
            await engine.networks.create(NetworkRequest(name="wide", pools=(Pool(subnet=ip_network("10.128.0.0/16")),)))
            work: list[float] = []
            samples["one network"] = [await opened(engine, "wide", work) for _ in range(count)]
            samples["work, one network"] = work
            samples["memory, one network"] = [resident()]
            begin = time.perf_counter()
            found = await engine.diagnosis.check()
            samples["check"] = [(time.perf_counter() - begin) * 1000]
            assert list(found) == [], found
            print(f"{count} endpoints are open, removing them", file=sys.stderr)
            await clear(engine)
            print("removed", file=sys.stderr)
            samples["many networks"], samples["making a network"], samples["work, many networks"] = [], [], []
            for number in range(count):
                begin = time.perf_counter()
                await engine.networks.create(NetworkRequest(name=f"wide{number}"))
                samples["making a network"].append((time.perf_counter() - begin) * 1000)
                samples["many networks"].append(await opened(engine, f"wide{number}", samples["work, many networks"]))
            samples["memory, many networks"] = [resident()]
            print(f"{count} networks are made, removing them", file=sys.stderr)
            await clear(engine)
            feed.close()
            engine.close()
    return samples


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1])))))
