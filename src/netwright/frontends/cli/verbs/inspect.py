"""`inspect`, of anything and of each kind."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from netwright.frontends.cli.client import Query
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import Json, encode
from netwright.frontends.cli.failures import CommandFailed, EngineRefused, EngineUnreachable
from netwright.frontends.cli.flags import Flag, switch
from netwright.frontends.cli.rows import FORMAT

FetchOne = Callable[[str], Json]


class _Kind(NamedTuple):
    """A kind of object and the path of the API under which one is found."""

    name: str
    path: str


_KINDS = (
    _Kind("container", "/containers/{}/json"),
    _Kind("image", "/images/{}/json"),
    _Kind("network", "/networks/{}"),
    _Kind("volume", "/volumes/{}"),
)


def _fetch(call: Call, kind: _Kind, name: str, query: Query | None = None) -> Json:
    return call.engine.get(kind.path.format(name), query)


def _any(call: Call) -> int:
    wanted = call.values.text("type")
    kinds = [kind for kind in _KINDS if wanted in {"", kind.name}]
    if not kinds:
        known = ", ".join(kind.name for kind in _KINDS)
        raise CommandFailed(f'"{wanted}" is not a valid value for --type: it is one of {known}')
    size: Query | None = {"size": True} if call.values.on("size") else None

    def fetch(name: str) -> Json:
        for kind in kinds:
            try:
                return _fetch(call, kind, name, size if kind.name == "container" else None)
            except EngineRefused as refusal:
                if refusal.status != 404 or len(kinds) == 1:
                    raise
        raise CommandFailed(f"Error: No such object: {name}")

    return _show_all(call, fetch)


def _one_kind(kind: _Kind) -> Callable[[Call], int]:
    def inspect(call: Call) -> int:
        query: Query | None = None
        if kind.name == "network" and call.values.on("verbose"):
            query = {"verbose": "true"}
        elif kind.name == "container" and call.values.on("size"):
            query = {"size": True}
        return _show_all(call, lambda name: _fetch(call, kind, name, query))

    return inspect


def _show_all(call: Call, fetch: FetchOne) -> int:
    """Print what is found, then what is not; the exit code tells whether anything was missing."""
    found: list[Json] = []
    failures: list[str] = []
    for name in call.arguments:
        try:
            found.append(fetch(name))
        except EngineUnreachable:
            raise
        except CommandFailed as failure:
            failures.append(failure.message)
    _show(call, found)
    for message in failures:
        call.console.note(message)
    return 1 if failures else 0


def _show(call: Call, found: Sequence[Json]) -> None:
    template = call.values.text("format")
    if not template:
        call.console.line(encode([*found], indent=4))
    elif template == "json":
        for document in found:
            call.console.line(encode(document))
    else:
        from netwright.frontends.cli.template import compile_template

        compiled = compile_template(template.replace("\\t", "\t").replace("\\n", "\n"))
        for document in found:
            call.console.line(compiled.render(document))


_FORMAT = FORMAT._replace(short="f")
_SIZE = switch("size", "Show the sizes of files too, of containers", "s")
_JSON = switch("json", "Print JSON, which it does by itself")
_NAMES = "[OPTIONS] NAME [NAME...]"

ANY = Command(
    _NAMES,
    _any,
    (
        Example("inspect web", "everything about a container, image, network or volume of that name"),
        Example("inspect -f '{{.NetworkSettings.IPAddress}}' web", "only its address"),
        Example("inspect -f '{{json .Config.Env}}' web", "a part of it as JSON"),
    ),
    flags=(
        _FORMAT,
        _JSON,
        _SIZE,
        Flag("type", "Look only among these", takes="type", offers=tuple(kind.name for kind in _KINDS)),
    ),
    least=1,
    most=None,
    offers=("objects",),
)
CONTAINER = Command(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    _one_kind(_KINDS[0]),
    (Example("container inspect -f '{{.State.Status}}' web", "whether it runs"),),
    flags=(_FORMAT, _JSON, _SIZE),
    least=1,
    most=None,
    offers=("containers",),
)
IMAGE = Command(
    "[OPTIONS] IMAGE [IMAGE...]",
    _one_kind(_KINDS[1]),
    (Example("image inspect -f '{{json .Config.Cmd}}' busybox", "what it runs unless told otherwise"),),
    flags=(_FORMAT, _JSON),
    least=1,
    most=None,
    offers=("images",),
)
NETWORK = Command(
    "[OPTIONS] NETWORK [NETWORK...]",
    _one_kind(_KINDS[2]),
    (
        Example("network inspect bridge", "its subnets, options and containers"),
        Example(
            "network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{\"\\n\"}}{{end}}' bridge",
            "who is on it, with addresses",
        ),
    ),
    flags=(_FORMAT, _JSON, switch("verbose", "Show more, for finding faults", "v")),
    least=1,
    most=None,
    offers=("networks",),
)
VOLUME = Command(
    "[OPTIONS] VOLUME [VOLUME...]",
    _one_kind(_KINDS[3]),
    (Example("volume inspect -f '{{.Mountpoint}}' data", "where it lies on the host"),),
    flags=(_FORMAT, _JSON),
    least=1,
    most=None,
    offers=("volumes",),
)
