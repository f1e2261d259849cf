"""What a kernel says of its types, made by hand; and what the one that runs here says."""

import struct
from pathlib import Path

import pytest

from netwright.kernel import btf
from netwright.kernel.bpf import Unsupported
from netwright.kernel.btf import Types

INT, POINTER, ARRAY, STRUCT, UNION, TYPEDEF, FUNCTION = 1, 2, 3, 4, 5, 8, 12
BIT_FIELDS = 1 << 31


class Kernel:
    """Types as they are put together for a test; each `add` makes the next number."""

    def __init__(self) -> None:
        self._strings = b"\0"
        self._types = b""

    def name(self, text: str) -> int:
        if not text:
            return 0
        place = len(self._strings)
        self._strings += text.encode() + b"\0"
        return place

    def add(self, kind: int, name: str, size: int, *more: int, count: int = 0, flags: int = 0) -> None:
        self._types += struct.pack(f"={3 + len(more)}I", self.name(name), flags | kind << 24 | count, size, *more)

    def structure(self, name: str, *fields: tuple[str, int, int], kind: int = STRUCT, flags: int = 0) -> None:
        more = [word for field, inner, offset in fields for word in (self.name(field), inner, offset)]
        self.add(kind, name, 64, *more, count=len(fields), flags=flags)

    def content(self) -> bytes:
        header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self._types), len(self._types), len(self._strings))
        return header + self._types + self._strings


@pytest.fixture
def types() -> Types:
    made = Kernel()
    made.add(INT, "int", 4, 32)  # 1
    made.structure("", ("next", 1, 0), ("dev", 1, 64))  # 2
    made.structure("", ("", 2, 0), ("other", 1, 0), kind=UNION)  # 3
    made.structure("packet", ("mark", 1, 0), ("", 3, 128))  # 4
    made.add(ARRAY, "", 0, 1, 1, 5)  # 5
    made.structure("rules", ("few", 1, 3 | 2 << 24), ("hooks", 5, 64), flags=BIT_FIELDS)  # 6
    made.add(TYPEDEF, "rules_t", 6)  # 7
    made.structure("net", ("count", 1, 0), ("nf", 7, 256))  # 8
    made.add(FUNCTION, "look", 1)  # 9
    return Types(made.content())


def test_a_function_has_its_number(types: Types) -> None:
    assert types.function("look") == 9


def test_a_field_lies_where_the_structures_without_names_around_it_say(types: Types) -> None:
    assert types.offset("packet", "dev") == 16 + 8
    assert types.offset("packet", "other") == 16


def test_a_field_of_a_field_is_found_through_names_of_types(types: Types) -> None:
    assert types.offset("net", "nf", "hooks") == 32 + 8


@pytest.mark.parametrize(("structure", "fields"), [("nothing", ("x",)), ("net", ("x",)), ("net", ("count", "x"))])
def test_what_a_kernel_lacks_is_unsupported(types: Types, structure: str, fields: tuple[str, ...]) -> None:
    with pytest.raises(Unsupported, match=structure):
        types.offset(structure, *fields)


def test_a_function_that_is_none_is_unsupported(types: Types) -> None:
    with pytest.raises(Unsupported, match="packet"):
        types.function("packet")


def test_a_kernel_that_does_not_tell_is_unsupported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(btf, "VMLINUX", tmp_path / "none")
    with pytest.raises(Unsupported, match="No such file"):
        Types.of_kernel()


def test_what_is_no_list_of_types_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="cannot be read"):
        Types(bytes(64))
