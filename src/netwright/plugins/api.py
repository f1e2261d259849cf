"""What the engine may ask of plugins, and what can go wrong: it matters whether a request can have been carried out."""

from typing import Protocol, TypeVar

import msgspec

from netwright.errors import NotFound, SystemFailure


class Wire(msgspec.Struct, rename="pascal", kw_only=True):
    """A JSON object of the protocol; its keys are the fields' names in Pascal case."""


T = TypeVar("T", bound=Wire)


class PluginMissing(NotFound):
    """No plugin of this name is installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f'plugin "{name}" not found')


class PluginUnreachable(SystemFailure):
    """Nobody listens where the plugin should: the request was not carried out."""


class PluginSilent(SystemFailure):
    """The request was sent and no answer came that makes sense: whether it was carried out is not known."""


class PluginRefused(SystemFailure):
    """The plugin said no; `status` is that of its answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Plugin(Protocol):
    """A plugin that was activated."""

    @property
    def name(self) -> str:
        """The name by which it was asked for."""

    async def call(self, method: str, request: Wire | None, answer: type[T], *, insist: bool = True) -> T:
        """Call a method such as `IpamDriver.RequestPool`, within bounded time.

        With `insist`, one that does not listen is given some seconds to come back. Raises PluginUnreachable,
        PluginSilent or PluginRefused.
        """


class Plugins(Protocol):
    """The plugins of this machine."""

    async def get(self, name: str, subsystem: str) -> Plugin:
        """Return the plugin of a name, activated; one object as long as it stays the same plugin.

        Raises PluginMissing, SystemFailure where it does not implement a subsystem such as `IpamDriver`, and what
        `Plugin.call` raises.
        """


class NoPlugins:
    """A machine without plugins."""

    async def get(self, name: str, subsystem: str) -> Plugin:  # noqa: ARG002
        """Raise PluginMissing."""
        raise PluginMissing(name)
