"""What is wrong with a JSON document, in the words of Go's decoder: clients and their tests compare them.

Only a document that could not be read comes here, so this may take its time. Pure.
"""

import re

import msgspec

_ESCAPES = frozenset('"\\/bfnrt')
_BLANK = " \t\r\n"
_WORDS = {"t": "true", "f": "false", "n": "null"}
_MISMATCH = re.compile(r"Expected `(.+?)`, got `(\w+)`(?: - at `\$(.*)`)?")
_JSON_NAMES = {"str": "string", "int": "number", "float": "number", "bool": "bool"}


class _Fault(Exception):
    """The first place at which a document is no JSON."""


def syntax_fault(data: bytes) -> str:
    """Return what makes a document no JSON."""
    try:
        _Scanner(data.decode(errors="replace")).value()
    except _Fault as fault:
        return str(fault)
    return "unexpected EOF"


class _Scanner:
    """Reads a document up to its first fault; depth is bounded by the parser that refused it before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise _Fault("unexpected EOF")
        self._at += 1
        return self._text[self._at - 1]

    def _next_but_blank(self) -> str:
        while (character := self._next()) in _BLANK:
            pass
        return character

    def value(self) -> None:
        """Read a value."""
        character = self._next_but_blank()
        if character == "{":
            self._object()
        elif character == "[":
            self._array()
        elif character == '"':
            self._string()
        elif character == "-" or character.isdecimal():
            self._number(character)
        elif character in _WORDS:
            self._word(_WORDS[character])
        else:
            raise _unexpected(character, "looking for beginning of value")

    def _object(self) -> None:
        character = self._next_but_blank()
        if character == "}":
            return
        while True:
            if character != '"':
                raise _unexpected(character, "looking for beginning of object key string")
            self._string()
            if (character := self._next_but_blank()) != ":":
                raise _unexpected(character, "after object key")
            self.value()
            character = self._next_but_blank()
            if character == "}":
                return
            if character != ",":
                raise _unexpected(character, "after object key:value pair")
            character = self._next_but_blank()

    def _array(self) -> None:
        if self._next_but_blank() == "]":
            return
        self._at -= 1
        while True:
            self.value()
            character = self._next_but_blank()
            if character == "]":
                return
            if character != ",":
                raise _unexpected(character, "after array element")

    def _string(self) -> None:
        while (character := self._next()) != '"':
            if character < " ":
                raise _unexpected(character, "in string literal")
            if character == "\\":
                self._escape(self._next())

    def _escape(self, kind: str) -> None:
        if kind == "u":
            for _ in range(4):
                if (digit := self._next()) not in "0123456789abcdefABCDEF":
                    raise _unexpected(digit, "in \\u hexadecimal character escape")
        elif kind not in _ESCAPES:
            raise _unexpected(kind, "in string escape code")

    def _number(self, character: str) -> None:
        if character == "-" and not (character := self._next()).isdecimal():
            raise _unexpected(character, "in numeric literal")
        if character != "0":
            self._digits()
        if self._peek() == ".":
            self._at += 1
            self._first_digit("after decimal point in numeric literal")
        if self._peek() in {"e", "E"}:
            self._at += 1
            if self._peek() in {"+", "-"}:
                self._at += 1
            self._first_digit("in exponent of numeric literal")

    def _first_digit(self, where: str) -> None:
        if not (character := self._next()).isdecimal():
            raise _unexpected(character, where)
        self._digits()

    def _digits(self) -> None:
        while self._peek().isdecimal():
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _word(self, word: str) -> None:
        for wanted in word[1:]:
            if (character := self._next()) != wanted:
                raise _unexpected(character, f"in literal {word} (expecting {_quoted(wanted)})")


def _unexpected(character: str, where: str) -> _Fault:
    return _Fault(f"invalid character {_quoted(character)} {where}")


def _quoted(character: str) -> str:
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    return f"'{character}'" if character.isprintable() else f"'{character.encode('unicode_escape').decode()}'"


def type_fault(error: msgspec.ValidationError, name: str) -> str:
    """Return which field of a shape was given a value of the wrong type; `name` is what Docker calls the shape."""
    match = _MISMATCH.match(str(error))
    if match is None:
        return str(error)
    expected, got, path = match.groups()
    wanted = _go_type(expected.removesuffix(" | null"))
    where = ".".join(part for part in re.sub(r"\[[^]]*\]", "", path or "").split(".") if part)
    field = f"struct field {name}.{where} of type {wanted}" if where else f"value of type {name}"
    return f"json: cannot unmarshal {_JSON_NAMES.get(got, got)} into Go {field}"


def _go_type(expected: str) -> str:
    return {"str": "string", "int": "int64", "array": "[]string", "object": "map[string]string"}.get(expected, expected)
