"""JSON as the engine sends it, read without trust: a field that is absent or of another type reads as empty."""

import json
from typing import TypeAlias

from netwright.frontends.cli.failures import CommandFailed

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def decode(data: bytes | str) -> Json:
    """Read a JSON document. Raises CommandFailed where it is none."""
    try:
        value: Json = json.loads(data)
    except ValueError as error:
        raise CommandFailed(f"the engine's answer is not JSON: {error}") from None
    return value


def encode(value: Json, *, indent: int | None = None) -> str:
    """Write a JSON document: on one line, or indented by some spaces."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)


def at(value: Json, *path: str) -> Json:
    """Return what lies under a path of keys, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Json, *path: str) -> str:
    """Return the string under a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def number(value: Json, *path: str) -> int:
    """Return the whole number under a path; 0 where there is none."""
    found = at(value, *path)
    return int(found) if isinstance(found, int | float) else 0


def flag(value: Json, *path: str) -> bool:
    """Tell whether there is `true` under a path."""
    return at(value, *path) is True


def items(value: Json, *path: str) -> "list[Json]":
    """Return the list under a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def texts(value: Json, *path: str) -> list[str]:
    """Return the strings of the list under a path."""
    return [item for item in items(value, *path) if isinstance(item, str)]


def mapping(value: Json, *path: str) -> "dict[str, Json]":
    """Return the object under a path; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}
