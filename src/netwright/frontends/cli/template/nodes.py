"""What a template consists of."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from netwright.frontends.cli.failures import CommandFailed

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | Callable[[str], str] | None"
"""What templates work on: JSON, and fields that are asked with one argument (`.Label "key"`)."""


class TemplateFailed(CommandFailed):
    """A template that cannot be read or filled."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"template parsing error: {reason}")


class Literal(NamedTuple):
    """A string, a number, true, false or nil."""

    value: Value


class Path(NamedTuple):
    """`.A.B`, `$x.A`, `(pipeline).A`: names to follow from a start; `start` None is the dot, a text a variable."""

    start: "str | Pipeline | None"
    names: tuple[str, ...]


class Function(NamedTuple):
    """A function by its name."""

    name: str


Operand: TypeAlias = Literal | Path | Function


class Pipeline(NamedTuple):
    """Commands whose results go from one to the next; `declares` names variables that keep the last result."""

    commands: tuple[tuple[Operand, ...], ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False
    """Whether an existing variable is set (`=`) and none made (`:=`)."""


class Text(NamedTuple):
    """Text that stands for itself."""

    text: str


class Show(NamedTuple):
    """`{{pipeline}}`."""

    pipeline: Pipeline


class Branch(NamedTuple):
    """`{{if}}` or, where `rebinds`, `{{with}}`, which makes the value the dot."""

    pipeline: Pipeline
    body: "tuple[Node, ...]"
    otherwise: "tuple[Node, ...]"
    rebinds: bool


class Loop(NamedTuple):
    """`{{range}}`."""

    pipeline: Pipeline
    body: "tuple[Node, ...]"
    otherwise: "tuple[Node, ...]"


class Leave(NamedTuple):
    """`{{break}}` or, where `goes_on`, `{{continue}}`."""

    goes_on: bool


Node: TypeAlias = Text | Show | Branch | Loop | Leave
