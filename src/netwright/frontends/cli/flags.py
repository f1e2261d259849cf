"""Flags as Docker's command line reads them, declared in tables.

The grammar is that of Go's pflag, which people's fingers and scripts know: `--name value`, `--name=value`, `-n value`,
`-nvalue`, `-n=value`, `-it`, `--rm=false`, `--` to end the flags. Neither argparse nor click reads all of it, and the
tables also make the help and the completion.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from netwright.frontends.cli.failures import BadFlag

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})

_NO_FLAGS = ("-", "->")
"""Standard input or output, and an arrow between two ends (`firewall explain`)."""


class Kind(Enum):
    """How the value of a flag is read."""

    SWITCH = ""
    TEXT = "string"
    NUMBER = "int"
    LIST = "list"
    """May be given several times."""


class Flag(NamedTuple):
    """A flag. `takes` says what its value is, for help; `offers` what completion offers for it (`completion`)."""

    name: str
    summary: str
    kind: Kind = Kind.TEXT
    short: str = ""
    takes: str = ""
    default: str = ""
    offers: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Other spellings, not shown in help."""

    @property
    def placeholder(self) -> str:
        """The word that stands for the value in help; empty for a switch."""
        return "" if self.kind is Kind.SWITCH else self.takes or self.kind.value


def switch(name: str, summary: str, short: str = "", *, default: bool = False) -> Flag:
    """Declare a flag that is on or off."""
    return Flag(name, summary, Kind.SWITCH, short, default="true" if default else "")


class Values:
    """What was given: the values of flags by name, and the arguments."""

    def __init__(self, flags: Sequence[Flag], given: Mapping[str, Sequence[str]], arguments: Sequence[str]) -> None:
        self._flags = {flag.name: flag for flag in flags}
        self._given = given
        self.arguments = tuple(arguments)

    def given(self, name: str) -> bool:
        """Tell whether the flag was written."""
        return name in self._given

    def text(self, name: str) -> str:
        """Return the flag's last value, else its default."""
        return self._given[name][-1] if name in self._given else self._flags[name].default

    def on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return self.text(name) in _TRUE

    def number(self, name: str) -> int:
        """Return the value of a flag that takes a number; 0 where there is no default."""
        return int(self.text(name) or 0)

    def many(self, name: str) -> tuple[str, ...]:
        """Return all values of a flag that may be repeated."""
        return tuple(self._given.get(name, ()))


class Reader:
    """Reads words by a table of flags.

    With `mixed`, flags may also stand behind arguments; without, the first argument ends them (`run IMAGE ls -l`).
    """

    def __init__(self, flags: Sequence[Flag], *, mixed: bool = True) -> None:
        self._flags = flags
        self._long = {name: flag for flag in flags for name in (flag.name, *flag.also)}
        self._short = {flag.short: flag for flag in flags if flag.short}
        self._mixed = mixed

    def read(self, words: Sequence[str]) -> Values:
        """Read the words. Raises BadFlag in Docker's words."""
        given: dict[str, list[str]] = {}
        arguments: list[str] = []
        waiting = list(reversed(words))
        while waiting:
            word = waiting.pop()
            if word == "--":
                arguments += reversed(waiting)
                break
            if not word.startswith("-") or word in _NO_FLAGS:
                arguments.append(word)
                if not self._mixed:
                    arguments += reversed(waiting)
                    break
            elif word.startswith("--"):
                self._read_long(word, waiting, given)
            else:
                self._read_short(word, waiting, given)
        return Values(self._flags, given, arguments)

    def long(self, name: str) -> Flag | None:
        """Return the flag that is written `--name`."""
        return self._long.get(name)

    def short(self, letter: str) -> Flag | None:
        """Return the flag that is written `-l`."""
        return self._short.get(letter)

    def _read_long(self, word: str, waiting: list[str], given: dict[str, list[str]]) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name.startswith("-"):
            raise BadFlag(f"bad flag syntax: {word}")
        flag = self._long.get(name)
        if flag is None:
            raise BadFlag(f"unknown flag: --{name}{_meant(name, self._long)}")
        if equals:
            pass
        elif flag.kind is Kind.SWITCH:
            value = "true"
        elif waiting:
            value = waiting.pop()
        else:
            raise BadFlag(f"flag needs an argument: --{name}")
        _note(flag, value, given)

    def _read_short(self, word: str, waiting: list[str], given: dict[str, list[str]]) -> None:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self._short.get(letter)
            if flag is None:
                raise BadFlag(f"unknown shorthand flag: {letter!r} in {word}")
            if letters.startswith("="):
                return _note(flag, letters[1:], given)
            if flag.kind is Kind.SWITCH:
                _note(flag, "true", given)
            elif letters:
                return _note(flag, letters, given)
            elif waiting:
                return _note(flag, waiting.pop(), given)
            else:
                raise BadFlag(f"flag needs an argument: {letter!r} in {word}")
        return None


def bad_value(flag: str, value: str, reason: str) -> BadFlag:
    """Return the refusal of a flag's value; `flag` as written in help, such as `-m, --memory`."""
    return BadFlag(f'invalid argument "{value}" for "{flag}" flag: {reason}')


def _note(flag: Flag, value: str, given: dict[str, list[str]]) -> None:
    shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
    if flag.kind is Kind.SWITCH and value not in _TRUE | _FALSE:
        raise bad_value(shown, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')
    if flag.kind is Kind.NUMBER and not (value.lstrip("+-").isdigit() and value.isascii()):
        raise bad_value(shown, value, f'strconv.ParseInt: parsing "{value}": invalid syntax')
    given.setdefault(flag.name, []).append(value)


def _meant(name: str, known: Mapping[str, Flag]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f" (did you mean --{near[0]}?)" if near else ""
