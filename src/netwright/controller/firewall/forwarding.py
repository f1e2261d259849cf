"""Switches of the host: turned only as far as needed, noted, and taken back at the end.

The kernel has one switch to forward IPv4 and one for IPv6. Where we turn it, the firewall drops packets between
interfaces that are not ours (`FirewallSettings.guard_forwarding*`), so the host is no more of a router than before. Nor
is it less of a host: the kernel takes it that whoever forwards IPv6 is a router, and needs no other, so interfaces that
learn addresses and routes from routers are told to go on (`accept_ra` 2), else the host would lose its default route.

What we found is written to the store before anything is changed: a crash cannot make us believe that it was so before.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.host.ops import SetSysctl
from netwright.host.protocol import Host
from netwright.host.queries import Links, Sysctl
from netwright.store.api import Delete, Put, Store

log = logging.getLogger(__name__)

IPV4 = "net/ipv4/ip_forward"
IPV6 = "net/ipv6/conf/all/forwarding"

_REASONS = {
    "ip_forward": "packets between foreign interfaces stay dropped",
    "forwarding": "packets between foreign interfaces stay dropped",
    "accept_ra": "the host goes on learning from routers, though it forwards",
    "proxy_ndp": "neighbours are to find containers of routed networks",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChange:
    """A setting of the host that we have changed, what it was and what it is now; `id` is the sysctl's key."""

    id: str
    before: str
    after: str = "1"


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
        key = IPV4 if version == 4 else IPV6
        if not await self._stands(key, "0"):
            return False
        if version == 6:
            # Before the switch itself: once that is noted, nothing of what it needs is looked for again.
            # The ports of a bridge hear no router; there may be a thousand, and many of them are ours.
            listening = [link.name for link in await self._host.ask(Links()) if not link.master]
            for name in ("default", *listening):
                await self._note(f"net/ipv6/conf/{name}/accept_ra", "1", "2")
        return await self._note(key, "0", "1")

    async def answer(self, link: str) -> None:
        """Let an interface answer for neighbours that live behind this host."""
        key = f"net/ipv6/conf/{link}/proxy_ndp"
        if await self._note(key, "0", "1"):
            await self._turn(self._changed[key])

    async def _note(self, key: str, before: str, after: str) -> bool:
        """Note that a switch that stands at one value is to be at another; tell whether it stood there."""
        if not await self._stands(key, before):
            return False
        if key not in self._changed:
            change = HostChange(id=key, before=before, after=after)
            await self._store.commit([Put(key, change)])
            self._changed[key] = change
        return True

    async def _stands(self, key: str, value: str) -> bool:
        return (await self._host.ask(Sysctl(key)) or "").strip() == value

    async def switch_on(self) -> Sequence[str]:
        """Turn what was noted and stands as it was found; return the keys. Forwarding comes last."""
        off = await self.off()
        for key in off:
            await self._turn(self._changed[key])
        return off

    async def off(self) -> Sequence[str]:
        """Return the keys of what was noted and stands as it was found; forwarding comes last."""
        values = {key: (await self._host.ask(Sysctl(key)) or "").strip() for key in self._changed}
        found = [key for key, change in self._changed.items() if values[key] == change.before]
        return sorted(found, key=lambda key: key in {IPV4, IPV6})

    async def _turn(self, change: HostChange) -> None:
        # An interface may be gone, and its switch with it.
        optional = change.id not in {IPV4, IPV6}
        await self._host.do([SetSysctl(key=change.id, value=change.after, optional=optional)])
        log.info("%s set to %s: %s", change.id, change.after, _REASONS[change.id.rpartition("/")[2]])

    async def restore(self) -> None:
        """Put every switch back to what it was found at."""
        for key, change in list(self._changed.items()):
            await self._host.do([SetSysctl(key=key, value=change.before, optional=key not in {IPV4, IPV6})])
            await self._store.commit([Delete(HostChange, key)])
            del self._changed[key]
