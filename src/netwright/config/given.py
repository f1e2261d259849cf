"""What was given: the command line and daemon.json, each read into values by option, not yet merged.

The command line is read as Docker's programs read it (Go's pflag): `--flag value`, `--flag=value`, `-H value`,
`-Hvalue`, switches only as `--icc` or `--icc=false`, several one-letter switches in one word.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from netwright.config.option import Option, Shape
from netwright.config.table import FOREIGN, OPTIONS
from netwright.errors import InvalidInput

_ALL = (*OPTIONS.values(), *FOREIGN)
_BY_FLAG = {option.flag: option for option in _ALL if option.flag}
_BY_SHORT = {option.short: option for option in _ALL if option.short}
_BY_KEY = {option.key: option for option in _ALL if option.key}
_OLD_KEYS = {"host-gateway-ip": "host-gateway-ips"}


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was given for an option, and how it reads in a message. A repeated option has a tuple."""

    option: Option
    value: object
    text: str


def from_flags(argv: Sequence[str]) -> Mapping[str, Given]:
    """Read a command line without its first word and return what it gives, by the options' names.

    Raises InvalidInput for an unknown flag, a missing or bad value, or a word that is no flag.
    """
    found: dict[str, Given] = {}
    for option, written, text in _flags(argv):
        try:
            value = option.kind.from_text(text)
        except ValueError as error:
            raise InvalidInput(f'invalid argument "{text}" for "{written}" flag: {error}') from None
        found[option.name] = _after(found.get(option.name), Given(option, value, text))
    return found


def _after(before: Given | None, now: Given) -> Given:
    """Return what counts when `now` is given after `before`: the last, or all where an option may be repeated."""
    if now.option.shape is not Shape.MANY:
        return now
    values = before.value if before is not None and isinstance(before.value, tuple) else ()
    texts = [before.text[1:-1]] if before is not None else []
    return Given(now.option, (*values, now.value), f"[{' '.join([*texts, now.text])}]")


def _flags(argv: Sequence[str]) -> Iterator[tuple[Option, str, str]]:
    """Yield each flag's option, its spelling and the text of its value."""
    words = iter(argv)
    for word in words:
        if word.startswith("--") and word != "--":
            yield _long(word, words)
        elif word.startswith("-") and word not in ("-", "--"):
            yield from _shorts(word, words)
        elif word != "--":
            hint = " (a switch takes its value with =: --icc=false)" if word in ("true", "false") else ""
            raise InvalidInput(f"unexpected argument: {word}{hint}")


def _long(word: str, words: Iterator[str]) -> tuple[Option, str, str]:
    name, equals, text = word[2:].partition("=")
    option = _BY_FLAG.get(name)
    if option is None:
        raise InvalidInput(f"unknown flag: --{name}{_nearest(name, _BY_FLAG, '--')}")
    if equals:
        return option, f"--{name}", text
    return option, f"--{name}", _next_value(option, f"--{name}", words)


def _shorts(word: str, words: Iterator[str]) -> Iterator[tuple[Option, str, str]]:
    rest = word[1:]
    while rest:
        option = _BY_SHORT.get(rest[0])
        if option is None:
            raise InvalidInput(f"unknown shorthand flag: '{rest[0]}' in {word}")
        written, rest = f"-{rest[0]}", rest[1:]
        if option.shape is Shape.SWITCH and not rest.startswith("="):
            yield option, written, "true"
            continue
        yield option, written, rest.removeprefix("=") if rest else _next_value(option, written, words)
        return


def _next_value(option: Option, written: str, words: Iterator[str]) -> str:
    if option.shape is Shape.SWITCH:
        return "true"
    text = next(words, None)
    if text is None:
        raise InvalidInput(f"flag needs an argument: {written}")
    return text


def from_file(text: str, path: Path) -> Mapping[str, Given]:
    """Read the text of daemon.json and return what it gives, by the options' names; `path` is for messages.

    Raises InvalidInput for what is not JSON, unknown keys (all of them at once) and bad values.
    """
    try:
        return {name: given for key, value in _object(text).items() for name, given in [_entry(key, value)]}
    except ValueError as error:
        raise InvalidInput(f"unable to configure the engine with file {path}: {error}") from None


def _object(text: str) -> Mapping[str, object]:
    """Return the file's object with its keys checked. Raises ValueError."""
    if not text.strip():
        return {}
    try:
        document = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it must be one JSON object")  # noqa: TRY004 - one kind for all faults of the file
    unknown = [key + _nearest(key, _BY_KEY, "") for key in document if _OLD_KEYS.get(key, key) not in _BY_KEY]
    if unknown:
        raise ValueError(f"the following directives don't match any configuration option: {', '.join(unknown)}")
    return document


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is given twice")
    return dict(pairs)


def _entry(key: str, value: object) -> tuple[str, Given]:
    if key in _OLD_KEYS:
        key, value = _OLD_KEYS[key], [value]
    option = _BY_KEY[key]
    try:
        read = _many(option, value) if option.shape is Shape.MANY else option.kind.from_json(value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return option.name, Given(option, read, _go(value))


def _many(option: Option, value: object) -> tuple[object, ...]:
    if option.kind.whole is not None:
        return option.kind.whole(value)
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - readers raise ValueError
    return tuple(map(option.kind.from_json, value))


def _go(value: object) -> str:
    """Return a JSON value as Go prints it with %v, in which Docker's texts show it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    return str(value)


def _nearest(name: str, known: Mapping[str, Option], prefix: str) -> str:
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""
