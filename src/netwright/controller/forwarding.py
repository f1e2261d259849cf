"""Switches of the host (forwarding, answering for neighbours): on only as far as needed, noted, taken back at the end.

The kernel has one switch for IPv4. Where we turn it, the firewall drops packets between interfaces that are not ours
(`FirewallSettings.guard_forwarding*`), so the host is no more of a router than before. What we found is written to the
store before anything is changed: a crash cannot make us believe that the machine was so.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.host.ops import SetSysctl
from netwright.host.protocol import Host
from netwright.host.queries import Sysctl
from netwright.store.api import Delete, Put, Store

log = logging.getLogger(__name__)

IPV4 = "net/ipv4/ip_forward"
IPV6 = "net/ipv6/conf/all/forwarding"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """A setting of the host that we have changed, and what it was; `id` is the sysctl's key."""

    id: str
    before: str


class Forwarding:
    """Keeps the switches."""

    def __init__(self, store: Store, host: Host) -> None:
        self._store = store
        self._host = host
        self._changed: dict[str, HostChange] = {}

    def load(self) -> None:
        """Read what was changed in an earlier life. Blocks; for the start."""
        self._changed = dict(self._store.load(HostChange))

    def guards(self, version: int) -> bool:
        """Tell whether it was us who made a router of this host for an IP version."""
        return (IPV4 if version == 4 else IPV6) in self._changed

    async def note(self, version: int) -> bool:
        """Note that forwarding is ours to switch on, where it is off; tell whether that is new.

        From then on `guards` is true. The firewall is to be made with the guard before `switch_on` is called: in
        between the host would be a router for everybody.
        """
        return await self._note(IPV4 if version == 4 else IPV6)

    async def answer(self, link: str) -> None:
        """Let an interface answer for neighbours that live behind this host."""
        key = f"net/ipv6/conf/{link}/proxy_ndp"
        if await self._note(key):
            await self._host.do([SetSysctl(key=key, value="1", optional=True)])
            log.info("%s switched on: neighbours are to find containers of routed networks", key)

    async def _note(self, key: str) -> bool:
        """Note that a switch that is off is to be on; tell whether it was off."""
        before = await self._host.ask(Sysctl(key))
        if before is None or before.strip() != "0":
            return False
        if key not in self._changed:
            change = HostChange(id=key, before=before.strip())
            await self._store.commit([Put(key, change)])
            self._changed[key] = change
        return True

    async def switch_on(self) -> Sequence[str]:
        """Switch on what was noted; return the keys of what was off."""
        values = {key: await self._host.ask(Sysctl(key)) for key in self._changed}
        # An interface may be gone, and its switch with it.
        off = [key for key, value in values.items() if value is not None and value.strip() != "1"]
        for key in off:
            await self._host.do([SetSysctl(key=key, value="1")])
            log.info("%s switched on; packets between foreign interfaces stay dropped", key)
        return off

    async def restore(self) -> None:
        """Put every switch back to what it was found at."""
        for key, change in list(self._changed.items()):
            # An interface may be gone, and its switch with it.
            await self._host.do([SetSysctl(key=key, value=change.before, optional=key not in {IPV4, IPV6})])
            await self._store.commit([Delete(HostChange, key)])
            del self._changed[key]
