"""The plugins in use: looked up at each use, greeted once."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from msgspec import field

from netwright.errors import SystemFailure
from netwright.plugins import discovery, transport
from netwright.plugins.api import Wire
from netwright.plugins.discovery import Address, Places

T = TypeVar("T", bound=Wire)


class _Manifest(Wire):
    """What a plugin says it is, when it is activated."""

    implements: list[str] | None = field(default=None)


class LocalPlugin:
    """A plugin and where it is: the implementation of `plugins.api.Plugin`."""

    def __init__(self, name: str, address: Address, pauses: Sequence[float], patience: float) -> None:
        self.name = name
        self.address = address
        self._implements: frozenset[str] | None = None
        self._pauses = pauses
        self._patience = patience
        self._asking = asyncio.Lock()

    async def implements(self) -> frozenset[str]:
        """Return what the plugin says it is; it is asked once."""
        async with self._asking:
            if self._implements is None:
                manifest = await self.call("Plugin.Activate", None, _Manifest)
                self._implements = frozenset(manifest.implements or ())
            return self._implements

    async def call(self, method: str, request: Wire | None, answer: type[T], *, insist: bool = True) -> T:
        """Call a method, within bounded time."""
        pauses = self._pauses if insist else ()
        return await transport.call(self.address, method, request, answer, pauses=pauses, patience=self._patience)


class LocalPlugins:
    """The plugins that this machine's folders name: the implementation of `plugins.api.Plugins`."""

    def __init__(
        self,
        places: Places | None = None,
        *,
        pauses: Sequence[float] = transport.PAUSES,
        patience: float = transport.PATIENCE,
    ) -> None:
        self._places = places or Places()
        self._pauses = pauses
        self._patience = patience
        self._known: dict[str, LocalPlugin] = {}

    async def get(self, name: str, subsystem: str) -> LocalPlugin:
        """Return the plugin of a name; it is greeted when first used, and when it has moved."""
        address = await asyncio.to_thread(discovery.find, name, self._places)
        plugin = self._known.get(name)
        if plugin is None or plugin.address != address:
            plugin = self._known[name] = LocalPlugin(name, address, self._pauses, self._patience)
        if subsystem not in await plugin.implements():
            raise SystemFailure(
                f'Plugin does not implement the requested driver: plugin="{name}", requested '
                f'implementation="{subsystem}"'
            )
        return plugin
