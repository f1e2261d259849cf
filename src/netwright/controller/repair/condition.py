"""What of ours is out of order and could not be put right, by its owner: shown wherever the owner is shown."""

from collections.abc import Mapping, Sequence

from netwright.model.names import Id

FIREWALL = Id("firewall")
NAMES = Id("names")


class Condition:
    """Remembers what could not be mended until it is mended, or its owner is gone. Nothing here outlives the engine."""

    def __init__(self) -> None:
        self._faults: dict[Id, tuple[str, ...]] = {}

    def note(self, owner: Id, faults: Sequence[str]) -> None:
        """Take over how an attempt to mend has ended; without faults the owner is in order."""
        if faults:
            self._faults[owner] = tuple(faults)
        else:
            self._faults.pop(owner, None)

    def of(self, owner: Id) -> Sequence[str]:
        """Return what is wrong with an owner."""
        return self._faults.get(owner, ())

    def all(self) -> Mapping[Id, Sequence[str]]:
        """Return everything that is out of order."""
        return self._faults

    def keep(self, owners: set[Id]) -> None:
        """Forget owners that are no more."""
        for gone in self._faults.keys() - owners - {FIREWALL, NAMES}:
            del self._faults[gone]
