"""What a command is, and what it is given to work with."""

from collections.abc import Callable
from typing import NamedTuple

from netwright.frontends.cli.client import Engine
from netwright.frontends.cli.console import Console
from netwright.frontends.cli.flags import Flag, Values


class Example(NamedTuple):
    """A line to try, without `netwright` in front, and what it does."""

    line: str
    does: str


class Call(NamedTuple):
    """One call of a command. `spelling` is the command as the user wrote it, such as `netwright container ls`."""

    engine: Engine
    console: Console
    values: Values
    spelling: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments, flags left out."""
        return self.values.arguments


class Command(NamedTuple):
    """A command: how it is written, what it takes, and the function that carries it out and returns the exit code.

    `usage` is what follows the command's name in help. `least` and `most` bound the number of arguments (None: any).
    `offers` says what completion offers for each argument, the last one for all that follow. `mixed` tells whether
    flags may stand behind arguments. `prefix` tells that failures carry `netwright: ` in front, as Docker's of `run`.
    """

    usage: str
    run: Callable[[Call], int]
    examples: tuple[Example, ...]
    flags: tuple[Flag, ...] = ()
    least: int = 0
    most: int | None = 0
    offers: tuple[str, ...] = ()
    mixed: bool = True
    about: str = ""
