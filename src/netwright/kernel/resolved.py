"""The machine's systemd-resolved, over the system's D-Bus, as `host.resolved.Resolved`.

The interface is org.freedesktop.resolve1(5).
"""

import socket
from collections.abc import Callable, Collection, Sequence
from typing import Any

from netwright.host.resolved import ResolvedFailed
from netwright.kernel.bus.service import BusService
from netwright.model.listener import Listener

_NAME, _PATH = "org.freedesktop.resolve1", "/org/freedesktop/resolve1"
_FAMILY = {4: socket.AF_INET.value, 6: socket.AF_INET6.value}
_MANAGER = (_NAME, _PATH, f"{_NAME}.Manager")


class DBusResolved:
    """The systemd-resolved of the system bus."""

    def __init__(self) -> None:
        self._service = BusService(_NAME, "systemd-resolved", ResolvedFailed)

    async def follow(self, runs: Callable[[bool], None]) -> None:
        await self._service.follow((), runs, lambda _, __: None)

    async def is_running(self) -> bool:
        return await self._service.is_running()

    async def lead(self, link: int, servers: Sequence[Listener], domains: Sequence[str]) -> None:
        # Our zone is signed by nobody, and we speak no TLS: whatever the host's settings are, ours are these.
        await self._call("SetLinkDNSSEC", "is", link, "no")
        await self._call("SetLinkDNSOverTLS", "is", link, "no")
        await self._call("SetLinkDefaultRoute", "ib", link, False)
        await self._call("SetLinkDomains", "ia(sb)", link, [[domain, True] for domain in domains])
        places = [[_FAMILY[one.address.version], one.address.packed, one.port, ""] for one in servers]
        await self._call("SetLinkDNSEx", "ia(iayqs)", link, places)

    async def domains(self, link: int) -> Collection[str]:
        (path,) = await self._call("GetLink", "i", link)
        properties = (_NAME, str(path), "org.freedesktop.DBus.Properties")
        (found,) = await self._service.call(properties, "Get", "ss", f"{_NAME}.Link", "Domains")
        return [str(domain) for domain, _ in found.value]

    async def revert(self, link: int) -> None:
        await self._call("RevertLink", "i", link)

    async def _call(self, member: str, signature: str, *body: Any) -> Sequence[Any]:
        return await self._service.call(_MANAGER, member, signature, *body)

    def close(self) -> None:
        """Hang up; content when repeated."""
        self._service.close()
