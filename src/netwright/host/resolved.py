"""The door to systemd-resolved: whether it runs, and what it is told of links.

It is another program, as firewalld is (`host.firewalld`): no operation and no transaction depends on it.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from netwright.errors import SystemFailure
from netwright.model.listener import Listener


class ResolvedFailed(SystemFailure):
    """systemd-resolved refused, did not answer in time, or went away."""


class Resolved(Protocol):
    """A machine's systemd-resolved. All but `follow` raise ResolvedFailed, also where it does not run."""

    async def follow(self, runs: Callable[[bool], None]) -> None:
        """Have a function told whether it runs, at once and at every change, until cancelled."""

    async def is_running(self) -> bool:
        """Tell whether it runs; it is not started by the question."""

    async def lead(self, link: int, servers: Sequence[Listener], domains: Sequence[str]) -> None:
        """Have names in some domains asked of servers, in place of what was said of a link before, and no others."""

    async def domains(self, link: int) -> Collection[str]:
        """Return the domains that a link leads to servers of its own."""

    async def revert(self, link: int) -> None:
        """Forget what was said of a link."""
