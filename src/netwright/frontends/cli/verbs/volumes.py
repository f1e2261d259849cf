"""`volume create`, `ls`, `rm`."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, items, mapping, number, text, texts
from netwright.frontends.cli.flags import Flag, Kind, switch
from netwright.frontends.cli.ordering import natural
from netwright.frontends.cli.outcome import for_each
from netwright.frontends.cli.quantities import decimal_size
from netwright.frontends.cli.rows import FILTER, FORMAT, JSON, NO_TRUNC, Listing, Row, filters, labels, show

_LISTING = Listing({"Driver": "DRIVER", "Name": "VOLUME NAME"}, name="Name")


def _list(call: Call) -> int:
    answer = call.engine.get("/volumes", {"filters": filters(call.values.many("filter"))})
    for warning in texts(answer, "Warnings"):
        call.console.note(warning)
    found = sorted(items(answer, "Volumes"), key=lambda volume: natural(text(volume, "Name")))
    return show(call, _LISTING, [_row(volume) for volume in found], found)


def _row(volume: Json) -> Row:
    size, links = number(volume, "UsageData", "Size"), number(volume, "UsageData", "RefCount")
    measured = bool(mapping(volume, "UsageData"))
    return {
        "Name": text(volume, "Name"),
        "Driver": text(volume, "Driver"),
        "Scope": text(volume, "Scope"),
        "Mountpoint": text(volume, "Mountpoint"),
        "Size": decimal_size(size) if measured else "N/A",
        "Links": str(links) if measured else "N/A",
        **labels(mapping(volume, "Labels")),
    }


def _create(call: Call) -> int:
    values = call.values
    body: Json = {
        "Name": call.arguments[0] if call.arguments else "",
        "Driver": values.text("driver"),
        "DriverOpts": {key: value for key, _, value in (pair.partition("=") for pair in values.many("opt"))},
        "Labels": {key: value for key, _, value in (pair.partition("=") for pair in values.many("label"))},
    }
    call.console.line(text(call.engine.post("/volumes/create", body=body), "Name"))
    return 0


def _remove(call: Call) -> int:
    force = call.values.on("force") or None

    def remove(name: str) -> None:
        call.engine.delete(f"/volumes/{name}", {"force": force})

    return for_each(call, remove)


LS = Command(
    "[OPTIONS]",
    _list,
    (
        Example("volume ls", "list all volumes"),
        Example("volume ls -qf dangling=true", "names of those that no container uses"),
    ),
    flags=(FILTER, FORMAT, JSON, NO_TRUNC, switch("quiet", "Print only names", "q")),
)
CREATE = Command(
    "[OPTIONS] [VOLUME]",
    _create,
    (Example("volume create data", "make one, for `run -v data:/var/lib/data`"),),
    flags=(
        Flag("driver", "Driver", short="d", default="local"),
        Flag("label", "Attach a label, name=value", Kind.LIST),
        Flag("opt", "Option for the driver, name=value", Kind.LIST, "o", takes="option"),
    ),
    most=1,
)
RM = Command(
    "[OPTIONS] VOLUME [VOLUME...]",
    _remove,
    (Example("volume rm data", "remove it with all that is in it"),),
    flags=(switch("force", "Do not complain if it does not exist", "f"),),
    least=1,
    most=None,
    offers=("volumes",),
)
