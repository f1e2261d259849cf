"""`publish` and `unpublish`: the ports of a container, changed while it runs."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json
from netwright.frontends.cli.flags import Flag, Kind
from netwright.frontends.cli.publish import bindings, port_bindings


def _publish(call: Call) -> int:
    container, *specs = call.arguments
    body: dict[str, Json] = {"Ports": {**port_bindings(bindings(specs))}}
    if call.values.given("from"):
        body["From"] = [*call.values.many("from")]
    call.engine.post(f"/netwright/containers/{container}/publish", body=body)
    return 0


def _unpublish(call: Call) -> int:
    container, *specs = call.arguments
    body: Json = {"Ports": {**port_bindings(bindings(specs))}}
    call.engine.post(f"/netwright/containers/{container}/unpublish", body=body)
    return 0


PUBLISH = Command(
    "[OPTIONS] CONTAINER [IP:][HOST_PORT:]PORT[/PROTO] [...]",
    _publish,
    (
        Example("publish web 8080:80", "from now on, and after every restart; nobody is disconnected"),
        Example(
            "publish web 8080:80 --from 203.0.113.0/24,host", "only for these; a port that is published is limited"
        ),
        Example("publish db 127.0.0.1:5432:5432", "only on this host's loopback address"),
    ),
    flags=(
        Flag(
            "from",
            "Who may connect: any, host, lan, addresses, prefixes (10.0.0.0/8), ranges (10.0.0.1-10.0.0.9), named sets",
            Kind.LIST,
            takes="who",
        ),
    ),
    least=2,
    most=None,
    offers=("containers", ""),
)
UNPUBLISH = Command(
    "CONTAINER [IP:][HOST_PORT:]PORT[/PROTO] [...]",
    _unpublish,
    (
        Example("unpublish web 8080:80", "close one way in; connections that stand go on"),
        Example("unpublish web 80", "close all ways to its port 80"),
    ),
    least=2,
    most=None,
    offers=("containers", ""),
)
