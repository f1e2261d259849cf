"""The part of `bench/peers.py` that runs in namespaces of its own: measures, and prints JSON.

peers_inside.py ROUNDS
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from attach_inside import running_engine
from engines import PEERS

from netwright.controller.api import SandboxRequest
from netwright.controller.engine import NetworkEngine
from netwright.kernel import netns
from netwright.model.names import Id, new_id
from netwright.model.network import EndpointSpec
from netwright.model.ports import Port, PortRequest, Protocol

NETAVARK = PEERS / "usr" / "lib" / "podman" / "netavark"
CNI = PEERS / "usr" / "lib" / "cni"

Act = Callable[[str], None]
"""Attaches or detaches the namespace pinned at a path."""


class Netavark:
    """Podman's: one program, told everything on stdin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "netavark"
        self._folder.mkdir()
        self._count = 1

    def attach(self, path: str) -> None:
        """Attach a namespace with one published port."""
        self._count += 1
        self._run("setup", path)

    def detach(self, path: str) -> None:
        """Take it away again."""
        self._run("teardown", path)

    def _run(self, verb: str, path: str) -> None:
        address = f"10.88.{self._count // 250}.{self._count % 250 + 2}"
        subnet = {"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}
        wish = {
            "container_id": f"{self._count:064x}",
            "container_name": f"box{self._count}",
            "port_mappings": [
                {"container_port": 80, "host_ip": "", "host_port": 18080, "protocol": "tcp", "range": 1}
            ],
            "networks": {"pods": {"interface_name": "eth0", "static_ips": [address]}},
            "network_info": {
                "pods": {
                    "name": "pods", "id": "a" * 64, "driver": "bridge", "network_interface": "pods0",
                    "subnets": [subnet], "ipv6_enabled": False, "internal": False, "dns_enabled": False,
                    "ipam_options": {"driver": "host-local"},
                }
            },
        }  # fmt: skip
        argv = [str(NETAVARK), "--config", str(self._folder), verb, path]
        subprocess.run(argv, input=json.dumps(wish), text=True, check=True, capture_output=True)


class Cni:
    """The CNI plugins `bridge` with `host-local`, then `portmap`, as a runtime calls them one after the other."""

    def __init__(self, folder: Path) -> None:
        ipam = {"type": "host-local", "subnet": "10.89.0.0/16", "dataDir": str(folder / "cni")}
        self._base = {"cniVersion": "1.0.0", "name": "pods"}
        self._bridge = {
            **self._base,
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "ipam": ipam,
        }
        ports = [{"hostPort": 18081, "containerPort": 80, "protocol": "tcp"}]
        self._portmap = {**self._base, "type": "portmap", "runtimeConfig": {"portMappings": ports}}
        self._result: object = None

    def attach(self, path: str) -> None:
        """Attach a namespace with one published port."""
        self._result = json.loads(self._run("ADD", self._bridge, path))
        self._run("ADD", {**self._portmap, "prevResult": self._result}, path)

    def detach(self, path: str) -> None:
        """Take it away again."""
        self._run("DEL", {**self._portmap, "prevResult": self._result}, path)
        self._run("DEL", {**self._bridge, "prevResult": self._result}, path)

    def _run(self, verb: str, wish: dict[str, object], path: str) -> str:
        environment = {
            **os.environ,
            "CNI_COMMAND": verb, "CNI_CONTAINERID": "box", "CNI_NETNS": path, "CNI_IFNAME": "eth0",
            "CNI_PATH": str(CNI),
        }  # fmt: skip
        argv = [str(CNI / str(wish["type"]))]
        done = subprocess.run(
            argv, input=json.dumps(wish), text=True, capture_output=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]} {verb}: {done.stdout} {done.stderr}")
        return done.stdout


def timed(act: Act, path: str) -> float:
    """Return the milliseconds that something takes."""
    begin = time.perf_counter()
    act(path)
    return (time.perf_counter() - begin) * 1000


async def ours(engine: NetworkEngine, samples: dict[str, list[float]]) -> None:
    """Attach and detach a sandbox with one published port, its namespace included."""
    wish = PortRequest(Port(80, Protocol.TCP), None, 18082, 18082)
    request = SandboxRequest(
        owner=new_id(), name="box", hostname="box", endpoints={"bench": EndpointSpec()}, ports=(wish,)
    )
    begin = time.perf_counter()
    made: Id = (await engine.sandboxes.create(request)).id
    await engine.sandboxes.open(made)
    middle = time.perf_counter()
    await engine.sandboxes.delete(made)
    samples["attach netwright"].append((middle - begin) * 1000)
    samples["detach netwright"].append((time.perf_counter() - middle) * 1000)


async def measure(rounds: int) -> dict[str, list[float]]:
    """Measure all in turn."""
    samples: dict[str, list[float]] = {
        f"{verb} {who}": [] for verb in ("attach", "detach") for who in ("netwright", "netavark", "cni")
    }
    home = netns.current()
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        others: dict[str, Netavark | Cni] = {"netavark": Netavark(Path(folder)), "cni": Cni(Path(folder))}
        async with running_engine(Path(folder), "nftables") as engine:
            for _ in range(rounds):
                await ours(engine, samples)
                for who, other in others.items():
                    path = f"{folder}/{who}.netns"
                    netns.create(path, home, lambda: None)
                    samples[f"attach {who}"].append(timed(other.attach, path))
                    samples[f"detach {who}"].append(timed(other.detach, path))
                    netns.delete(path)
            engine.close()
    return samples


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(int(sys.argv[1])))))
