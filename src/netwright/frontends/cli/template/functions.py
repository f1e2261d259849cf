"""The functions that templates may use: Go's, and those that Docker adds."""

import json
import re
from collections.abc import Callable, Mapping, Sequence

from netwright.frontends.cli.template.nodes import TemplateFailed, Value

NO_VALUE = "<no value>"


def truth(value: Value) -> bool:
    """Tell whether a value counts as true: not false, 0, empty or absent."""
    return bool(value)


def shown(value: Value) -> str:
    """Return a value as Go prints it: maps as `map[a:1]`, lists as `[a b]`."""
    if value is None:
        return NO_VALUE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{_inner(value[key])}' for key in sorted(value))}]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{' '.join(_inner(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inner(value: Value) -> str:
    return "<nil>" if value is None else shown(value)


def plain(value: Value) -> Value:
    """Return a value without what JSON cannot show (fields that are asked with an argument)."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items() if not callable(item)}
    return value


def _json(value: Value) -> str:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def _pretty(value: Value) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=2)


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, Sequence) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise TemplateFailed(f"error calling index: index out of range: {key}")
            value = value[key]
        else:
            raise TemplateFailed(f"error calling index: cannot index {shown(value)} by {shown(key)}")
    return value


def _length(value: Value) -> int:
    if isinstance(value, str | Mapping | Sequence):
        return len(value)
    raise TemplateFailed(f"error calling len: {shown(value)} has no length")


def _slice(value: Value, *bounds: Value) -> Value:
    whole = [bound for bound in bounds if isinstance(bound, int)]
    if not isinstance(value, str | Sequence) or len(whole) != len(bounds):
        raise TemplateFailed(f"error calling slice: cannot slice {shown(value)}")
    return value[slice(*whole)] if len(whole) > 1 else value[whole[0] if whole else 0 :]


def _conjunction(*values: Value) -> Value:
    return next((value for value in values if not truth(value)), values[-1])


def _disjunction(*values: Value) -> Value:
    return next((value for value in values if truth(value)), values[-1])


def _equal(first: Value, *others: Value) -> bool:
    return any(first == other for other in others)


def _less(first: Value, second: Value) -> bool:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return first < second
    if isinstance(first, str) and isinstance(second, str):
        return first < second
    raise TemplateFailed(f"incompatible types for comparison: {shown(first)} and {shown(second)}")


def _printf(form: Value, *values: Value) -> str:
    waiting = list(values)

    def verb(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        if not waiting:
            return f"%!{match[2]}(MISSING)"
        return _formatted(match[1], match[2], waiting.pop(0))

    return re.sub(r"%([-+# 0]*\d*(?:\.\d+)?)([a-zA-Z%])", verb, shown(form))


def _formatted(width: str, letter: str, value: Value) -> str:
    if letter in "dxXofeEgGc" and isinstance(value, int | float):
        number = int(value) if letter in "dxXoc" else value
        return f"%{width}{letter}" % number
    if letter == "q":
        return f"%{width}s" % json.dumps(shown(value), ensure_ascii=False)
    if letter in "svt":
        return f"%{width}s" % shown(value)
    return f"%!{letter}({shown(value)})"


def _println(*values: Value) -> str:
    return " ".join(map(shown, values)) + "\n"


def _print(*values: Value) -> str:
    return "".join(map(shown, values))


def _split(value: Value, separator: Value) -> Value:
    return shown(value).split(shown(separator))


def _join(value: Value, separator: Value) -> str:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TemplateFailed(f"error calling join: {shown(value)} is no list")
    return shown(separator).join(map(shown, value))


def _pad(value: Value, before: Value, after: Value) -> str:
    ends = [" " * count if isinstance(count, int) else "" for count in (before, after)]
    return f"{ends[0]}{shown(value)}{ends[1]}" if shown(value) else ""


def _truncate(value: Value, width: Value) -> str:
    return shown(value)[: width if isinstance(width, int) else None]


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "and": _conjunction,
    "or": _disjunction,
    "not": lambda value: not truth(value),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "eq": _equal,
    "ne": lambda first, second: first != second,
    "lt": _less,
    "le": lambda first, second: first == second or _less(first, second),
    "gt": lambda first, second: _less(second, first),
    "ge": lambda first, second: first == second or _less(second, first),
    "json": _json,
    "prettyjson": _pretty,
    "split": _split,
    "join": _join,
    "title": lambda value: shown(value).title(),
    "lower": lambda value: shown(value).lower(),
    "upper": lambda value: shown(value).upper(),
    "pad": _pad,
    "truncate": _truncate,
}
"""By name. Go's `html`, `js`, `urlquery` and `call` are left out."""
