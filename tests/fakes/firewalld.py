"""A firewalld in memory: what runs is forgotten at a reload, what is written down is in force from then on."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from netwright.host.firewalld import (
    FirewalldAbsent,
    FirewalldFailed,
    FirewalldNotice,
    FirewalldReloaded,
    FirewalldRuns,
    InterfaceReleased,
)


class FakeFirewalld:
    """A firewalld that can be stopped, made to hang, and used by an administrator."""

    def __init__(self, *, runs: bool = True) -> None:
        self.runs = runs
        self.broken = False
        self.hangs = False
        self.reloads = 0
        self.written: dict[str, str] = {"public": "", "trusted": ""}
        self.written_policies: dict[str, str] = {}
        self.in_force: dict[str, set[str]] = {zone: set() for zone in self.written}
        self.policies_in_force: set[str] = set()
        self.calls = 0
        self._tell: Callable[[FirewalldNotice], None] = lambda _: None

    # What the machine and its administrator do.

    def come(self) -> None:
        """Start, or start anew."""
        self.runs = True
        self._take_up()
        self._tell(FirewalldRuns())

    def go(self) -> None:
        """Stop."""
        self.runs = False
        self._tell(FirewalldAbsent())

    def reloaded(self) -> None:
        """Reload by the administrator's hand."""
        self._take_up()
        self._tell(FirewalldReloaded())

    def place(self, interface: str, zone: str) -> None:
        """Put an interface into a zone by the administrator's hand."""
        for members in self.in_force.values():
            members.discard(interface)
        self.in_force[zone].add(interface)

    def release(self, interface: str, zone: str) -> None:
        """Take an interface out of a zone by the administrator's hand."""
        self.in_force[zone].remove(interface)
        self._tell(InterfaceReleased(zone, interface))

    def _take_up(self) -> None:
        self.in_force = {zone: set() for zone in self.written}
        self.policies_in_force = set(self.written_policies)

    # The door.

    async def follow(self, tell: Callable[[FirewalldNotice], None]) -> None:
        self._tell = tell
        tell(FirewalldRuns() if self.runs else FirewalldAbsent())
        await asyncio.Event().wait()

    async def is_running(self) -> bool:
        return self.runs

    async def zones(self) -> Mapping[str, Collection[str]]:
        await self._called()
        return {zone: frozenset(members) for zone, members in self.in_force.items()}

    async def policies(self) -> Collection[str] | None:
        await self._called()
        return frozenset(self.policies_in_force)

    async def add_zone(self, name: str, description: str) -> None:
        await self._called()
        self.written.setdefault(name, description)

    async def add_policy(self, name: str, description: str, zone: str) -> None:
        await self._called()
        assert zone in self.written
        self.written_policies.setdefault(name, description)

    async def description(self, name: str) -> str | None:
        await self._called()
        return self.written.get(name)

    async def forget(self, zone: str, policy: str) -> None:
        await self._called()
        self.written.pop(zone, None)
        self.written_policies.pop(policy, None)

    async def reload(self) -> None:
        await self._called()
        self.reloads += 1
        self.reloaded()

    async def add_interface(self, zone: str, interface: str) -> None:
        await self._called()
        if any(interface in members for members in self.in_force.values()):
            raise FirewalldFailed(f"ZONE_CONFLICT: {interface} is in a zone already")
        self.in_force[zone].add(interface)

    async def remove_interface(self, zone: str, interface: str) -> None:
        await self._called()
        self.in_force[zone].remove(interface)

    async def _called(self) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken or not self.runs:
            raise FirewalldFailed("firewalld is not well")
