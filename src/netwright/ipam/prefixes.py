"""A set of prefixes of one family, each with its holder, that knows the largest free block below every point. Pure.

A binary tree over the bits of an address. All questions and changes walk one way down it, or two: their cost is that of
the address's length, however many prefixes there are and however they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from netwright.model.addressing import IPNetwork

_NOTHING = 999
"""Longer than any prefix: the length of the largest free block where none is free."""


@dataclass(frozen=True, slots=True)
class Held:
    """A prefix and whose it is."""

    prefix: IPNetwork
    holder: str


class _Node:
    """A prefix that is held, or that holds some below it. `free` is the length of the largest free block in it."""

    __slots__ = ("branches", "free", "held")

    def __init__(self) -> None:
        self.branches: list[Self | None] = [None, None]
        self.held: Held | None = None
        self.free = 0

    @property
    def is_empty(self) -> bool:
        return self.held is None and self.branches == [None, None]

    def judge(self, depth: int) -> None:
        """Find anew what is free, after something here or below has changed."""
        if self.held is not None:
            self.free = _NOTHING
        elif self.is_empty:
            self.free = depth
        else:
            self.free = min(depth + 1 if branch is None else branch.free for branch in self.branches)


class PrefixTree:
    """Prefixes of one family that do not overlap each other."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._root = _Node()

    def hold(self, prefix: IPNetwork, holder: str) -> None:
        """Add a prefix, of which nothing may be held."""
        way = [self._root]
        for turn in self._turns(prefix):
            way.append(way[-1].branches[turn] or _Node())
            way[-2].branches[turn] = way[-1]
        way[-1].held = Held(prefix, holder)
        for depth in range(len(way) - 1, -1, -1):
            way[depth].judge(depth)

    def let_go(self, prefix: IPNetwork) -> None:
        """Remove a prefix; content where it is not held."""
        way, turns = [self._root], self._turns(prefix)
        for turn in turns:
            if (branch := way[-1].branches[turn]) is None:
                return
            way.append(branch)
        way[-1].held = None
        for depth in range(len(way) - 1, -1, -1):
            if depth < len(turns) and (below := way[depth].branches[turns[depth]]) is not None and below.is_empty:
                way[depth].branches[turns[depth]] = None
            way[depth].judge(depth)

    def overlapping(self, prefix: IPNetwork) -> Held | None:
        """Return a held prefix that overlaps this one; of several the lowest."""
        return next(self.within(prefix), None)

    def within(self, prefix: IPNetwork) -> Iterator[Held]:
        """Yield the held prefixes in a prefix, in the order of addresses; or the one around it."""
        node: _Node | None = self._root
        for turn in self._turns(prefix):
            if node is None or node.held is not None:
                break
            node = node.branches[turn]
        if node is not None:
            yield from _held(node)

    def first_free(self, base: IPNetwork, length: int, start: int) -> int | None:
        """Return the first address of the lowest free block of a length in a prefix, at or behind `start`; or None."""
        node: _Node | None = self._root
        for turn in self._turns(base):
            if node is None:
                break
            if node.held is not None:
                return None
            node = node.branches[turn]
        return self._search(node, base.prefixlen, int(base.network_address), length, start)

    def _search(self, node: _Node | None, depth: int, first: int, length: int, start: int) -> int | None:
        end = first + (1 << (self._bits - depth))
        if end <= start or depth > length:
            return None
        if node is None or node.free == depth:
            step = 1 << (self._bits - length)
            found = max(first, -(-start // step) * step)
            return found if found < end else None
        if node.free > length:
            return None
        half = (end - first) // 2
        for turn, branch in enumerate(node.branches):
            found_below = self._search(branch, depth + 1, first + turn * half, length, start)
            if found_below is not None:
                return found_below
        return None

    def _turns(self, prefix: IPNetwork) -> list[int]:
        """Return a prefix's bits: at each point of the tree, whether the way goes on to the left or to the right."""
        number = int(prefix.network_address)
        return [number >> (self._bits - 1 - depth) & 1 for depth in range(prefix.prefixlen)]


def _held(node: _Node) -> Iterator[Held]:
    if node.held is not None:
        yield node.held
        return
    for branch in node.branches:
        if branch is not None:
            yield from _held(branch)
