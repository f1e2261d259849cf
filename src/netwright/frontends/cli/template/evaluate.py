"""Filling a template from a value."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from netwright.frontends.cli.template.functions import FUNCTIONS, shown, truth
from netwright.frontends.cli.template.nodes import (
    Branch,
    Function,
    Leave,
    Literal,
    Loop,
    Node,
    Operand,
    Path,
    Pipeline,
    Show,
    TemplateFailed,
    Text,
    Value,
)

_FREE_KEYS = frozenset(
    {
        "Labels",
        "Options",
        "Sysctls",
        "Ports",
        "Networks",
        "PortBindings",
        "ExposedPorts",
        "Tmpfs",
        "Containers",
        "DriverOpts",
        "LogOpts",
        "Annotations",
        "Attributes",
        "Config",
        "GraphDriver",
    }
)
"""Maps whose keys are the user's, or come and go: a key that is not there is no mistake."""


class _Left(Exception):
    """A loop is left, or its next turn begun."""

    def __init__(self, *, goes_on: bool) -> None:
        super().__init__()
        self.goes_on = goes_on


def run(nodes: Sequence[Node], value: Value) -> str:
    """Return what the nodes print for a value. Raises TemplateFailed."""
    out: list[str] = []
    try:
        _Run(value, out).all(nodes, value)
    except _Left:
        raise TemplateFailed("template: :1: {{break}} or {{continue}} outside of {{range}}") from None
    return "".join(out)


class _Run:
    """One filling: the output so far and the variables in sight."""

    def __init__(self, root: Value, out: list[str]) -> None:
        self._out = out
        self._variables: dict[str, Value] = {"$": root}

    def all(self, nodes: Sequence[Node], dot: Value) -> None:
        for node in nodes:
            match node:
                case Text(text):
                    self._out.append(text)
                case Show(pipeline):
                    self._show(pipeline, dot)
                case Branch():
                    self._branch(node, dot)
                case Loop():
                    self._loop(node, dot)
                case Leave(goes_on):
                    raise _Left(goes_on=goes_on)

    def _show(self, pipeline: Pipeline, dot: Value) -> None:
        value = self._value(pipeline, dot)
        self._declare(pipeline, value)
        if not pipeline.declares:
            self._out.append(shown(value))

    def _branch(self, node: Branch, dot: Value) -> None:
        value = self._value(node.pipeline, dot, lenient=True)
        self._declare(node.pipeline, value)
        if truth(value):
            self.all(node.body, value if node.rebinds else dot)
        else:
            self.all(node.otherwise, dot)

    def _loop(self, node: Loop, dot: Value) -> None:
        pairs = list(_pairs(self._value(node.pipeline, dot, lenient=True)))
        if not pairs:
            self.all(node.otherwise, dot)
        names = node.pipeline.declares
        for key, value in pairs:
            self._variables.update(zip(names, (key, value) if len(names) == 2 else (value,), strict=False))
            try:
                self.all(node.body, value)
            except _Left as left:
                if not left.goes_on:
                    break

    def _declare(self, pipeline: Pipeline, value: Value) -> None:
        for name in pipeline.declares:
            if pipeline.assigns and name not in self._variables:
                raise TemplateFailed(f"template: :1: undefined variable {name!r}")
            self._variables[name] = value

    def _value(self, pipeline: Pipeline, dot: Value, *, lenient: bool = False) -> Value:
        """Return the value of a pipeline; where `lenient`, a field that is absent reads as nothing."""
        value: Value = None
        for position, command in enumerate(pipeline.commands):
            piped = (value,) if position else ()
            value = self._command(command, dot, piped, lenient=lenient)
        return value

    def _command(self, command: Sequence[Operand], dot: Value, piped: tuple[Value, ...], *, lenient: bool) -> Value:
        first, *rest = command
        if isinstance(first, Function):
            lenient = lenient or first.name in {"and", "or", "not"}
            arguments = [self._operand(operand, dot, lenient=lenient) for operand in rest]
            return _called(first.name, (*arguments, *piped))
        value = self._operand(first, dot, lenient=lenient)
        arguments = [self._operand(operand, dot, lenient=lenient) for operand in rest]
        if callable(value):
            if len(arguments) + len(piped) != 1:
                raise TemplateFailed(f'{_written(first)} takes one argument, such as {{{{{_written(first)} "key"}}}}')
            return value(shown((*arguments, *piped)[0]))
        if arguments or piped:
            raise TemplateFailed(f"can't give argument to non-function {_written(first)}")
        return value

    def _operand(self, operand: Operand, dot: Value, *, lenient: bool) -> Value:
        match operand:
            case Literal(value):
                return value
            case Function(name):
                return _called(name, ())
            case Path(None, names):
                return _followed(dot, names, lenient=lenient)
            case Path(str() as name, names):
                if name not in self._variables:
                    raise TemplateFailed(f"template: :1: undefined variable {name!r}")
                return _followed(self._variables[name], names, lenient=lenient)
            case Path(Pipeline() as inner, names):
                return _followed(self._value(inner, dot, lenient=lenient), names, lenient=lenient)
        raise TemplateFailed(f"template: :1: cannot evaluate {operand!r}")


def _followed(value: Value, names: Sequence[str], *, lenient: bool) -> Value:
    owner = ""
    for name in names:
        if not isinstance(value, Mapping):
            if value is None or lenient:
                return None
            raise TemplateFailed(
                f'executing "" at <.{".".join(names)}>: can\'t evaluate field {name} in {shown(value)}'
            )
        key = _key(value, name)
        if key is None:
            if lenient or owner in _FREE_KEYS:
                return None
            raise TemplateFailed(
                f'executing "" at <.{".".join(names)}>: map has no entry for key "{name}"{_meant(name, value)}'
            )
        value, owner = value[key], key
    return value


def _key(value: Mapping[str, Value], name: str) -> str | None:
    """Return the key that a name means: Go writes `.ID` where JSON has `Id`, so case decides only between keys."""
    if name in value:
        return name
    return next((key for key in value if key.lower() == name.lower()), None)


def _called(name: str, arguments: Sequence[Value]) -> Value:
    try:
        return FUNCTIONS[name](*arguments)
    except TypeError:
        raise TemplateFailed(f"error calling {name}: wrong number of arguments ({len(arguments)})") from None


def _pairs(value: Value) -> Iterator[tuple[Value, Value]]:
    if isinstance(value, Mapping):
        yield from ((key, value[key]) for key in sorted(value))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from enumerate(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from enumerate(range(value))
    elif value is not None:
        raise TemplateFailed(f"range can't iterate over {shown(value)}")


def _meant(name: str, value: Mapping[str, Value]) -> str:
    near = get_close_matches(name, value, n=1, cutoff=0.6)
    return f" (did you mean .{near[0]}?)" if near else ""


def _written(operand: Operand) -> str:
    return "." + ".".join(operand.names) if isinstance(operand, Path) else str(operand[0])
