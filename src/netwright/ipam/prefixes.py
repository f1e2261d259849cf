"""A set of prefixes of one family, each with its holder, that knows the largest free block below every point. Pure.

A binary tree over the bits of an address. All questions and changes walk one way down it, or two: their cost is that of
the address's length, however many prefixes there are and however they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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

    __slots__ = ("free", "held", "left", "right")

    def __init__(self) -> None:
        self.left: _Node | None = None
        self.right: _Node | None = None
        self.held: Held | None = None
        self.free = 0

    @property
    def is_empty(self) -> bool:
        return self.held is None and self.left is None and self.right is None

    def judge(self, depth: int) -> None:
        """Find anew what is free, after something here or below has changed."""
        left, right = self.left, self.right
        if self.held is not None:
            self.free = _NOTHING
        elif left is None and right is None:
            self.free = depth
        elif left is None or right is None:
            self.free = depth + 1
        else:
            self.free = min(left.free, right.free)


class PrefixTree:
    """Prefixes of one family that do not overlap each other."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._root = _Node()

    def hold(self, prefix: IPNetwork, holder: str) -> None:
        """Add a prefix, of which nothing may be held."""
        node, way = self._root, [self._root]
        for turn in self._turns(prefix):
            below = node.right if turn else node.left
            if below is None:
                below = _Node()
                if turn:
                    node.right = below
                else:
                    node.left = below
            node = below
            way.append(node)
        node.held = Held(prefix, holder)
        self._judge(way)

    def let_go(self, prefix: IPNetwork) -> None:
        """Remove a prefix; content where it is not held."""
        way = self._way(prefix)
        if len(way) <= prefix.prefixlen or way[-1].held is None:
            return
        way[-1].held = None
        while len(way) > 1 and way[-1].is_empty:
            gone = way.pop()
            if way[-1].left is gone:
                way[-1].left = None
            else:
                way[-1].right = None
        self._judge(way)

    def overlapping(self, prefix: IPNetwork) -> Held | None:
        """Return a held prefix that overlaps this one; of several the lowest."""
        return next(self.within(prefix), None)

    def within(self, prefix: IPNetwork) -> Iterator[Held]:
        """Yield the held prefixes in a prefix, in the order of addresses; or the one around it."""
        way = self._way(prefix)
        if len(way) > prefix.prefixlen or way[-1].held is not None:
            yield from _held(way[-1])

    def first_free(self, base: IPNetwork, length: int, start: int) -> int | None:
        """Return the first address of the lowest free block of a length in a prefix, at or behind `start`; or None."""
        way = self._way(base)
        if way[-1].held is not None:
            return None
        node = way[-1] if len(way) > base.prefixlen else None
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
        lower = self._search(node.left, depth + 1, first, length, start)
        if lower is not None:
            return lower
        return self._search(node.right, depth + 1, first + (end - first) // 2, length, start)

    def _way(self, prefix: IPNetwork) -> list[_Node]:
        """Return the nodes on the way to a prefix, as far as there are any; none lies below one that is held."""
        node, way = self._root, [self._root]
        for turn in self._turns(prefix):
            below = node.right if turn else node.left
            if below is None:
                break
            node = below
            way.append(node)
        return way

    def _turns(self, prefix: IPNetwork) -> Iterator[bool]:
        """Yield a prefix's bits: at each point of the tree, whether the way goes on to the right."""
        number = int(prefix.network_address)
        for shift in range(self._bits - 1, self._bits - 1 - prefix.prefixlen, -1):
            yield bool(number >> shift & 1)

    def _judge(self, way: list[_Node]) -> None:
        """Find anew what is free on a way whose last node has changed; above one that stays as it was all do."""
        for depth in range(len(way) - 1, -1, -1):
            before = way[depth].free
            way[depth].judge(depth)
            if way[depth].free == before:
                return


def _held(node: _Node) -> Iterator[Held]:
    if node.held is not None:
        yield node.held
        return
    for branch in (node.left, node.right):
        if branch is not None:
            yield from _held(branch)
