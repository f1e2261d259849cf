"""An image's configuration: the JSON whose digest is the image's id, and the Dockerfile lines that change it. Pure."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from netwright.errors import InvalidInput
from netwright.model.container import Image
from netwright.model.ports import Port


class _Config(msgspec.Struct, rename="pascal"):
    """What an image wants of its containers."""

    cmd: list[str] | None = None
    entrypoint: list[str] | None = None
    env: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, object] | None = None
    volumes: dict[str, object] | None = None
    stop_signal: str | None = None


class _RootFs(msgspec.Struct):
    diff_ids: list[str] | None = None
    type: str = "layers"


class _Document(msgspec.Struct):
    architecture: str = ""
    os: str = ""
    rootfs: _RootFs = msgspec.field(default_factory=_RootFs)
    config: _Config | None = None
    created: str | None = None
    comment: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What Dockerfile lines can change of an image."""

    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    directory: str = ""
    user: str = ""
    labels: Mapping[str, str] | None = None
    exposed: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


def parse(text: bytes) -> Image:
    """Read a configuration; the image has no references, digests and size yet. Raises InvalidInput."""
    try:
        document = msgspec.json.decode(text, type=_Document)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"the image's configuration cannot be read: {error}") from None
    config = document.config or _Config()
    return Image(
        id=digest(text),
        references=(),
        created=_time(document.created),
        size=0,
        architecture=document.architecture,
        os=document.os,
        layers=tuple(document.rootfs.diff_ids or ()),
        command=tuple(config.cmd or ()),
        entrypoint=tuple(config.entrypoint or ()),
        environment=tuple(config.env or ()),
        directory=config.working_dir or "",
        user=config.user or "",
        labels=config.labels or {},
        exposed=tuple(Port.parse(port) for port in config.exposed_ports or ()),
        volumes=tuple(config.volumes or ()),
        stop_signal=config.stop_signal or "",
        comment=document.comment,
        author=document.author,
    )


def digest(text: bytes) -> str:
    """Return the digest of bytes, with its `sha256:`."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _time(text: str | None) -> datetime | None:
    """Read Go's time; nanoseconds beyond microseconds are dropped."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def compose(shape: Shape, *, layer: str, architecture: str, created: datetime, message: str) -> bytes:
    """Return the configuration of an imported image of one layer."""
    config: dict[str, object] = {
        "Cmd": list(shape.command) or None,
        "Entrypoint": list(shape.entrypoint) or None,
        "Env": list(shape.environment) or None,
        "WorkingDir": shape.directory,
        "User": shape.user,
        "Labels": dict(shape.labels or {}) or None,
        "ExposedPorts": {port: {} for port in shape.exposed} or None,
        "Volumes": {path: {} for path in shape.volumes} or None,
        "StopSignal": shape.stop_signal,
    }
    stamp = created.astimezone(UTC).isoformat().replace("+00:00", "Z")
    document = {
        "architecture": architecture,
        "comment": message,
        "config": {key: value for key, value in config.items() if value},
        "created": stamp,
        "history": [{"created": stamp, "comment": message}],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }
    return msgspec.json.encode(document)


def changed(lines: Sequence[str]) -> Shape:
    """Return what Dockerfile lines such as `CMD ["sh"]` make of an empty image. Raises InvalidInput."""
    shape = Shape()
    for line in lines:
        if line.strip():
            shape = _change(shape, line.strip())
    return shape


def _change(shape: Shape, line: str) -> Shape:
    word, _, rest = line.partition(" ")
    value = rest.strip()
    match word.upper():
        case "CMD":
            return replace(shape, command=_command(value))
        case "ENTRYPOINT":
            return replace(shape, entrypoint=_command(value))
        case "ENV":
            names = {entry.partition("=")[0] for entry in _pairs(value, line)}
            kept = (entry for entry in shape.environment if entry.partition("=")[0] not in names)
            return replace(shape, environment=(*kept, *_pairs(value, line)))
        case "LABEL":
            labels = dict(pair.split("=", 1) for pair in _pairs(value, line))
            return replace(shape, labels={**(shape.labels or {}), **labels})
        case "EXPOSE":
            return replace(shape, exposed=(*shape.exposed, *(str(Port.parse(port)) for port in value.split())))
        case "VOLUME":
            return replace(shape, volumes=(*shape.volumes, *(_list(value) or value.split())))
        case "WORKDIR":
            return replace(shape, directory=value)
        case "USER":
            return replace(shape, user=value)
        case "STOPSIGNAL":
            return replace(shape, stop_signal=value)
        case _:
            raise InvalidInput(f"{word.lower()} is not a valid change command")


def _list(value: str) -> tuple[str, ...] | None:
    """Return a JSON list of words, or None where it is none."""
    if not value.startswith("["):
        return None
    try:
        return tuple(msgspec.json.decode(value, type=list[str]))
    except msgspec.DecodeError:
        return None


def _command(value: str) -> tuple[str, ...]:
    """Return a command in exec form as it is, one in shell form through a shell."""
    words = _list(value)
    return words if words is not None else ("/bin/sh", "-c", value)


def _pairs(value: str, line: str) -> tuple[str, ...]:
    """Return `NAME=value` entries out of `A=b C="d e"` or the old form `A b`."""
    first = value.split(None, 1)
    if not first:
        raise InvalidInput(f"dockerfile parse error: {line}: names and values are missing")
    if "=" not in first[0]:
        return (f"{first[0]}={first[1] if len(first) == 2 else ''}",)
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise InvalidInput(f"dockerfile parse error: {line}: {error}") from None
    for word in words:
        if "=" not in word:
            raise InvalidInput(f"Syntax error - can't find = in {json.dumps(word)}. Must be of the form: name=value")
    return tuple(words)
