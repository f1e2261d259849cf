"""The engine's end of the keeper."""

from pathlib import Path
from typing import ClassVar

from netwright.kernel.companion.client import Companion, Kind
from netwright.kernel.keeper import packets

Target = tuple[str, int]


class KeeperClient(Companion):
    """A connection to a keeper."""

    KIND = Kind("keeper", Path(__file__).with_name("__main__.py"), "ports held")
    VERSION: ClassVar[int] = packets.VERSION

    def put(self, name: str, descriptor: int) -> None:
        """Have a descriptor held under a name, in place of what has it."""
        self._ask(f"put {name}", [descriptor])

    def get(self, name: str) -> int:
        """Return a copy of what is held under a name."""
        (descriptor,) = self._ask_for(f"get {name}")
        return descriptor

    def relay(self, name: str, target: Target) -> None:
        """Have what arrives at a held socket carried to a target."""
        self._ask(f"relay {name} {target[0]} {target[1]}")

    def drop(self, name: str) -> None:
        """Have a descriptor closed; content where none has the name."""
        self._ask(f"drop {name}")

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
