"""An engine under load: containers with published ports, and traffic through all of it that notices every loss."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import HOST4, HOST_PYTHON, Engine

IMAGE = "busybox:latest"
CLIENT = Path(__file__).with_name("load_client.py")

_ECHO = """
import socket, threading
def echo(connection):
    while data := connection.recv(4096):
        connection.sendall(data)
listener = socket.create_server(("", 7000), backlog=512)
while True:
    threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
"""

Wanted = tuple[str, str, int]


class Load:
    """Containers, of which some echo what they are sent, and the traffic between them and with the neighbour."""

    def __init__(self, engine: Engine, *, containers: int, ports: int, echoing: int) -> None:
        self.engine = engine
        self.names = [f"c{number}" for number in range(containers)]
        self.echoing = self.names[:echoing]
        each = ports // containers
        for number, name in enumerate(self.names):
            self._run(name, range(10_000 + number * each, 10_000 + (number + 1) * each), echoes=name in self.echoing)
        self._each = each
        self._clients: list[subprocess.Popen[str]] = []

    def _run(self, name: str, ports: range, *, echoes: bool) -> None:
        binds = [f"{HOST_PYTHON[1]}", HOST_PYTHON[3], HOST_PYTHON[5]] if echoes else []
        body = {
            "Image": IMAGE,
            "Cmd": ["/usr/bin/python3", "-c", _ECHO] if echoes else ["sleep", "100000"],
            "HostConfig": {
                "Binds": binds,
                "RestartPolicy": {"Name": "always"},
                "PortBindings": {
                    f"{7000 + number}/tcp": [{"HostPort": str(port)}] for number, port in enumerate(ports)
                },
            },
        }
        for path, sent in ((f"/containers/create?name={name}", body), (f"/containers/{name}/start", None)):
            status, answer = self.engine.call("POST", path, sent)
            assert status < 300, (path, status, answer)

    def inspect(self, name: str) -> Any:
        """Return all that is shown of a container."""
        return self.engine.call("GET", f"/containers/{name}/json")[1]

    def identity(self) -> dict[str, Any]:
        """Return what has to stay through everything: addresses, MACs, ports."""
        found = {}
        for name in self.names:
            settings = self.inspect(name)["NetworkSettings"]
            network = settings["Networks"]["bridge"]
            found[name] = (network["IPAddress"], network["MacAddress"], settings["Ports"])
        return found

    def objects(self) -> list[str]:
        """Return the kernel's objects with the numbers that they only keep while they are not made again."""
        host = self.engine.machine.host
        links = host.run("ip", "-o", "link").stdout.splitlines()
        pins = host.run("sh", "-c", f"stat -Lc %i {self.engine.exec_root}/netns/*").stdout.split()
        return [*(line.split(": ")[0] + line.split(": ")[1] for line in links), *sorted(pins)]

    def begin(self) -> None:
        """Let traffic flow: from the neighbour through ports, and between containers; return once all of it does."""
        addresses = {
            name: self.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for name in self.names
        }
        published = [10_000 + number * self._each for number, _ in enumerate(self.echoing)]
        outer: list[Wanted] = [("stream", HOST4, port) for port in published]
        outer += [("connect", HOST4, port) for port in published[:3]]
        self._start(self.engine.machine.outside.enter(), outer)
        inner: list[Wanted] = [("stream", addresses[name], 7000) for name in self.echoing]
        inner += [("ping", address, 0) for address in list(addresses.values())[:50]]
        key = self.inspect(self.names[-1])["NetworkSettings"]["SandboxKey"]
        self._start([*self.engine.machine.host.enter(), "nsenter", f"--net={key}"], inner)
        for client in self._clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "begun\n"

    def _start(self, where: Sequence[str], wanted: Sequence[Wanted]) -> None:
        argv = [*where, "/usr/bin/python3", str(CLIENT), json.dumps(wanted)]
        pipe = subprocess.PIPE
        self._clients.append(subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True))

    def end(self) -> list[dict[str, Any]]:
        """Let the traffic end, and return what became of each flow."""
        flows = []
        for client in self._clients:
            output, _ = client.communicate()
            flows += json.loads(output)
        self._clients = []
        return flows
