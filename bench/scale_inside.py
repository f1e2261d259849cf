"""The part of `bench/scale.py` that runs in namespaces of its own: measures, and prints JSON.

scale_inside.py COUNT
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from ipaddress import ip_network
from pathlib import Path

import uvloop
from attach_inside import await_reaping, processor, running_engine, stack_feed

from netwright.controller.api import NetworkRequest, SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.model.names import new_id
from netwright.model.network import EndpointSpec, Pool

EDGE = 20
"""How many of the first and of the last attaches are looked at; of the first as many again at the end."""
QUIET = 0.5
"""Seconds after which what the attach before has begun in the background is over."""

Samples = defaultdict[str, list[float]]


async def opened(engine: NetworkEngine, network: str) -> tuple[float, float]:
    """Open a sandbox on a network; return the milliseconds that it took, and those of the processor."""
    name = new_id()
    request = SandboxRequest(owner=name, name=name[:12], hostname="box", endpoints={network: EndpointSpec()})
    used, begin = sum(processor().values()), time.perf_counter()
    await engine.sandboxes.open((await engine.sandboxes.create(request)).id)
    return (time.perf_counter() - begin) * 1000, sum(processor().values()) - used


async def clear(engine: NetworkEngine) -> None:
    """Remove all but what was there at first."""
    for sandbox in engine.sandboxes.list():
        if sandbox.name != "bench":
            await engine.sandboxes.delete(sandbox.id)
    for network in engine.networks.list():
        if network.name.startswith("wide"):
            await engine.networks.remove(network.id)
    await asyncio.to_thread(await_reaping)


def resident() -> float:
    """Return the resident memory of this process in MB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Growth:
    """One engine that is filled; `samples` are milliseconds by what was measured."""

    def __init__(self, engine: NetworkEngine, count: int) -> None:
        self._engine = engine
        self._count = count
        self.samples: Samples = defaultdict(list)

    async def one_network(self) -> None:
        """Fill one network."""
        for edge, others in (("first", 0), ("last", self._count - 2 * EDGE), ("again", 0)):
            if edge != "last":
                pool = Pool(subnet=ip_network("10.128.0.0/16"))
                await self._engine.networks.create(NetworkRequest(name="wide", pools=(pool,)))
            for _ in range(others):
                took, _used = await opened(self._engine, "wide")
                self.samples["one network, all"].append(took)
            for _ in range(EDGE):
                await self._alone("one network", edge, "wide")
            if edge == "last":
                await self._look()
                await clear(self._engine)
        await clear(self._engine)

    async def _look(self) -> None:
        self.samples["memory, one network"] = [resident()]
        begin = time.perf_counter()
        found = await self._engine.diagnosis.check()
        self.samples["check"] = [(time.perf_counter() - begin) * 1000]
        assert list(found) == [], found
        print(f"{self._count} endpoints are open, removing them", file=sys.stderr)

    async def many_networks(self) -> None:
        """Make many networks, with one endpoint each."""
        for number in range(self._count):
            await self._network_more(number)
        self.samples["memory, many networks"] = [resident()]
        print(f"{self._count} networks are made, removing them", file=sys.stderr)
        await clear(self._engine)
        for number in range(EDGE):
            await self._network_more(number, again=True)
        await clear(self._engine)

    async def _network_more(self, number: int, *, again: bool = False) -> None:
        begin = time.perf_counter()
        await self._engine.networks.create(NetworkRequest(name=f"wide{number}"))
        took = (time.perf_counter() - begin) * 1000
        if not again:
            self.samples["making a network, all"].append(took)
        if EDGE <= number < self._count - EDGE:
            self.samples["many networks, all"].append((await opened(self._engine, f"wide{number}"))[0])
            return
        edge = "again" if again else "first" if number < EDGE else "last"
        self.samples[f"making a network, {edge}"].append(took)
        await self._alone("many networks", edge, f"wide{number}")

    async def _alone(self, what: str, edge: str, network: str) -> None:
        """Attach one endpoint when nothing else goes on, and note what it took."""
        await asyncio.sleep(QUIET)
        took, used = await opened(self._engine, network)
        self.samples[f"{what}, {edge}"].append(took)
        self.samples[f"work, {what}, {edge}"].append(used)


async def measure(count: int) -> Samples:
    """Fill one network, then many networks."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder:
        async with running_engine(Path(folder), "nftables") as engine:
            feed = stack_feed(Path(folder))
            feed.start(engine.hear)
            engine.foreign.follow()
            growth = Growth(engine, count)
            await growth.one_network()
            await growth.many_networks()
            feed.close()
            engine.close()
    return growth.samples


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(int(sys.argv[1])))))
