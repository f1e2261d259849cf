"""Sizes of terminals, told to conmon.

conmon 2.1.6 may act on only the first of two sizes that it reads at once (measured: half of the time where two follow
each other immediately). So sizes go to one terminal some time apart, and of those that come meanwhile only the last.
"""

import asyncio
import os

from netwright.containers.layout import Bundle
from netwright.errors import SystemFailure

GAP = 0.05
"""Seconds between two sizes for one terminal: conmon needs well below a millisecond, a person sees no difference."""


class Terminals:
    """Sends sizes to the terminals of all processes."""

    def __init__(self) -> None:
        self._waiting: dict[Bundle, tuple[int, int] | None] = {}

    def resize(self, bundle: Bundle, rows: int, columns: int) -> None:
        """Set the size of a terminal, at once or in a moment. Raises SystemFailure where conmon does not listen."""
        if bundle in self._waiting:
            self._waiting[bundle] = (rows, columns)
            return
        _tell(bundle, rows, columns)
        self._waiting[bundle] = None
        asyncio.get_running_loop().call_later(GAP, self._go_on, bundle)

    def _go_on(self, bundle: Bundle) -> None:
        size = self._waiting.pop(bundle)
        if size is None:
            return
        try:
            self.resize(bundle, *size)
        except SystemFailure:
            # The terminal went while its last size waited: there is nobody to tell.
            return


def _tell(bundle: Bundle, rows: int, columns: int) -> None:
    try:
        descriptor = os.open(bundle.control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SystemFailure(f"the terminal cannot be resized: {error.strerror}") from None
    try:
        os.write(descriptor, f"1 {rows} {columns}\n".encode())
    finally:
        os.close(descriptor)
