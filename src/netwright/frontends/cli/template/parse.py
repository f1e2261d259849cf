"""From a template's source to its nodes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from netwright.frontends.cli.template.functions import FUNCTIONS
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
)

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?|\.\d+))
      | (?P<field>(?:\.[A-Za-z_]\w*)+)
      | (?P<variable>\$\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark>:=|[=|(),.])""",
    re.VERBOSE,
)
_BLOCKS = ("if", "range", "with")
_WORDS = {"true": True, "false": False, "nil": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class Token(NamedTuple):
    """A word inside of `{{ }}`; `kind` is the group of the token pattern."""

    kind: str
    text: str


class Piece(NamedTuple):
    """Text, or where `is_action` what stands between `{{` and `}}`."""

    text: str
    is_action: bool


def parse(source: str) -> tuple[Node, ...]:
    """Return the nodes of a template. Raises TemplateFailed."""
    return _Parser(list(_pieces(source))).whole()


def _pieces(source: str) -> Iterator[Piece]:
    position, trim = 0, False
    while (opening := source.find("{{", position)) >= 0:
        closing = _closing(source, opening + 2)
        action = source[opening + 2 : closing]
        text = source[position:opening]
        before = re.match(r"-\s", action) is not None
        after = re.search(r"\s-$", action) is not None
        text = text.lstrip() if trim else text
        yield Piece(text.rstrip() if before else text, is_action=False)
        action = action[1 if before else 0 : -1 if after else None].strip()
        if not (action.startswith("/*") and action.endswith("*/")):
            yield Piece(action, is_action=True)
        position, trim = closing + 2, after
    rest = source[position:]
    yield Piece(rest.lstrip() if trim else rest, is_action=False)


def _closing(source: str, start: int) -> int:
    """Find the `}}` that ends an action, passing over strings."""
    found = re.compile(r'(?:"(?:[^"\\]|\\.)*"|`[^`]*`|(?!\}\})[^"`])*').match(source, start)
    end = found.end() if found else start
    if not source.startswith("}}", end):
        raise TemplateFailed(f"template: :1: unclosed action in {source[start - 2 : start + 30]!r}")
    return end


def _tokens(action: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    while position < len(action):
        match = _TOKEN.match(action, position)
        if match is None:
            raise TemplateFailed(f"template: :1: unexpected {action[position:]!r} in {{{{{action}}}}}")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match[0]))
        position = match.end()
    return found


class _Parser:
    """Reads pieces into nodes; blocks end at the piece that closes them."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = list(reversed(pieces))

    def whole(self) -> tuple[Node, ...]:
        nodes, closer = self._nodes()
        if closer:
            raise TemplateFailed(f"template: :1: unexpected {{{{{closer}}}}}")
        return nodes

    def _nodes(self) -> tuple[tuple[Node, ...], str]:
        """Read up to `{{end}}` or `{{else}}`, which is returned, or to the end of the source."""
        found: list[Node] = []
        while self._pieces:
            piece = self._pieces.pop()
            if not piece.is_action:
                if piece.text:
                    found.append(Text(piece.text))
                continue
            keyword, _, rest = piece.text.partition(" ")
            if keyword in {"end", "else"}:
                return tuple(found), piece.text
            found.append(self._action(keyword, piece.text, rest))
        return tuple(found), ""

    def _action(self, keyword: str, action: str, rest: str) -> Node:
        if keyword in _BLOCKS:
            return self._block(keyword, rest)
        if action in {"break", "continue"}:
            return Leave(goes_on=action == "continue")
        return Show(_Pipelines(action).whole())

    def _block(self, keyword: str, condition: str) -> Node:
        pipeline = _Pipelines(condition).whole()
        body, closer = self._nodes()
        otherwise: tuple[Node, ...] = ()
        if closer.startswith("else "):
            nested, _, rest = closer.removeprefix("else ").strip().partition(" ")
            otherwise = (self._block(nested, rest),)
        elif closer == "else":
            otherwise, closer = self._nodes()
        if not closer:
            raise TemplateFailed(f"template: :1: {{{{{keyword}}}}} without {{{{end}}}}")
        if keyword == "range":
            return Loop(pipeline, body, otherwise)
        return Branch(pipeline, body, otherwise, rebinds=keyword == "with")


class _Pipelines:
    """Reads what stands in one action."""

    def __init__(self, action: str) -> None:
        self._action = action
        self._tokens = list(reversed(_tokens(action)))

    def whole(self) -> Pipeline:
        declares = self._declared()
        assigns = bool(declares) and self._take().text == "="
        pipeline = self._pipeline()._replace(declares=declares, assigns=assigns)
        if self._tokens:
            raise self._unexpected(self._tokens[-1].text)
        return pipeline

    def _declared(self) -> tuple[str, ...]:
        """Read `$x` or `$x, $y` where `:=` or `=` follows, which stays."""
        texts = [token.text for token in reversed(self._tokens)]
        for count, mark in ((1, 1), (3, 3)):
            if len(texts) > mark and texts[mark] in {":=", "="} and texts[0].startswith("$"):
                names = tuple(texts[:count:2])
                del self._tokens[-count:]
                return names
        return ()

    def _pipeline(self) -> Pipeline:
        commands = [self._command()]
        while self._next() == "|":
            self._take()
            commands.append(self._command())
        return Pipeline(tuple(commands))

    def _command(self) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while self._tokens and self._next() not in {"|", ")"}:
            operands.append(self._operand())
        if not operands:
            raise TemplateFailed(f"template: :1: missing value in {{{{{self._action}}}}}")
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._take()
        if token.kind == "string":
            return Literal(_unquoted(token.text))
        if token.kind == "number":
            return Literal(float(token.text) if "." in token.text else int(token.text, 0))
        if token.kind == "field":
            return Path(None, tuple(token.text[1:].split(".")))
        if token.kind == "variable":
            name, *names = token.text.split(".")
            return Path(name, tuple(names))
        if token.text == ".":
            return Path(None, ())
        if token.text == "(":
            return self._parenthesis()
        if token.kind != "word":
            raise self._unexpected(token.text)
        return self._word(token.text)

    def _word(self, name: str) -> Operand:
        if name in _WORDS:
            return Literal(_WORDS[name])
        if name not in FUNCTIONS:
            raise TemplateFailed(f'template: :1: function "{name}" not defined (there are {", ".join(FUNCTIONS)})')
        return Function(name)

    def _parenthesis(self) -> Operand:
        inner = self._pipeline()
        if self._next() != ")":
            raise TemplateFailed(f"template: :1: unclosed left paren in {{{{{self._action}}}}}")
        self._take()
        names: tuple[str, ...] = ()
        if self._tokens and self._tokens[-1].kind == "field":
            names = tuple(self._take().text[1:].split("."))
        return Path(inner, names)

    def _next(self) -> str:
        return self._tokens[-1].text if self._tokens else ""

    def _take(self) -> Token:
        if not self._tokens:
            raise TemplateFailed(f"template: :1: missing value in {{{{{self._action}}}}}")
        return self._tokens.pop()

    def _unexpected(self, text: str) -> TemplateFailed:
        return TemplateFailed(f"template: :1: unexpected {text!r} in {{{{{self._action}}}}}")


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text[1:-1])
