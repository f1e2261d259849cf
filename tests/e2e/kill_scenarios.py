"""Everything that may be asked of an engine while it is doomed: what is there before, and what is asked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Request = tuple[str, str, Any]
"""Method, path and body."""

IMAGE = "busybox:latest"
PLUGIN = "acme"
PORTS = {"80/tcp": [{"HostPort": "8080"}], "53/udp": [{"HostPort": "5353"}]}


def network(name: str) -> Request:
    """Ask for a network of both families."""
    return "POST", "/networks/create", {"Name": name, "EnableIPv6": True}


def planned(name: str) -> Request:
    """Ask for a network whose addresses the plugin manages."""
    return "POST", "/networks/create", {"Name": name, "IPAM": {"Driver": PLUGIN}}


def container(name: str, **host: object) -> Request:
    """Ask for a container on network blue, with published ports and an anonymous volume."""
    body = {
        "Image": IMAGE,
        "Cmd": ["sleep", "1000"],
        "Volumes": {"/data": {}},
        "HostConfig": {"NetworkMode": "blue", "PortBindings": PORTS, **host},
    }
    return "POST", f"/containers/create?name={name}", body


def on(name: str, what: str, body: object = None) -> Request:
    """Ask something of a container."""
    return "POST", f"/containers/{name}/{what}", body


CREATED = (container("web"),)
RUNNING = (*CREATED, on("web", "start"))
JOINED = (*RUNNING, ("POST", "/networks/red/connect", {"Container": "web"}))
RED = (network("red"),)
PUBLICATION = {"Ports": {"81/tcp": [{"HostPort": "8081"}], "54/udp": [{"HostPort": "5354"}]}, "From": ["host", "lan"]}


@dataclass(frozen=True)
class Scenario:
    """`before` is done in peace, `asked` is not. `instead` are further states in which what was asked may be left.

    What `builds` fails as a whole; else something is taken down, as far as that goes. `again` is what to try where it
    has failed, if it is not the same. `ruled` tells whether rules of the firewall come or go: what is done without any
    is the same whatever the backend.
    """

    before: Sequence[Request]
    asked: Request
    instead: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = ()
    builds: bool = True
    again: Request | None = None
    ruled: bool = True

    @property
    def removes_itself(self) -> bool:
        """Tell whether container web goes at its end, which no answer waits for."""
        return any('"AutoRemove": true' in json.dumps(request[2]) for request in self.before)


def stopped(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view with container web ended: what a kill in the middle of a restart leaves."""
    return {**view, "container web": {**view["container web"], "status": "exited", "ports": None, "hosts file": None}}


SCENARIOS: dict[str, Scenario] = {
    "network create": Scenario((), network("new")),
    "network remove": Scenario((network("new"),), ("DELETE", "/networks/new", None), builds=False),
    "network prune": Scenario(
        [network(f"n{number}") for number in range(3)], ("POST", "/networks/prune", None), builds=False
    ),
    "container create": Scenario((), container("web"), ruled=False),
    "container start": Scenario(CREATED, on("web", "start")),
    "container stop": Scenario(RUNNING, on("web", "stop?t=0"), builds=False),
    "container kill": Scenario(RUNNING, on("web", "kill"), builds=False),
    "container restart": Scenario(RUNNING, on("web", "restart?t=0"), (stopped,), builds=False),
    "container rename": Scenario(RUNNING, on("web", "rename?name=other"), ruled=False),
    "container remove": Scenario(CREATED, ("DELETE", "/containers/web?v=1", None), builds=False, ruled=False),
    "container remove by force": Scenario(
        RUNNING, ("DELETE", "/containers/web?force=1&v=1", None), (stopped,), builds=False
    ),
    "container end with --rm": Scenario(
        (container("web", AutoRemove=True), on("web", "start")),
        on("web", "stop?t=0"),
        (stopped,),
        builds=False,
        again=("DELETE", "/containers/web?force=1&v=1", None),
    ),
    "container prune": Scenario(
        [container(f"c{number}") for number in range(3)], ("POST", "/containers/prune", None), builds=False, ruled=False
    ),
    "connect": Scenario((*RED, *RUNNING), ("POST", "/networks/red/connect", {"Container": "web"})),
    "connect a stopped one": Scenario(
        (*RED, *CREATED), ("POST", "/networks/red/connect", {"Container": "web"}), ruled=False
    ),
    "disconnect": Scenario((*RED, *JOINED), ("POST", "/networks/red/disconnect", {"Container": "web"}), builds=False),
    "disconnect from the first": Scenario(
        (*RED, *JOINED), ("POST", "/networks/blue/disconnect", {"Container": "web"}), builds=False
    ),
    "network create by plugin": Scenario((), planned("new"), ruled=False),
    "network remove by plugin": Scenario(
        (planned("new"),), ("DELETE", "/networks/new", None), builds=False, ruled=False
    ),
    "connect by plugin": Scenario(
        (planned("red"), *CREATED), ("POST", "/networks/red/connect", {"Container": "web"}), ruled=False
    ),
    "disconnect by plugin": Scenario(
        (planned("red"), *JOINED), ("POST", "/networks/red/disconnect", {"Container": "web"}), builds=False, ruled=False
    ),
    "publish": Scenario(RUNNING, ("POST", "/netwright/containers/web/publish", PUBLICATION)),
    "unpublish": Scenario(RUNNING, ("POST", "/netwright/containers/web/unpublish", {"Ports": PORTS}), builds=False),
}
