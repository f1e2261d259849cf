"""`import` and `load`: images out of archives."""

import sys
from collections.abc import Callable
from typing import BinaryIO

from netwright.frontends.cli.client import Query, Response, Sink
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.document import decode, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import Flag, Kind, switch
from netwright.frontends.cli.images import Progress, split_name

_PIECE = 1 << 18


def _import(call: Call) -> int:
    source, *name = call.arguments
    repository, tag = split_name(name[0]) if name else ("", "")
    query: Query = {
        "fromSrc": source if "://" in source else "-",
        "repo": repository or None,
        "tag": tag or None,
        "message": call.values.text("message") or None,
        "changes": call.values.many("change"),
        "platform": call.values.text("platform") or None,
    }
    if "://" in source:
        response = call.engine.open("POST", "/images/create", query)
    else:
        response = _sent(source, lambda produce: call.engine.open("POST", "/images/create", query, producer=produce))
    for line in response.lines():
        message = decode(line)
        if reason := text(message, "error"):
            raise CommandFailed(f"Error response from daemon: {reason}")
        if status := text(message, "status"):
            call.console.line(status)
    return 0


def _load(call: Call) -> int:
    source = call.values.text("input") or "-"
    if source == "-" and sys.stdin.isatty():
        raise CommandFailed("requested load from stdin, but stdin is empty: use < file or -i file")
    query: Query = {"quiet": True}
    response = _sent(source, lambda produce: call.engine.open("POST", "/images/load", query, producer=produce))
    Progress(call.console).follow(response.lines())
    return 0


def _sent(source: str, send: Callable[[Callable[[Sink], None]], Response]) -> Response:
    """Send a file, or stdin for `-`. Raises CommandFailed where it cannot be read."""
    if source == "-":
        return send(lambda sink: _copy(sys.stdin.buffer, sink))
    try:
        opened = open(source, "rb")  # noqa: PTH123, SIM115 - closed below
    except OSError as error:
        raise CommandFailed(f"open {source}: {error.strerror}") from None
    with opened:
        return send(lambda sink: _copy(opened, sink))


def _copy(source: BinaryIO, sink: Sink) -> None:
    while piece := source.read(_PIECE):
        sink.write(piece)


IMPORT = Command(
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    _import,
    (
        Example("import rootfs.tar.gz tiny", "an image from a tarball of a root filesystem"),
        Example("import -c 'CMD [\"/bin/sh\"]' - tiny:1 < rootfs.tar", "with what it runs, from stdin"),
    ),
    flags=(
        Flag("change", "Apply a Dockerfile instruction", Kind.LIST, "c", takes="instruction"),
        Flag("message", "Say what was done", short="m", takes="text"),
        Flag("platform", "Platform, such as linux/amd64", takes="platform"),
    ),
    least=1,
    most=2,
    offers=("files", "images"),
)
LOAD = Command(
    "[OPTIONS]",
    _load,
    (
        Example("load -i images.tar", "take in what `docker save` or skopeo wrote"),
        Example("load < images.tar", "the same from stdin"),
    ),
    flags=(
        Flag("input", "Read this archive in place of stdin", short="i", takes="file", offers=("files",)),
        switch("quiet", "Show only which images came in", "q"),
    ),
)
