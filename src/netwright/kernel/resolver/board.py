"""What resolver, engine and kernel look at together: which answers of the kernel still hold, and how many it gave.

A page of memory that all three share. An answer that the kernel keeps (`shortcuts`) holds as long as the epoch is the
one that it was given in. The epoch has two halves: the engine turns one when it has said that names change, before it
says so to anybody else, and the resolver the other when what it was told has come into force. So no query that is sent
after a change was made known is answered by what was so before, and nobody waits for it.
"""

import mmap

from netwright.kernel.resolver.shortcut_program import BOARD

_ENGINES, _OURS = 0, 1
_HALVES = 2
_LARGEST = 0xFFFFFFFF

Epoch = tuple[int, int]
"""The engine's half and the resolver's."""


class Board:
    """The page, as one of the processes has it."""

    def __init__(self, descriptor: int) -> None:
        self._page = mmap.mmap(descriptor, BOARD)
        whole = memoryview(self._page)
        self._halves = whole[: 4 * _HALVES].cast("I")
        self._answered = whole[4 * _HALVES :].cast("Q")

    @property
    def epoch(self) -> Epoch:
        """What holds now."""
        return self._halves[_ENGINES], self._halves[_OURS]

    def say(self) -> None:
        """Let nothing hold any more, as the engine."""
        self._turn(_ENGINES)

    def hear(self) -> None:
        """Let nothing hold any more, as the resolver."""
        self._turn(_OURS)

    def _turn(self, half: int) -> None:
        self._halves[half] = self._halves[half] + 1 & _LARGEST

    def answered(self, slot: int) -> int:
        """Return how many queries have been answered in a slot, whoever has had it."""
        return self._answered[slot]

    def close(self) -> None:
        """Let go of it."""
        self._halves.release()
        self._answered.release()
        self._page.close()
