"""`netwright check` and `netwright repair` for a whole engine: its networks, and its containers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from netwright.model.difference import Difference


class Network(Protocol):
    """What this needs of the network engine."""

    async def check(self) -> Sequence[Difference]:
        """Return every difference between rows and machine; nothing is changed."""

    async def repair(self) -> Sequence[Difference]:
        """Put right whatever can be; return what was wrong."""


class Containers(Protocol):
    """What this needs of the containers."""

    async def strays(self) -> Sequence[Difference]:
        """Return what is on the machine of containers that no row names."""

    async def sweep(self) -> Sequence[Difference]:
        """Take it away; return it."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was wrong and is put right, and what is wrong still."""

    mended: tuple[Difference, ...]
    left: tuple[Difference, ...]


class Upkeep:
    """Finds where machine and rows disagree, and makes them agree."""

    def __init__(self, network: Network, containers: Containers) -> None:
        self._network = network
        self._containers = containers

    async def check(self) -> Sequence[Difference]:
        """Return every difference between rows and machine; nothing is changed."""
        found = [*await self._network.check()]
        if seen := await self._containers.strays():
            # What a removal is just taking away is gone at a second look.
            again = await self._containers.strays()
            found.extend(stray for stray in seen if stray in again)
        return found

    async def repair(self) -> Repaired:
        """Put right whatever can be."""
        wrong = [*await self._network.repair(), *await self._containers.sweep()]
        left = await self.check() if wrong else ()
        return Repaired(tuple(one for one in wrong if one not in left), tuple(left))
