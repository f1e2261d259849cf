"""The part of `bench/attach.py` that runs in namespaces of its own: measures, and prints JSON.

attach_inside.py BACKEND ROUNDS
"""

import asyncio
import json
import os
import resource
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import uvloop

from netwright.app import engine_identity, link_group, network_settings
from netwright.config import parse
from netwright.controller.api import NetworkRequest, SandboxRequest
from netwright.controller.engine import NetworkEngine, has_ipv6, host_ports
from netwright.host.elements import Item, Name, SetChange, Verb
from netwright.kernel import netns
from netwright.kernel.links import is_parked
from netwright.kernel.linux import LinuxHost
from netwright.kernel.netlink import messages as rt
from netwright.kernel.netlink.wire import number_message
from netwright.kernel.nft import Nft
from netwright.kernel.nft_elements import NftElements
from netwright.kernel.stack_feed import StackFeed
from netwright.model.addressing import Mac
from netwright.model.names import Id, new_id
from netwright.model.network import Endpoint, EndpointSpec
from netwright.store.api import Put
from netwright.store.sqlite import SqliteStore
from netwright.telemetry.bus import Bus

ATTACHES = 25
"""Attaches in a round."""

BRIDGE = "bench0"
HOST_END, PEER_END = "vethshare", "eth0"


def last_process() -> int:
    """Return the number of the last process or thread that was started in this process namespace (proc(5))."""
    return int(Path("/proc/loadavg").read_text().split()[4])


@asynccontextmanager
async def running_engine(folder: Path, backend: str, bus: Bus | None = None) -> AsyncIterator[NetworkEngine]:
    """Run a network engine with two networks, `bench` and `home`; what it tells goes to the bus, if there is one."""
    words = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    config = parse([*words, "--bridge", "none", "--firewall-backend", backend], None)
    identity = engine_identity(config.data_root)
    settings = network_settings(config, identity)
    host = LinuxHost(exec_root=str(config.exec_root), group=settings.group)
    store = SqliteStore(config.data_root / "netwright.db")
    ports, ipv6 = await host_ports(host), await has_ipv6(host)
    engine = NetworkEngine(settings, store=store, host=host, bus=bus or Bus(), ports=ports, host_has_ipv6=ipv6)
    await engine.start()
    await engine.networks.create(NetworkRequest(name="bench", options={"com.docker.network.bridge.name": BRIDGE}))
    await engine.networks.create(NetworkRequest(name="home"))
    try:
        yield engine
    finally:
        await engine.uninstall()
        host.close()
        store.close()


def stack_feed(folder: Path) -> StackFeed:
    """Return what tells a running engine of its stack: what is heard of need not be asked for each time."""
    return StackFeed(link_group(engine_identity(folder / "data")))


class Conversation:
    """A netlink socket of which the time within `send` is told: the kernel does its work there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
        self._socket.bind((0, 0))

    def timed(self, batch: Sequence[bytearray]) -> float:
        """Send messages, which must all succeed, and return the milliseconds that the kernel took."""
        for place, encoded in enumerate(batch):
            number_message(encoded, place)
        data = b"".join(batch)
        begin = time.perf_counter()
        self._socket.send(data)
        took = (time.perf_counter() - begin) * 1000
        for _ in batch:
            answer = self._socket.recv(65536)
            error = -int.from_bytes(answer[16:20], sys.byteorder, signed=True)
            if error:
                raise OSError(error, os.strerror(error))
        return took


class KernelShare:
    """The objects of an attach, by messages that were encoded beforehand."""

    def __init__(self, folder: Path) -> None:
        home = netns.current()
        self._path = f"{folder}/share"
        netns.create(self._path, home)
        descriptor = netns.open_pinned(self._path)
        self._home = Conversation()
        with netns.visit(descriptor, home):
            self._inside = Conversation()
        self._pair = rt.add_veth(
            host=(HOST_END, Mac.derived("share/host")),
            master=socket.if_nametoindex(BRIDGE),
            peer=(PEER_END, Mac.derived("share")),
            netns=descriptor,
            mtu=1500,
            group=0,
        )
        self._port = [rt.set_up_port(HOST_END, hairpin=True)]
        self._nft = NftElements()
        Nft().run(
            "add table bridge share\n"
            "add set bridge share ports { type ifname; }\n"
            "add set bridge share macs { type ifname . ether_addr; }\n"
            "add set bridge share senders4 { type ifname . ipv4_addr; }"
        )
        self._store = SqliteStore(folder / "share.db")
        self._links = 1

    def close(self) -> None:
        """Let go of what would keep the folder busy."""
        netns.delete(self._path)
        self._store.close()
        self._nft.close()

    def links(self) -> float:
        """Make pair, address and route, and return the milliseconds; remove them untimed."""
        took = self._home.timed([self._pair]) + self._home.timed(self._port)
        # The first link of a namespace beside lo has the next index.
        self._links += 1
        index = self._links
        took += self._inside.timed([rt.add_address(index, IPv4Interface("172.30.0.9/16"))])
        took += self._inside.timed([rt.set_up(PEER_END)])
        took += self._inside.timed([rt.replace_route(4, None, IPv4Address("172.30.0.1"), index)])
        took += self._home.timed([rt.set_up(HOST_END)])
        self._home.timed([rt.delete_link(socket.if_nametoindex(HOST_END))])
        return took

    def elements(self) -> float:
        """Add an endpoint's elements, and return the milliseconds; remove them untimed."""
        name = Name(HOST_END)
        keys = {"ports": (name,), "macs": (name, Mac.derived("share")), "senders4": (name, IPv4Address("172.30.0.9"))}
        add, delete = (
            [SetChange(verb, "bridge", "share", set_name, (Item(key),)) for set_name, key in keys.items()]
            for verb in (Verb.ADD, Verb.DELETE)
        )
        begin = time.perf_counter()
        self._nft.run(add)
        took = (time.perf_counter() - begin) * 1000
        self._nft.run(delete)
        return took

    async def row(self) -> float:
        """Write one row to the disk and return the milliseconds."""
        row = Endpoint(id=new_id(), network=new_id(), sandbox=new_id(), spec=EndpointSpec(), order=0)
        begin = time.perf_counter()
        await self._store.commit([Put(row.id, row)])
        return (time.perf_counter() - begin) * 1000


async def open_sandbox(engine: NetworkEngine, name: str) -> Id:
    """Open a sandbox that is on `home`.

    Joining `bench` moves its default route: of networks of one priority the first by name is the gateway.
    """
    wish = SandboxRequest(owner=new_id(), name=name, hostname=name, endpoints={"home": EndpointSpec()})
    sandbox = await engine.sandboxes.create(wish)
    await engine.sandboxes.open(sandbox.id)
    return sandbox.id


async def one_round(engine: NetworkEngine, sandboxes: Sequence[Id], samples: Mapping[str, list[float]]) -> None:
    """Attach and detach all sandboxes, and note the milliseconds of each, and of the processor on average.

    Nothing goes on beside an attach: what detaching has parked is gone from the kernel when this returns.
    """
    changes: dict[str, Callable[[Id], Awaitable[object]]] = {
        "attach": lambda sandbox: engine.sandboxes.connect(sandbox, "bench", EndpointSpec()),
        "detach": lambda sandbox: engine.sandboxes.disconnect(sandbox, "bench", force=False),
    }
    for name, change in changes.items():
        before = processor()
        samples[name].extend([await timed(change(sandbox)) for sandbox in sandboxes])
        for part, used in processor().items():
            samples[f"{name}, {part}"].append((used - before[part]) / len(sandboxes))
    await_reaping()


def processor() -> dict[str, float]:
    """Return the milliseconds of the processor that the engine and its programs have used, by where."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "Python": used[0].ru_utime * 1000,
        "kernel": used[0].ru_stime * 1000,
        "programs": (used[1].ru_utime + used[1].ru_stime) * 1000,
    }


def await_reaping() -> None:
    """Wait until the kernel has let go of links that were detached; a thread of the engine's sees to it."""
    while any(is_parked(name) for _, name in socket.if_nameindex()):
        time.sleep(0.005)


async def timed(change: Awaitable[object]) -> float:
    """Return the milliseconds that a change takes."""
    begin = time.perf_counter()
    await change
    return (time.perf_counter() - begin) * 1000


async def measure(backend: str, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each attach and detach and of each part of the kernel's share, by name.

    `started` are the processes and threads that were started during each round of attaches and detaches.
    """
    samples: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-attach-") as folder:
        async with running_engine(Path(folder), backend) as engine:
            share = KernelShare(Path(folder))

            sandboxes = [await open_sandbox(engine, f"bench{number}") for number in range(ATTACHES)]
            # Threads start, all that there will be; caches fill.
            await asyncio.gather(*(engine.sandboxes.connect(one, "bench", EndpointSpec()) for one in sandboxes))
            await asyncio.gather(*(engine.sandboxes.disconnect(one, "bench", force=False) for one in sandboxes))
            await_reaping()
            for _ in range(rounds):
                before = last_process()
                await one_round(engine, sandboxes, samples)
                samples["started"].append(last_process() - before)
                for _ in range(ATTACHES):
                    samples["links"].append(share.links())
                    samples["elements"].append(share.elements())
                    samples["row"].append(await share.row())
            share.close()
    return samples


def main() -> None:
    """Measure one backend."""
    print(json.dumps(uvloop.run(measure(sys.argv[1], int(sys.argv[2])))))


if __name__ == "__main__":
    main()
