"""Programs as the kernel reads them."""

import os
import struct

import pytest

from netwright.errors import OperationFailed
from netwright.kernel import bpf


def steps(code: bpf.Code) -> list[tuple[int, int, int, int]]:
    return [struct.unpack("=BBhi", bytes(code)[place : place + 8]) for place in range(0, len(bytes(code)), 8)]


def test_instructions_are_those_of_the_instruction_set() -> None:
    code = bpf.Code()
    code.load(2, bpf.WORD, 6, 60)
    code.load(3, bpf.BYTE, bpf.FRAME, -4)
    code.store(bpf.DOUBLE, bpf.FRAME, -8, 1)
    code.number(1, -1)
    code.leave(0)
    # In the words of `llvm-objdump`: r2 = *(u32 *)(r6 + 60), r3 = *(u8 *)(r10 - 4), *(u64 *)(r10 - 8) = r1, ...
    assert bytes(code).hex() == (
        "61623c000000000071a3fcff000000007b1af8ff00000000b7010000ffffffffb7000000000000009500000000000000"
    )


def test_a_label_may_stand_before_or_behind_the_jump_to_it() -> None:
    code = bpf.Code()
    code.label("start")
    code.go_if(bpf.EQUAL, 1, 7, "end")
    code.go_if_with(bpf.NOT_EQUAL, 1, 2, "start")
    code.move(3, 4)
    code.label("end")
    code.leave(1)
    assert [step[2] for step in steps(code)] == [2, -2, 0, 0, 0]


def test_a_map_takes_two_instructions() -> None:
    code = bpf.Code()
    code.map_value(1, 5, 24)
    assert [step[0] for step in steps(code)] == [0x18, 0x00]
    assert [step[3] for step in steps(code)] == [5, 24]


def test_what_the_kernel_cannot_do_is_told_from_what_has_failed() -> None:
    with pytest.raises(bpf.Unsupported, match="making a map"):
        bpf.create_map(bpf.MapType.ARRAY, 4, 0, 0)
    broken, ours = os.pipe()
    try:
        with pytest.raises(OperationFailed, match="putting a value into a map"):
            bpf.put(broken, b"\0" * 4, b"\0" * 8)
    finally:
        os.close(broken)
        os.close(ours)
