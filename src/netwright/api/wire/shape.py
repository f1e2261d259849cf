"""The base of all JSON shapes, and how Go's leniency is met when reading them.

Go's decoder matches keys without regard to case and takes null for an absent value; clients rely on both. `decode`
brings a document into order by the shape that it should have, then msgspec checks the types exactly.
"""

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from netwright.api.wire.syntax import syntax_fault, type_fault
from netwright.errors import InvalidInput

T = TypeVar("T")
_LEAST_INT, _GREATEST_INT = -(2**63), 2**63 - 1


class Shape(msgspec.Struct, rename="pascal"):
    """A JSON object whose keys are the fields' names in Pascal case, but for those that say otherwise.

    `docker_name` is what Docker calls a shape that is read: its messages name it.
    """

    docker_name: ClassVar[str] = ""


def decode(kind: type[T], data: bytes) -> T:
    """Read a request's body. Raises InvalidInput in Docker's words."""
    if not data.strip():
        raise InvalidInput("invalid JSON: got EOF while reading request body")
    try:
        # As in Go, what is no UTF-8 is read all the same, with replacement characters.
        loose = msgspec.json.decode(data.decode(errors="replace"))
    except msgspec.DecodeError as error:
        if "trailing characters" in str(error):
            raise InvalidInput("unexpected content after JSON") from None
        raise InvalidInput(f"invalid JSON: {syntax_fault(data)}") from None
    except RecursionError:
        raise InvalidInput("invalid JSON: exceeded max depth") from None
    try:
        return msgspec.convert(_tidy(kind, {} if loose is None else loose), kind)
    except msgspec.ValidationError as error:
        name = getattr(kind, "docker_name", "") or kind.__name__
        raise InvalidInput(f"invalid JSON: {type_fault(error, name)}") from None


def _tidy(kind: Any, value: Any) -> Any:
    """Return a value with the keys that its shape has, in its spelling; what is null is as if it were not there."""
    origin, arguments = _parts(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if value is None else _tidy(_among(arguments, value), value)
    if isinstance(value, dict):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return _tidy_object(kind, value)
        item = arguments[1] if len(arguments) == 2 else Any
        return {key: _tidy(item, entry) for key, entry in value.items()}
    if isinstance(value, list) and arguments:
        return [_tidy(arguments[0], entry) for entry in value]
    if value is None and isinstance(kind, type) and kind is not types.NoneType:
        # An entry of a list or a map: Go keeps it with its type's zero value.
        return {} if issubclass(kind, msgspec.Struct) else kind()
    if isinstance(value, int) and not _LEAST_INT <= value <= _GREATEST_INT:
        raise InvalidInput(f"invalid JSON: the number {value} does not fit into 64 bits")
    return value


@functools.cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a generic type's origin and its arguments: a range of ports asks for them by the thousand."""
    return typing.get_origin(kind), typing.get_args(kind)


def _among(kinds: tuple[Any, ...], value: Any) -> Any:
    """Return the member of a union that a value means: the container for a container, else whatever comes first."""
    wanted = [kind for kind in kinds if kind not in {types.NoneType, msgspec.UnsetType}]
    if isinstance(value, str) and str in wanted:
        return str
    return wanted[0]


def _tidy_object(kind: type[msgspec.Struct], value: Mapping[str, Any]) -> dict[str, Any]:
    fields = _fields(kind)
    tidy = {}
    for key, entry in value.items():
        field = fields.get(key.lower())
        if field is not None and entry is not None:
            tidy[field.encode_name] = _tidy(field.type, entry)
    return tidy


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    return {field.encode_name.lower(): field for field in msgspec.structs.fields(kind)}


def encode(value: object) -> bytes:
    """Return a shape as JSON, on a line of its own as Go's encoder has it."""
    return msgspec.json.encode(value) + b"\n"
