"""`-v`, `--mount`, `--tmpfs`: what is mounted into a container."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from netwright.frontends.cli.document import Json, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.flags import bad_value
from netwright.frontends.cli.quantities import parse_size


def binds_and_volumes(specs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sort `-v` flags: those with a source, and the paths that want an anonymous volume. Raises CommandFailed."""
    binds: list[str] = []
    volumes: list[str] = []
    for spec in specs:
        parts = spec.split(":")
        if not spec or len(parts) > 3 or "" in parts:
            raise _refused(
                f"invalid spec: {spec}: empty section between colons" if spec else "invalid empty volume spec"
            )
        if len(parts) == 1:
            volumes.append(spec)
        else:
            binds.append(":".join([_source(parts[0]), *parts[1:]]))
    return binds, volumes


def tmpfs(specs: Sequence[str]) -> dict[str, Json]:
    """Return `--tmpfs` flags by path, with their options."""
    return {path: options for path, _, options in (spec.partition(":") for spec in specs)}


def mounts(specs: Sequence[str]) -> list[Json]:
    """Return `--mount` flags as the API's mounts. Raises CommandFailed."""
    return [_mount(spec) for spec in specs]


class _Field(NamedTuple):
    """Where a field of `--mount` goes in the API's mount, and how its value is read."""

    path: tuple[str, ...]
    read: Callable[[str], Json]


def _mount(spec: str) -> Json:
    mount: dict[str, Json] = {"Type": "volume"}
    for part in next(csv.reader([spec])):
        key, equals, value = part.strip().partition("=")
        key = key.lower()
        if key == "volume-opt":
            name, _, setting = value.partition("=")
            _put(mount, ("VolumeOptions", "DriverConfig", "Options", name), setting)
        elif not equals and key not in _BARE:
            raise bad_value("--mount", spec, f"invalid field '{part}' must be a key=value pair")
        elif key not in _FIELDS:
            raise bad_value("--mount", spec, f"unexpected key '{key}' in '{part}'")
        else:
            field = _FIELDS[key]
            _put(mount, field.path, field.read(value if equals else "true"))
    if mount["Type"] == "bind":
        mount["Source"] = _source(text(mount, "Source"))
    if not mount.get("Target"):
        raise bad_value("--mount", spec, "target is required")
    return mount


def _put(target: dict[str, Json], path: Sequence[str], value: Json) -> None:
    *outer, last = path
    for key in outer:
        inner = target.setdefault(key, {})
        if isinstance(inner, dict):
            target = inner
    target[last] = value


def _truth(value: str) -> bool:
    if value.lower() not in {"1", "true", "t", "0", "false", "f"}:
        raise _refused(f'invalid value "{value}": it is true or false')
    return value.lower() in {"1", "true", "t"}


def _octal(value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise _refused(f"invalid value for tmpfs-mode: {value}") from None


_TARGET, _SOURCE, _READ_ONLY = _Field(("Target",), str), _Field(("Source",), str), _Field(("ReadOnly",), _truth)
_FIELDS = {
    "type": _Field(("Type",), str.lower),
    "source": _SOURCE,
    "src": _SOURCE,
    "target": _TARGET,
    "dst": _TARGET,
    "destination": _TARGET,
    "readonly": _READ_ONLY,
    "ro": _READ_ONLY,
    "bind-propagation": _Field(("BindOptions", "Propagation"), str.lower),
    "volume-nocopy": _Field(("VolumeOptions", "NoCopy"), _truth),
    "tmpfs-size": _Field(("TmpfsOptions", "SizeBytes"), lambda value: parse_size(value, "--mount")),
    "tmpfs-mode": _Field(("TmpfsOptions", "Mode"), _octal),
}
_BARE = frozenset({"readonly", "ro", "volume-nocopy"})
"""Fields that may stand without a value, for true."""


def _source(text: str) -> str:
    """Make a path of this side absolute; a volume's name stays."""
    if text.startswith("~"):
        return str(Path(text).expanduser())
    return str(Path(text).absolute()) if text.startswith(".") else text


def _refused(reason: str) -> CommandFailed:
    return CommandFailed(reason, code=125)
