"""`network ls`, `connect`, `disconnect`, `rm`."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, at, flag, items, mapping, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, switch
from netwright.frontends.cli.ordering import natural
from netwright.frontends.cli.outcome import for_each, unless_missing
from netwright.frontends.cli.rows import FILTER, FORMAT, JSON, NO_TRUNC, Listing, Row, filters, labels, short_id, show

_LISTING = Listing(
    {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"},
    name="ID",
    further={"CreatedAt": "CREATED AT", "IPv4": "IPV4", "IPv6": "IPV6"},
)


def _list(call: Call) -> int:
    found = call.engine.get("/networks", {"filters": filters(call.values.many("filter"))})
    networks = sorted(items(found), key=lambda network: natural(text(network, "Name")))
    return show(call, _LISTING, [_row(call, network) for network in networks], networks)


def _row(call: Call, network: Json) -> Row:
    return {
        "ID": short_id(text(network, "Id"), call),
        "Name": text(network, "Name"),
        "Driver": text(network, "Driver"),
        "Scope": text(network, "Scope"),
        "IPv4": _word(at(network, "EnableIPv4") is not False),
        "IPv6": _word(flag(network, "EnableIPv6")),
        "Internal": _word(flag(network, "Internal")),
        "CreatedAt": _moment(text(network, "Created")),
        **labels(mapping(network, "Labels")),
    }


def _moment(stamp: str) -> str:
    """Return a time in UTC as Docker's listing writes it; what has another zone stays as the engine wrote it."""
    return f"{stamp.replace('T', ' ').removesuffix('Z')} +0000 UTC" if stamp.endswith("Z") else stamp


def _word(value: object) -> str:
    return "true" if value else "false"


def _connect(call: Call) -> int:
    network, container = call.arguments
    values = call.values
    settings: dict[str, Json] = {}
    addresses: dict[str, Json] = {}
    if values.text("ip"):
        addresses["IPv4Address"] = values.text("ip")
    if values.text("ip6"):
        addresses["IPv6Address"] = values.text("ip6")
    if values.many("link-local-ip"):
        addresses["LinkLocalIPs"] = [*values.many("link-local-ip")]
    if addresses:
        settings["IPAMConfig"] = {**addresses}
    if values.many("alias"):
        settings["Aliases"] = [*values.many("alias")]
    if values.many("link"):
        settings["Links"] = [link if ":" in link else f"{link}:{link}" for link in values.many("link")]
    if values.many("driver-opt"):
        settings["DriverOpts"] = {**_driver_options(values.many("driver-opt"))}
    if values.given("gw-priority"):
        settings["GwPriority"] = values.number("gw-priority")
    call.engine.post(f"/networks/{network}/connect", body={"Container": container, "EndpointConfig": settings})
    return 0


def _driver_options(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise CommandFailed("invalid key/value pair format in driver options")
        found[key.strip()] = value.strip()
    return found


def _disconnect(call: Call) -> int:
    network, container = call.arguments
    body: Json = {"Container": container, "Force": call.values.on("force")}
    call.engine.post(f"/networks/{network}/disconnect", body=body)
    return 0


def _remove(call: Call) -> int:
    force = call.values.on("force")

    def remove(name: str) -> str:
        if not force:
            call.engine.delete(f"/networks/{name}")
            return name
        return name if unless_missing(lambda: call.engine.delete(f"/networks/{name}", {"force": True})) else ""

    return for_each(call, remove)


LS = Command(
    "[OPTIONS]",
    _list,
    (
        Example("network ls", "list all networks"),
        Example("network ls -f driver=bridge --format '{{.Name}}'", "only the names of the bridges"),
        Example("network ls --json", "everything that the engine knows, for a program"),
    ),
    flags=(FILTER, FORMAT, JSON, NO_TRUNC, switch("quiet", "Print only ids", "q")),
)
CONNECT = Command(
    "[OPTIONS] NETWORK CONTAINER",
    _connect,
    (
        Example("network connect back web", "give a container, running or not, one more network"),
        Example("network connect --ip 10.9.0.5 --alias api back web", "with a fixed address and a further name"),
    ),
    flags=(
        Flag("alias", "Further name of the container on the network", Kind.LIST, takes="name"),
        Flag("driver-opt", "Driver option for the endpoint, key=value", Kind.LIST, takes="option"),
        Flag("gw-priority", "The network with the highest gives the default gateway", Kind.NUMBER),
        Flag("ip", "IPv4 address, such as 172.30.100.104", takes="address"),
        Flag("ip6", "IPv6 address, such as 2001:db8::33", takes="address"),
        Flag("link", "Name another container has for this one, container:alias", Kind.LIST, takes="link"),
        Flag("link-local-ip", "Further link-local address", Kind.LIST, takes="address"),
    ),
    least=2,
    most=2,
    offers=("networks", "containers"),
)
DISCONNECT = Command(
    "[OPTIONS] NETWORK CONTAINER",
    _disconnect,
    (Example("network disconnect back web", "take it off; its other networks stay"),),
    flags=(switch("force", "Disconnect even if the container cannot be found", "f"),),
    least=2,
    most=2,
    offers=("networks", "containers"),
)
RM = Command(
    "NETWORK [NETWORK...]",
    _remove,
    (
        Example("network rm back", "remove a network that no container uses"),
        Example("network rm -f back", "also where stopped containers are on it: they stay, without it"),
    ),
    flags=(switch("force", "Take stopped containers off it first; do not complain if it does not exist", "f"),),
    least=1,
    most=None,
    offers=("networks",),
)
