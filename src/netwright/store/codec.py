"""Frozen dataclasses to JSON and back.

A row is `{"v": version, "d": data}`. The version is that of the row's kind: when a kind's shape changes, its number in
`VERSIONS` grows and `UPGRADES` gets the function that lifts the data of the version before. Data of a newer version is
refused: an older engine must not throw away what it does not understand.

Decoders are compiled once for each type, out of its annotations; what they need to know is all in `_compile`.
"""

import base64
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, TypeVar, cast

import msgspec

from netwright.errors import SystemFailure

T = TypeVar("T")
Decoder = Callable[[Any], Any]

VERSIONS: Mapping[str, int] = {}
"""The present version of each kind whose shape has changed since the first; all others are at 1."""

UPGRADES: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""What lifts the data of a kind from a version to the next."""

_ADDRESSES = frozenset((IPv4Address, IPv6Address))
_NETWORKS = frozenset((IPv4Network, IPv6Network))


def encode(row: object) -> bytes:
    """Return a row as JSON."""
    version = VERSIONS.get(type(row).__name__, 1)
    return msgspec.json.encode({"v": version, "d": row}, enc_hook=str)


def decode(kind: type[T], data: bytes) -> T:
    """Return a row of a kind. Raises SystemFailure where the data is of a newer version or makes no sense."""
    name = kind.__name__
    try:
        wrapped = msgspec.json.decode(data)
        version, fields = wrapped["v"], wrapped["d"]
        present = VERSIONS.get(name, 1)
        if version > present:
            raise SystemFailure(
                f"a {name} was written by a newer engine (version {version}, this one knows {present}): "
                "start that engine again, or another data-root"
            )
        for step in range(version, present):
            fields = UPGRADES[name, step](fields)
        return cast("T", _decoder(kind)(fields))
    except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise SystemFailure(f"a stored {name} cannot be read: {error}") from error


_compiled: dict[Any, Decoder] = {}


def _decoder(kind: Any) -> Decoder:
    found = _compiled.get(kind)
    if found is None:
        found = _compiled[kind] = _compile(kind)
    return found


def _compile(kind: Any) -> Decoder:
    """Return the function that turns decoded JSON into a value of a type."""
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        return _union(typing.get_args(kind))
    if origin is tuple:
        return _tuple(typing.get_args(kind))
    if origin is not None and issubclass(origin, Mapping):
        key, value = map(_decoder, typing.get_args(kind))
        return lambda data: {key(k): value(v) for k, v in data.items()}
    if isinstance(kind, typing.NewType):
        return _decoder(kind.__supertype__)
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast("type", kind))
    return _scalar(kind)


def _scalar(kind: Any) -> Decoder:
    if kind is bytes:
        return base64.b64decode
    if kind is datetime:
        return datetime.fromisoformat
    if kind in _ADDRESSES | _NETWORKS | {IPv4Interface, IPv6Interface} or issubclass(kind, Enum):
        return cast("Decoder", kind)
    if kind in {str, int, float, bool}:
        return lambda data: _exactly(kind, data)
    raise TypeError(f"rows cannot hold {kind!r}")


def _exactly(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f"{data!r} is not {kind.__name__}")
    return data


def _union(members: tuple[Any, ...]) -> Decoder:
    rest = frozenset(members) - {types.NoneType}
    if rest == _ADDRESSES:
        inner: Decoder = ip_address
    elif rest == _NETWORKS:
        inner = ip_network
    elif len(rest) == 1:
        inner = _decoder(next(iter(rest)))
    else:
        raise TypeError(f"rows cannot hold a choice between {rest}")
    return lambda data: None if data is None else inner(data)


def _tuple(members: tuple[Any, ...]) -> Decoder:
    if len(members) == 2 and members[1] is Ellipsis:
        inner = _decoder(members[0])
        return lambda data: tuple(map(inner, data))
    inners = tuple(map(_decoder, members))
    return lambda data: tuple(decode_one(item) for decode_one, item in zip(inners, data, strict=True))


def _dataclass(kind: type) -> Decoder:
    """Read a dataclass; a field that the data lacks has its default, one that the class lacks is dropped."""
    hints = typing.get_type_hints(kind)
    decoders = {field.name: _decoder(hints[field.name]) for field in dataclasses.fields(kind)}
    return lambda data: kind(**{name: decoders[name](value) for name, value in data.items() if name in decoders})
