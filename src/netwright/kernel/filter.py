"""Filters that the kernel runs for a socket before anything is put into it: classic BPF (linux/filter.h)."""

import ctypes
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("HL")

LOAD_WORD, LOAD_HALF, LOAD_BYTE, JUMP, JUMP_IF_EQUAL, JUMP_IF_ANY, RETURN = 0x20, 0x28, 0x30, 0x05, 0x15, 0x45, 0x06
_LOAD_NUMBER, _LOAD_INDEX, _MOVE_TO_INDEX, _LOAD_INDEXED_WORD = 0x00, 0x01, 0x07, 0x40
_FIND_ATTRIBUTE = 0xFFFFF000 + 12
"""Where a load finds the place of a netlink attribute (SKF_AD_OFF + SKF_AD_NLATTR)."""
_ATTRIBUTE_HEADER = 4


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `value` is an offset for a load, what to compare with for a jump, bytes to keep for a return.

    A jump skips `yes` or `no` instructions, one that compares nothing `value`. What is loaded is read in network byte
    order.
    """

    code: int
    value: int
    yes: int = 0
    no: int = 0


KEEP, DROP = Instruction(RETURN, 0xFFFFFFFF), Instruction(RETURN, 0)


def load_attribute(kind: int, start: int, otherwise: Instruction) -> tuple[Instruction, ...]:
    """Return what loads the word of a netlink attribute, or does `otherwise` where there is none.

    The message's attributes begin at `start`. `otherwise` is to end the program or to jump.
    """
    return (
        Instruction(_LOAD_INDEX, kind),
        Instruction(_LOAD_NUMBER, start),
        Instruction(LOAD_WORD, _FIND_ATTRIBUTE),
        Instruction(JUMP_IF_EQUAL, 0, no=1),
        otherwise,
        Instruction(_MOVE_TO_INDEX, 0),
        Instruction(_LOAD_INDEXED_WORD, _ATTRIBUTE_HEADER),
    )


def attach(to: socket.socket, program: Sequence[Instruction]) -> None:
    """Give a socket a filter; the kernel keeps a copy. Raises OSError where the program makes no sense to it."""
    encoded = b"".join(_INSTRUCTION.pack(step.code, step.yes, step.no, step.value) for step in program)
    buffer = ctypes.create_string_buffer(encoded, len(encoded))
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(program), ctypes.addressof(buffer)))
