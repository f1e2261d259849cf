"""The door to firewalld: what it tells by itself, and what may be asked of it and done to it.

firewalld is another program that may come, go and hang as it likes. So nothing of it is an operation of `host.ops`: no
transaction depends on it, and every call ends within bounded time.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from netwright.errors import SystemFailure


class FirewalldFailed(SystemFailure):
    """firewalld refused, did not answer in time, or went away."""


@dataclass(frozen=True, slots=True)
class FirewalldRuns:
    """firewalld has come up: it knows nothing of what another before it was told for the time it ran."""


@dataclass(frozen=True, slots=True)
class FirewalldAbsent:
    """firewalld does not run, or there is no system bus at all."""


@dataclass(frozen=True, slots=True)
class FirewalldReloaded:
    """firewalld has read its configuration again, and forgotten what was not in it."""


@dataclass(frozen=True, slots=True)
class InterfaceReleased:
    """Somebody took an interface out of a zone."""

    zone: str
    interface: str


FirewalldNotice = FirewalldRuns | FirewalldAbsent | FirewalldReloaded | InterfaceReleased


class Firewalld(Protocol):
    """A machine's firewalld. All but `follow` raise FirewalldFailed, also where it does not run."""

    async def follow(self, tell: Callable[[FirewalldNotice], None]) -> None:
        """Have a function told whether firewalld runs, at once, and of all that happens to it, until cancelled."""

    async def is_running(self) -> bool:
        """Tell whether firewalld runs; it is not started by the question."""

    async def zones(self) -> Mapping[str, Collection[str]]:
        """Return the interfaces of each zone that is in force."""

    async def policies(self) -> Collection[str] | None:
        """Return the policies that are in force, or None where firewalld is too old to have any (before 0.9)."""

    async def add_zone(self, name: str, description: str) -> None:
        """Write down a zone that accepts; it is in force after a reload. Content where there is one of the name."""

    async def add_policy(self, name: str, description: str, zone: str) -> None:
        """Write down that what comes from anywhere may go on into a zone; content where there is one of the name."""

    async def description(self, name: str) -> str | None:
        """Return how a zone that is written down is described."""

    async def forget(self, zone: str, policy: str) -> None:
        """Strike out a zone and a policy; they are in force until a reload."""

    async def reload(self) -> None:
        """Have firewalld read its configuration again."""

    async def add_interface(self, zone: str, interface: str) -> None:
        """Put an interface that is in no zone into one, until the next reload."""

    async def remove_interface(self, zone: str, interface: str) -> None:
        """Take an interface out of a zone."""
