"""`ps`."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode, items, mapping, number, text, texts
from netwright.frontends.cli.flags import Flag, Kind, switch
from netwright.frontends.cli.moments import shown, since
from netwright.frontends.cli.ports import written
from netwright.frontends.cli.quantities import decimal_size
from netwright.frontends.cli.rows import FILTER, FORMAT, JSON, NO_TRUNC, Listing, Row, filters, labels, short_id, show
from netwright.frontends.cli.table import cut

_COMMAND_WIDTH = 20
_COLUMNS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "Ports": "PORTS",
    "Names": "NAMES",
}
_FURTHER = {"CreatedAt": "CREATED AT", "LocalVolumes": "LOCAL VOLUMES"}


def _list(call: Call) -> int:
    values = call.values
    last = 1 if values.on("latest") else values.number("last")
    found = items(
        call.engine.get(
            "/containers/json",
            {
                "all": values.on("all") or None,
                "limit": last if last > 0 else None,
                "size": values.on("size") or None,
                "filters": filters(values.many("filter")),
            },
        )
    )
    columns = {**_COLUMNS, "Size": "SIZE"} if values.on("size") else _COLUMNS
    return show(call, Listing(columns, name="ID", further=_FURTHER), [_row(call, each) for each in found], found)


def _row(call: Call, container: Json) -> Row:
    whole = call.values.on("no-trunc")
    names = [name.removeprefix("/") for name in texts(container, "Names")]
    own = [name for name in names if "/" not in name]  # the others are what links call it
    command = text(container, "Command")
    image = text(container, "Image")
    created = number(container, "Created")
    volumes = [mount for mount in items(container, "Mounts") if text(mount, "Type") == "volume"]
    return {
        "ID": short_id(text(container, "Id"), call),
        "Image": (image if whole or not image.startswith("sha256:") else image[7:19]) or "<no image>",
        "Command": f'"{command if whole else cut(command, _COMMAND_WIDTH)}"',
        "CreatedAt": shown(created),
        "RunningFor": since(created),
        "Ports": written(items(container, "Ports")),
        "State": text(container, "State"),
        "Status": text(container, "Status"),
        "Size": _size(container),
        "Names": ",".join(names if whole else own),
        "Mounts": ",".join(_mount_name(mount, whole=whole) for mount in items(container, "Mounts")),
        "LocalVolumes": str(sum(text(mount, "Driver") == "local" for mount in volumes)),
        "Networks": ",".join(sorted(mapping(container, "NetworkSettings", "Networks"))),
        **labels(mapping(container, "Labels")),
    }


def _size(container: Json) -> str:
    own, whole = number(container, "SizeRw"), number(container, "SizeRootFs")
    return f"{decimal_size(own)} (virtual {decimal_size(whole)})" if whole else decimal_size(own)


def _mount_name(mount: Json, *, whole: bool) -> str:
    name = text(mount, "Name") or text(mount, "Source") or encode(mount)
    return name if whole else cut(name, 15)


PS = Command(
    "[OPTIONS]",
    _list,
    (
        Example("ps", "what runs"),
        Example("ps -a -f status=exited", "what has ended"),
        Example("ps -f network=bridge --format 'table {{.Names}}\\t{{.Ports}}'", "a table of one's own"),
    ),
    flags=(
        switch("all", "Show stopped containers too", "a"),
        FILTER,
        FORMAT,
        JSON,
        Flag("last", "Show the n containers created last, in any state", Kind.NUMBER, "n", default="-1"),
        switch("latest", "Show the container created last, in any state", "l"),
        NO_TRUNC,
        switch("quiet", "Print only ids", "q"),
        switch("size", "Show the sizes of their files", "s"),
    ),
)
