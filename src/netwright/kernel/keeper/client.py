"""The engine's end of the keeper."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from netwright.kernel.companion.client import Companion, Kind
from netwright.kernel.keeper import packets

Target = tuple[str, int]


class KeeperClient(Companion):
    """A connection to a keeper."""

    KIND = Kind("keeper", Path(__file__).with_name("__main__.py"), "ports held")
    VERSION: ClassVar[int] = packets.VERSION

    def put(self, held: Mapping[str, int]) -> None:
        """Have descriptors held under their names, in place of what has them: `AT_ONCE` at most, all or none."""
        self._ask("\n".join(("put", *held)), list(held.values()))

    def get(self, name: str) -> int:
        """Return a copy of what is held under a name."""
        (descriptor,) = self._ask_for(f"get {name}")
        return descriptor

    def relay(self, targets: Mapping[str, Target]) -> None:
        """Have what arrives at held sockets carried to their targets: `AT_ONCE` at most.

        Where one is refused, those before it are carried.
        """
        self._ask("\n".join(("relay", *(f"{name} {address} {port}" for name, (address, port) in targets.items()))))

    def drop(self, names: Iterable[str]) -> None:
        """Have descriptors closed, `AT_ONCE` at most; content where none has a name."""
        self._ask("\n".join(("drop", *names)))

    def held(self) -> dict[str, Target | None]:
        """Return the names of what is held, and what is relayed where."""
        found: dict[str, Target | None] = {}
        while True:
            lines = self._ask(f"list {len(found)}")[1:]
            for line in lines:
                name, address, port = line.split(" ")
                found[name] = None if address == "-" else (address, int(port))
            if len(lines) < packets.PAGE:
                return found

    def retire(self) -> None:
        """Have everything let go of; connections that are relayed may end by themselves."""
        self._ask("retire")
