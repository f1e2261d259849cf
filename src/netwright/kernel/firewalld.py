"""firewalld, over the system's D-Bus, as `host.firewalld.Firewalld`.

The interface is firewalld.dbus(5). What this engine asks for by the zone's and policies' interfaces is in force until
firewalld reloads; what it writes down by the configuration's is in force from then on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from netwright.host.firewalld import (
    FirewalldAbsent,
    FirewalldFailed,
    FirewalldNotice,
    FirewalldReloaded,
    FirewalldRuns,
    InterfaceReleased,
)
from netwright.kernel.bus.service import BusService, Target

_NAME, _PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
_MAIN = (_NAME, _PATH, _NAME)
_ZONE = (_NAME, _PATH, f"{_NAME}.zone")
_POLICY = (_NAME, _PATH, f"{_NAME}.policy")
_CONFIG = (_NAME, f"{_PATH}/config", f"{_NAME}.config")
_RULES = (
    f"type='signal',sender='{_NAME}',interface='{_NAME}',member='Reloaded'",
    f"type='signal',sender='{_NAME}',interface='{_NAME}.zone',member='InterfaceRemoved'",
)


class DBusFirewalld:
    """The firewalld of the system bus."""

    def __init__(self) -> None:
        self._service = BusService(_NAME, "firewalld", FirewalldFailed)
        self._own: set[str] = set()
        """Interfaces that we are taking out of a zone: firewalld tells of it before it answers the call."""

    async def follow(self, tell: Callable[[FirewalldNotice], None]) -> None:
        def runs(it_does: bool) -> None:
            tell(FirewalldRuns() if it_does else FirewalldAbsent())

        await self._service.follow(_RULES, runs, lambda member, body: self._hear(member, body, tell))

    def _hear(self, member: str, body: Sequence[Any], tell: Callable[[FirewalldNotice], None]) -> None:
        match member, body:
            case "Reloaded", _:
                tell(FirewalldReloaded())
            case "InterfaceRemoved", [str(zone), str(interface)] if interface not in self._own:
                tell(InterfaceReleased(zone, interface))

    async def is_running(self) -> bool:
        return await self._service.is_running()

    async def zones(self) -> Mapping[str, Collection[str]]:
        (active,) = await self._call(_ZONE, "getActiveZones")
        (known,) = await self._call(_ZONE, "getZones")
        return {zone: active.get(zone, {}).get("interfaces", ()) for zone in known}

    async def policies(self) -> Collection[str] | None:
        try:
            (names,) = await self._call(_POLICY, "getPolicies")
        except FirewalldFailed as failure:
            if "UnknownMethod" in str(failure) or "UnknownInterface" in str(failure):
                return None
            raise
        return tuple(names)

    async def add_zone(self, name: str, description: str) -> None:
        await self._add("addZone2", name, version="1.0", description=description, target="ACCEPT")

    async def add_policy(self, name: str, description: str, zone: str) -> None:
        try:
            await self._add(
                "addPolicy",
                name,
                version="1.0",
                description=description,
                target="ACCEPT",
                ingress_zones=["ANY"],
                egress_zones=[zone],
            )
        except FirewalldFailed as failure:
            if "UnknownMethod" not in str(failure):
                raise

    async def _add(self, member: str, name: str, **values: str | Sequence[str]) -> None:
        from netwright.kernel.bus.connection import settings  # noqa: PLC0415  see `bus.service`

        try:
            await self._call(_CONFIG, member, "sa{sv}", name, settings(**values))
        except FirewalldFailed as failure:
            if "NAME_CONFLICT" not in str(failure):
                raise

    async def description(self, name: str) -> str | None:
        if (path := await self._written("getZoneByName", name)) is None:
            return None
        (found,) = await self._call((_NAME, path, f"{_NAME}.config.zone"), "getSettings2")
        return str(found["description"].value) if "description" in found else ""

    async def forget(self, zone: str, policy: str) -> None:
        # The policy names the zone, so it goes first.
        for kind, by_name, name in (("policy", "getPolicyByName", policy), ("zone", "getZoneByName", zone)):
            if (path := await self._written(by_name, name)) is not None:
                await self._call((_NAME, path, f"{_NAME}.config.{kind}"), "remove")

    async def _written(self, by_name: str, name: str) -> str | None:
        """Return the object of a zone or policy that is written down."""
        try:
            (path,) = await self._call(_CONFIG, by_name, "s", name)
        except FirewalldFailed as failure:
            if any(text in str(failure) for text in ("INVALID_ZONE", "INVALID_POLICY", "UnknownMethod")):
                return None
            raise
        return str(path)

    async def reload(self) -> None:
        await self._call(_MAIN, "reload")

    async def add_interface(self, zone: str, interface: str) -> None:
        await self._call(_ZONE, "addInterface", "ss", zone, interface)

    async def remove_interface(self, zone: str, interface: str) -> None:
        self._own.add(interface)
        try:
            await self._call(_ZONE, "removeInterface", "ss", zone, interface)
        finally:
            self._own.discard(interface)

    async def _call(self, target: Target, member: str, signature: str = "", *body: Any) -> Sequence[Any]:
        return await self._service.call(target, member, signature, *body)

    def close(self) -> None:
        """Hang up; content when repeated."""
        self._service.close()
