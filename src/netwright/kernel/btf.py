"""What the running kernel says of its own types: where a field lies, and the number of a function.

Source: the kernel's documentation (bpf/btf); the types are those of the kernel itself, without its modules.
"""

import struct
from pathlib import Path

from netwright.kernel.bpf import Unsupported

VMLINUX = Path("/sys/kernel/btf/vmlinux")

_MAGIC = 0xEB9F
_HEADER = struct.Struct("=HBBIIIII")
_RECORD = 3
"""Words of each record: name, kind and count, size or type."""

_STRUCT, _UNION, _FUNCTION = 4, 5, 12
_TRANSPARENT = frozenset({8, 9, 10, 11, 18})
"""Kinds that stand before another type and do not change it: names, qualifiers, tags."""

_MORE = {1: 1, 3: 3, 14: 1, 17: 1}
"""How many words a record of a kind has more."""
_MORE_EACH = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}
"""How many it has more for each of what it counts."""
_KINDS = 32


class Types:
    """The types of a kernel. Reading them takes the tenth of a second, so it is done once."""

    def __init__(self, content: bytes) -> None:
        magic, _version, _flags, header, types, size, strings, _length = _HEADER.unpack_from(content)
        if magic != _MAGIC:
            raise Unsupported("what the kernel says of its types cannot be read")
        self._words = memoryview(content)[header + types : header + types + size].cast("I")
        self._content = content
        self._strings = header + strings
        self._places = _places(self._words)

    @classmethod
    def of_kernel(cls) -> "Types":
        """Return those of the running kernel. Raises Unsupported where it does not tell."""
        try:
            return cls(VMLINUX.read_bytes())
        except OSError as error:
            raise Unsupported(f"the kernel does not tell its types: {error.strerror}", errno=error.errno) from error

    def function(self, name: str) -> int:
        """Return the number of a function. Raises Unsupported where there is none."""
        return self._named(_FUNCTION, name)

    def offset(self, structure: str, *fields: str) -> int:
        """Return where a field lies in a structure, in bytes, and further fields in the structures that fields are.

        Raises Unsupported where there is none.
        """
        number, total = self._named(_STRUCT, structure), 0
        for field in fields:
            found = self._field(number, field)
            if found is None:
                raise Unsupported(f"this kernel's {structure} has no {'.'.join(fields)}")
            bits, number = found
            total += bits // 8
        return total

    def _named(self, kind: int, name: str) -> int:
        place = self._content.find(b"\0" + name.encode() + b"\0", self._strings) + 1 - self._strings
        for number, start in enumerate(self._places, 1):
            if self._words[start] == place and self._kind(start) == kind:
                return number
        raise Unsupported(f"this kernel has no {name}")

    def _kind(self, start: int) -> int:
        return self._words[start + 1] >> 24 & _KINDS - 1

    def _field(self, number: int, name: str) -> tuple[int, int] | None:
        """Return where a field lies, in bits, and the number of its type; fields without a name are looked through."""
        start = self._bare(number)
        if self._kind(start) not in {_STRUCT, _UNION}:
            return None
        information = self._words[start + 1]
        for member in range(start + _RECORD, start + _RECORD + 3 * (information & 0xFFFF), 3):
            spelling, inner, offset = self._words[member : member + 3]
            # In a structure with bit fields the upper byte says how many bits this one has.
            offset = offset & 0xFFFFFF if information >> 31 else offset
            if spelling and self._string(spelling) == name:
                return offset, inner
            if not spelling and (found := self._field(inner, name)) is not None:
                return offset + found[0], found[1]
        return None

    def _bare(self, number: int) -> int:
        start = self._places[number - 1]
        while self._kind(start) in _TRANSPARENT:
            start = self._places[self._words[start + 2] - 1]
        return start

    def _string(self, place: int) -> str:
        start = self._strings + place
        return self._content[start : self._content.index(b"\0", start)].decode()


def _places(words: "memoryview[int]") -> list[int]:
    """Return where each record begins."""
    fixed = [_RECORD + _MORE.get(kind, 0) for kind in range(_KINDS)]
    each = [_MORE_EACH.get(kind, 0) for kind in range(_KINDS)]
    places, place, end = [], 0, len(words)
    while place < end:
        places.append(place)
        information = words[place + 1]
        kind = information >> 24 & 31
        place += fixed[kind] + each[kind] * (information & 0xFFFF)
    return places
