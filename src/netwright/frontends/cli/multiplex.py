"""Output of a container without a terminal: frames of a stream number, a length and that many bytes.

A frame's header has eight bytes: the stream (1 stdout, 2 stderr), three zeros, the length in network order.
"""

from collections.abc import Iterator
from typing import NamedTuple

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
_HEADER = 8


class Frame(NamedTuple):
    """A piece of output."""

    stream: int
    data: bytes


class Demultiplexer:
    """Takes bytes as they arrive and gives frames; a long frame comes in pieces, without waiting for its end."""

    def __init__(self) -> None:
        self._ahead = bytearray()
        self._stream = 1
        self._missing = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield what can be said now."""
        self._ahead += data
        while self._ahead:
            if not self._missing:
                if len(self._ahead) < _HEADER:
                    return
                self._stream = self._ahead[0]
                self._missing = int.from_bytes(self._ahead[4:_HEADER], "big")
                del self._ahead[:_HEADER]
                continue
            piece = bytes(self._ahead[: self._missing])
            del self._ahead[: len(piece)]
            self._missing -= len(piece)
            yield Frame(self._stream, piece)
