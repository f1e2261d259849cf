"""Randomness that nobody can guess, in the small pieces that queries need."""

import os

_AT_ONCE = 4096


class Chance:
    """Bytes of the kernel's generator, of which each is used once; asked for many at a time, being a system call."""

    def __init__(self) -> None:
        self._bytes = b""
        self._place = 0

    def take(self, count: int) -> bytes:
        """Return some bytes."""
        place, end = self._place, self._place + count
        if end > len(self._bytes):
            self._bytes, place, end = os.urandom(_AT_ONCE), 0, count
        self._place = end
        return self._bytes[place:end]
