"""Everything that may be asked of an engine while it is doomed: what is there before, and what is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Request = tuple[str, str, Any]
"""Method, path and body."""

IMAGE = "busybox:latest"
PORTS = {"80/tcp": [{"HostPort": "8080"}], "53/udp": [{"HostPort": "5353"}]}


def network(name: str) -> Request:
    """Ask for a network of both families."""
    return "POST", "/networks/create", {"Name": name, "EnableIPv6": True}


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
    """`before` is done in peace, `asked` is not. `instead` are further states in which what was asked may be left."""

    before: Sequence[Request]
    asked: Request
    instead: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = ()


def stopped(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view with container web ended: what a kill in the middle of a restart leaves."""
    return {**view, "container web": {**view["container web"], "status": "exited", "ports": None}}


SCENARIOS: dict[str, Scenario] = {
    "network create": Scenario((), network("new")),
    "network remove": Scenario((network("new"),), ("DELETE", "/networks/new", None)),
    "network prune": Scenario([network(f"n{number}") for number in range(3)], ("POST", "/networks/prune", None)),
    "container create": Scenario((), container("web")),
    "container start": Scenario(CREATED, on("web", "start")),
    "container stop": Scenario(RUNNING, on("web", "stop?t=0")),
    "container kill": Scenario(RUNNING, on("web", "kill")),
    "container restart": Scenario(RUNNING, on("web", "restart?t=0"), (stopped,)),
    "container rename": Scenario(RUNNING, on("web", "rename?name=other")),
    "container remove": Scenario(CREATED, ("DELETE", "/containers/web?v=1", None)),
    "container remove by force": Scenario(RUNNING, ("DELETE", "/containers/web?force=1&v=1", None), (stopped,)),
    "container end with --rm": Scenario(
        (container("web", AutoRemove=True), on("web", "start")), on("web", "stop?t=0"), (stopped,)
    ),
    "container prune": Scenario([container(f"c{number}") for number in range(3)], ("POST", "/containers/prune", None)),
    "connect": Scenario((*RED, *RUNNING), ("POST", "/networks/red/connect", {"Container": "web"})),
    "connect a stopped one": Scenario((*RED, *CREATED), ("POST", "/networks/red/connect", {"Container": "web"})),
    "disconnect": Scenario((*RED, *JOINED), ("POST", "/networks/red/disconnect", {"Container": "web"})),
    "disconnect from the first": Scenario((*RED, *JOINED), ("POST", "/networks/blue/disconnect", {"Container": "web"})),
    "publish": Scenario(RUNNING, ("POST", "/netwright/containers/web/publish", PUBLICATION)),
    "unpublish": Scenario(RUNNING, ("POST", "/netwright/containers/web/unpublish", {"Ports": PORTS})),
}
