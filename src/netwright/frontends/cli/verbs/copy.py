"""`cp`: files between a container and this side, as tar streams."""

import base64
import io
import os
import posixpath
import sys
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from netwright.frontends.cli.client import Producer, Response, Sink
from netwright.frontends.cli.command import Call, Command, Example
from netwright.frontends.cli.copying import Place, local_place, target_of, unpack
from netwright.frontends.cli.document import Json, decode, number, text
from netwright.frontends.cli.failures import CommandFailed, EngineRefused
from netwright.frontends.cli.flags import switch
from netwright.frontends.cli.quantities import decimal_size

_STAT = "x-docker-container-path-stat"
_DIRECTORY, _LINK = 1 << 31, 1 << 27
"""Bits of Go's os.FileMode."""
_PIECE = 1 << 18


class _Side(NamedTuple):
    """One side of the copy; `container` is empty for this one."""

    container: str
    path: str


def _copy(call: Call) -> int:
    source, destination = map(_side, call.arguments)
    if source.container and destination.container:
        raise CommandFailed("copying between containers is not supported")
    if not source.container and not destination.container:
        raise CommandFailed("must specify at least one container source")
    return _fetch(call, source, destination.path) if source.container else _send(call, source.path, destination)


def _side(written: str) -> _Side:
    container, colon, path = written.partition(":")
    if written.startswith(("/", ".")) or not colon or "/" in container:
        return _Side("", written)
    return _Side(container, path)


def _fetch(call: Call, source: _Side, written: str) -> int:
    path = source.path
    if call.values.on("follow-link"):
        path = _followed(path, _stat(call, source))
    response = call.engine.open("GET", f"/containers/{source.container}/archive", {"path": path})
    if written == "-":
        return _fetch_to_stdout(call, response)
    stat = _stat_of(response)
    place = Place(path, exists=True, is_directory=bool(number(stat, "mode") & _DIRECTORY))
    destination = local_place(os.path.expanduser(written), follow=True)  # noqa: PTH111 - a trailing slash must stay
    target = target_of(place, destination)
    stream = cast("BinaryIO", io.BufferedReader(_Pieces(response.pieces()), _PIECE))
    with stream:
        size = unpack(stream, place, target, keep_owner=call.values.on("archive"))
    _report(call, size, written)
    return 0


def _fetch_to_stdout(call: Call, response: Response) -> int:
    if call.console.is_terminal:
        raise CommandFailed("refusing to write a tar archive to a terminal: send it on, as in `| tar t`")
    for piece in response.pieces():
        call.console.write(1, piece)
    return 0


def _send(call: Call, written: str, destination: _Side) -> int:
    there = _container_place(call, destination)
    if written == "-":
        if not there.is_directory:
            raise CommandFailed(f"destination {destination.container}:{destination.path} must be a directory")
        _put(call, destination.container, there.path, _copy_stdin)
        return 0
    follow = call.values.on("follow-link")
    here = local_place(written, follow=follow or written.endswith(("/", "/.")))
    if not here.exists:
        raise CommandFailed(f"lstat {written}: no such file or directory")
    target = target_of(here._replace(path=os.path.abspath(written) + ("/." if here.means_content else "")), there)  # noqa: PTH100
    real = os.path.realpath(written) if follow or here.is_directory else written
    packed = _Packed(real, target.name or ".")
    _put(call, destination.container, target.directory, packed.write)
    _report(call, packed.size, f"{destination.container}:{destination.path}")
    return 0


class _Packed:
    """A tree of this side as a tar stream."""

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._name = name
        self.size = 0

    def write(self, sink: Sink) -> None:
        with tarfile.open(fileobj=cast("BinaryIO", sink), mode="w|", bufsize=_PIECE) as archive:
            archive.add(self._path, arcname=self._name, filter=self._count)

    def _count(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        self.size += member.size
        return member


def _copy_stdin(sink: Sink) -> None:
    while piece := sys.stdin.buffer.read(_PIECE):
        sink.write(piece)


def _put(call: Call, container: str, directory: str, producer: Producer) -> None:
    query = {
        "path": directory,
        "noOverwriteDirNonDir": "true",
        "copyUIDGID": "true" if call.values.on("archive") else None,
    }
    call.engine.open("PUT", f"/containers/{container}/archive", query, producer=producer).body()


def _container_place(call: Call, side: _Side) -> Place:
    """Look at a path in a container, through a link at its end."""
    path = side.path
    try:
        stat = _stat(call, side)
        if number(stat, "mode") & _LINK:
            path = _followed(path, stat)
            stat = _stat(call, side._replace(path=path))
    except EngineRefused as refusal:
        if refusal.status != 404:
            raise
        return Place(path, exists=False, is_directory=False)
    return Place(path, exists=True, is_directory=bool(number(stat, "mode") & _DIRECTORY))


def _stat(call: Call, side: _Side) -> Json:
    response = call.engine.open("HEAD", f"/containers/{side.container}/archive", {"path": side.path})
    response.close()
    return _stat_of(response)


def _stat_of(response: Response) -> Json:
    return decode(base64.b64decode(response.headers.get(_STAT, "") or b"bnVsbA=="))


def _followed(path: str, stat: Json) -> str:
    link = text(stat, "linkTarget")
    return posixpath.join(posixpath.dirname(path.rstrip("/")), link) if link else path


def _report(call: Call, size: int, where: str) -> None:
    if call.console.is_terminal and not call.values.on("quiet"):
        call.console.note(f"Successfully copied {decimal_size(size)} to {where}")


class _Pieces(io.RawIOBase):
    """Pieces as they arrive, to be read like a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._ahead = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # typeshed's private name
        if not self._ahead:
            self._ahead = next(self._pieces, b"")
        count = min(len(buffer), len(self._ahead))
        buffer[:count], self._ahead = self._ahead[:count], self._ahead[count:]
        return count


CP = Command(
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        netwright cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    _copy,
    (
        Example("cp web:/etc/hosts .", "fetch a file"),
        Example("cp site/. web:/www", "send what is in a directory"),
        Example("cp web:/www - | tar t", "fetch as a tar archive"),
    ),
    flags=(
        switch("archive", "Keep owners (user and group numbers)", "a"),
        switch("follow-link", "Copy what a link at SRC_PATH leads to", "L"),
        switch("quiet", "Do not report what was copied", "q"),
    ),
    least=2,
    most=2,
    offers=("files",),
)
