"""The part of `bench/publish.py` that runs in namespaces of its own: an engine with many ports published, or few.

    publish_inside.py BACKEND PRESENT

It says `{}` when it is ready. Each line on its input asks for a round, and each round answers with a line of JSON:
`publish` and `unpublish` are milliseconds, `connections` how many TCP connections a second a neighbour makes.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from attach_inside import running_engine

from netwright.controller.api import SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.kernel import netns
from netwright.model.names import Id, new_id
from netwright.model.network import EndpointSpec
from netwright.model.ports import Port, PortRequest, Protocol

PUBLISHED = 10
"""How many ports a round publishes one by one."""

SECONDS = 0.7
"""For how long a round makes connections."""

EACH = 500
"""How many of the ports that are present one container has."""

HOST, NEIGHBOUR = "198.51.100.1", "198.51.100.7"
SERVED, FIRST, EXTRA = 9000, 10_000, 9001

_SERVER = """
import socket
listener = socket.create_server(("", 80), backlog=4096)
print(flush=True)
while True:
    listener.accept()[0].close()
"""
_CLIENT = """
import socket, struct, sys, time
target, seconds = (sys.argv[1], int(sys.argv[2])), float(sys.argv[3])
# Reset instead of closed: no socket waits for its peer, so the numbers of ports do not run out.
reset, count, begin = struct.pack("ii", 1, 0), 0, time.perf_counter()
while (spent := time.perf_counter() - begin) < seconds:
    with socket.create_connection(target, 5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    count += 1
print(count / spent)
"""


def ports(first: int, count: int) -> tuple[PortRequest, ...]:
    """Return wishes for host ports that all lead to port 80: none of them can share a rule with the next."""
    return tuple(
        PortRequest(Port(80, Protocol.TCP), first=number, last=number) for number in range(first, first + count)
    )


async def one_more(engine: NetworkEngine, sandbox: Id) -> float:
    """Return the milliseconds of publishing a port more, the best of ten; nothing is left of it."""
    took = []
    for number in range(10):
        wish = ports(EXTRA + number, 1)
        begin = time.perf_counter()
        await engine.sandboxes.publish(sandbox, wish)
        took.append((time.perf_counter() - begin) * 1000)
        await engine.sandboxes.unpublish(sandbox, wish)
    return min(took)


@dataclass(frozen=True)
class Bench:
    """An engine with its ports, and the sandbox that a round publishes more of."""

    engine: NetworkEngine
    sandbox: Id
    neighbour: str

    async def round(self) -> dict[str, list[float]]:
        """Measure once."""
        publish, unpublish = [], []
        for number in range(PUBLISHED):
            wish = ports(EXTRA + number, 1)
            begin = time.perf_counter()
            await self.engine.sandboxes.publish(self.sandbox, wish)
            published = time.perf_counter()
            await self.engine.sandboxes.unpublish(self.sandbox, wish)
            publish.append((published - begin) * 1000)
            unpublish.append((time.perf_counter() - published) * 1000)
        return {"publish": publish, "unpublish": unpublish, "connections": [await asyncio.to_thread(self._connections)]}

    def _connections(self) -> float:
        argv = [*_inside(self.neighbour), sys.executable, "-I", "-c", _CLIENT, HOST, str(SERVED), str(SECONDS)]
        return float(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)


def _inside(namespace: str) -> list[str]:
    return ["nsenter", f"--net={namespace}"]


def _neighbour(path: str) -> None:
    """Make a neighbour of this host on a wire of its own."""
    netns.create(path, netns.current())
    for words in (
        f"link add wire0 type veth peer name eth0 netns {path}",
        f"addr add {HOST}/24 dev wire0",
        "link set wire0 up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    for words in ("link set lo up", f"addr add {NEIGHBOUR}/24 dev eth0", "link set eth0 up"):
        subprocess.run([*_inside(path), "ip", *words.split()], check=True)


async def _sandbox(engine: NetworkEngine, name: str, wishes: tuple[PortRequest, ...]) -> Id:
    wish = SandboxRequest(owner=new_id(), name=name, hostname=name, endpoints={"bench": EndpointSpec()}, ports=wishes)
    sandbox = await engine.sandboxes.create(wish)
    await engine.sandboxes.open(sandbox.id)
    return sandbox.id


@contextmanager
def _server(namespace: str) -> Iterator[None]:
    """Accept connections in a namespace for the time of the block."""
    argv = [*_inside(namespace), sys.executable, "-I", "-c", _SERVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield
        finally:
            server.kill()


async def serve(backend: str, present: int) -> None:
    """Answer rounds until the input ends."""
    with tempfile.TemporaryDirectory(prefix="bench-publish-") as folder:
        async with running_engine(Path(folder), backend) as engine:
            parts = [(first, min(EACH, present - first)) for first in range(1, present, EACH)]
            middle = len(parts) // 2
            grown: list[tuple[int, float]] = []
            for first, count in parts[:middle]:
                other = await _sandbox(engine, f"other{first}", ports(FIRST + first, count))
                grown.append((first + count, await one_more(engine, other)))
            # Where rules are asked one after the other, the one that is measured is in the middle.
            web = await _sandbox(engine, "web", ports(SERVED, 1))
            for first, count in parts[middle:]:
                await _sandbox(engine, f"other{first}", ports(FIRST + first, count))
                grown.append((first + count, await one_more(engine, web)))
            neighbour = f"{folder}/neighbour"
            _neighbour(neighbour)
            with _server(engine.sandboxes.path(web)):
                bench = Bench(engine, web, neighbour)
                print(json.dumps({"grown": grown}), flush=True)
                while await asyncio.to_thread(sys.stdin.readline):
                    print(json.dumps(await bench.round()), flush=True)
            netns.delete(neighbour)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
