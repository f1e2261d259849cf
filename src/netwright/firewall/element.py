"""One element of a set or map of a table of ours."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from msgspec import Struct

from netwright.host.elements import Item, Part


class Element(Struct, frozen=True):
    """An element of a set or map.

    `family` tells its table: ours of the families inet and bridge, or `guard` for the one that engines share.
    """

    family: str
    set: str
    item: Item

    def __str__(self) -> str:
        return str(self.item)


def element(family: str, name: str, *key: Part, to: tuple[Part, ...] = ()) -> Element:
    """Return an element of a set, or of a map where it leads to something."""
    return Element(family, name, Item(key, to))


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers."""
    for _, members in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in members]
        yield run[0], run[-1]
