"""`sources ls`, `set`, `add`, `drop`, `rm`: sets of those who may connect, which published ports name."""

from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, items, text, texts
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.outcome import for_each
from netwright.frontends.cli.rows import FORMAT, JSON, NO_TRUNC, Listing, show

_LISTING = Listing({"Name": "NAME", "Sources": "SOURCES", "UsedBy": "USED BY"}, name="Name")


def _ls(call: Call) -> int:
    found = items(call.engine.get("/netwright/sources"))
    rows = [
        {
            "Name": text(one, "Name"),
            "Sources": ", ".join(texts(one, "Sources")) or "nobody",
            "UsedBy": ", ".join(texts(one, "UsedBy")),
        }
        for one in found
    ]
    return show(call, _LISTING, rows, found)


def _set(call: Call) -> int:
    name, *sources = call.arguments
    call.engine.call("PUT", f"/netwright/sources/{name}", body={"Sources": [*sources]})
    return 0


def _change(call: Call, key: str) -> int:
    name, *sources = call.arguments
    body: Json = {key: [*sources]}
    call.engine.post(f"/netwright/sources/{name}", body=body)
    return 0


def _rm(call: Call) -> int:
    def remove(name: str) -> None:
        call.engine.delete(f"/netwright/sources/{name}")

    return for_each(call, remove)


WHO = "addresses, prefixes (10.0.0.0/8) and ranges (10.0.0.1-10.0.0.9), of both families"

LS = Command(
    "[OPTIONS]",
    _ls,
    (Example("sources ls", "all sets, who is in them, and which containers publish ports for them"),),
    flags=(FORMAT, JSON, NO_TRUNC, switch("quiet", "Print only names", "q")),
)
SET = Command(
    "NAME [SOURCE...]",
    _set,
    (
        Example("sources set office 203.0.113.0/24 2001:db8:1::/48", "make it, or let these and no others be in it"),
        Example("publish web 8080:80 --from office,host", "publish a port for those who are in it"),
        Example("sources set office", "let nobody be in it"),
    ),
    least=1,
    most=None,
    about=f"SOURCE: {WHO}.",
)
ADD = Command(
    "NAME SOURCE...",
    lambda call: _change(call, "Add"),
    (Example("sources add office 198.51.100.7", "all ports that are published for the set are open to it at once"),),
    least=2,
    most=None,
    about=f"SOURCE: {WHO}.",
)
DROP = Command(
    "NAME SOURCE...",
    lambda call: _change(call, "Remove"),
    (Example("sources drop office 203.0.113.66", "take an address out, also out of a prefix; connections go on"),),
    least=2,
    most=None,
    about=f"SOURCE: {WHO}.",
)
RM = Command(
    "NAME [NAME...]",
    _rm,
    (Example("sources rm office", "refused while a port is published for it"),),
    least=1,
    most=None,
)
