"""The `filters` parameter: what may be filtered by, and whether a thing passes. Pure."""

import re
from collections.abc import Collection, Mapping

import msgspec

from netwright.errors import InvalidInput


class Filters:
    """Values by key. Several values of one key are alternatives; keys are all to be met."""

    def __init__(self, values: Mapping[str, Collection[str]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, text: str, allowed: Collection[str]) -> "Filters":
        """Read `{"name": ["x"]}` or the older `{"name": {"x": true}}`. Raises InvalidInput."""
        if not text:
            return cls({})
        try:
            decoded = msgspec.json.decode(text, type=dict[str, list[str] | dict[str, bool] | None] | None) or {}
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise InvalidInput("invalid filter") from None
        for key in decoded:
            if key not in allowed:
                raise InvalidInput(f"invalid filter '{key}'")
        values = {
            key: [name for name, wanted in entry.items() if wanted] if isinstance(entry, dict) else entry
            for key, entry in decoded.items()
        }
        return cls({key: tuple(dict.fromkeys(entry)) for key, entry in values.items() if entry})

    def get(self, key: str) -> Collection[str]:
        """Return the values of a key."""
        return self._values.get(key, ())

    def has(self, key: str) -> bool:
        """Tell whether a key is filtered by."""
        return key in self._values

    def flag(self, key: str) -> bool | None:
        """Return a key's value as a switch, None where it is not filtered by. Raises InvalidInput."""
        if key not in self._values:
            return None
        values = self._values[key]
        if len(values) > 1:
            raise InvalidInput(f'got more than one value for filter key "{key}"')
        (value,) = values
        if value in {"1", "true"}:
            return True
        if value in {"0", "false"}:
            return False
        raise InvalidInput(f'invalid value for filter \'{key}\', must be "true" (or "1"), or "false" (or "0")')

    def exact(self, key: str, value: str) -> bool:
        """Tell whether a value is one of those asked for, if any is."""
        return key not in self._values or value in self._values[key]

    def match(self, key: str, *candidates: str) -> bool:
        """Tell whether some candidate equals a value, or matches it as a regular expression anywhere."""
        if key not in self._values:
            return True
        return any(_matches(value, candidate) for value in self._values[key] for candidate in candidates)

    def prefix(self, key: str, candidate: str) -> bool:
        """Tell whether a candidate begins with some value."""
        return key not in self._values or any(candidate.startswith(value) for value in self._values[key])

    def labels(self, present: Mapping[str, str]) -> bool:
        """Tell whether all labels asked for (`k` or `k=v`) are there, and none of those under `label!`."""
        wanted = all(_has_label(present, text) for text in self._values.get("label", ()))
        return wanted and not any(_has_label(present, text) for text in self._values.get("label!", ()))


def _matches(pattern: str, candidate: str) -> bool:
    if pattern == candidate:
        return True
    try:
        return re.search(pattern, candidate) is not None
    except re.error:
        return False


def _has_label(present: Mapping[str, str], text: str) -> bool:
    key, found, value = text.partition("=")
    return key in present and (not found or present[key] == value)
