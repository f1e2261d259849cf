"""The user's terminal: raw while a container has it, and as it was afterwards, whatever happens."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple


class Size(NamedTuple):
    """Rows and columns."""

    rows: int
    columns: int


def size() -> Size | None:
    """Return the size of the terminal at stdout, or None where there is none."""
    try:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return None
    return Size(rows, columns) if rows and columns else None


@contextmanager
def raw(fd: int) -> Iterator[None]:
    """Let every key through as it is typed; the former settings come back at the end. No terminal, no change."""
    try:
        before = termios.tcgetattr(fd)
    except termios.error:
        yield
        return
    try:
        tty.setraw(fd)
        yield
    finally:
        # TCSADRAIN: what was printed last is not lost. The terminal itself may be gone (a closed window).
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
