"""The system's D-Bus, as far as it is needed: calls in bounded time, and signals.

The library takes a tenth of a second to load: this module is imported only where there is a bus (`kernel.bus.service`).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from netwright.kernel.bus.failure import BusFailed

CALL_SECONDS = 20.0
"""How long a call may take. One that meets a program that is just starting waits until it is up."""
CONNECT_SECONDS = 5.0

_BUS, _BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

Signal = Callable[[str, Sequence[Any]], None]
"""Called with a signal's name and values."""


class SystemBus:
    """A connection to the system bus."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    @classmethod
    async def connect(cls, address: str) -> "SystemBus":
        """Return a connection. Raises BusFailed."""
        bus = MessageBus(bus_address=address)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await bus.connect()
        except (OSError, EOFError, TimeoutError, DBusError) as error:
            bus.disconnect()
            raise BusFailed(f"the system bus at {address} cannot be reached: {error!r}") from error
        return cls(bus)

    async def call(self, target: tuple[str, str, str], member: str, signature: str = "", *body: Any) -> Sequence[Any]:
        """Call a method of (destination, path, interface) and return what it answers; nothing is started by it.

        Raises BusFailed with the error's own text.
        """
        destination, path, interface = target
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(CALL_SECONDS):
                reply = await self._bus.call(message)
        except TimeoutError:
            raise BusFailed(f"{member}: {destination} did not answer within {CALL_SECONDS:g} s") from None
        except (OSError, EOFError, DBusError) as error:
            raise BusFailed(f"{member}: the system bus is gone: {error!r}") from error
        if reply is None:
            raise BusFailed(f"{member}: no answer")
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.body else ""
            raise BusFailed(f"{member}: {reply.error_name}: {text}")
        return reply.body

    async def has_owner(self, name: str) -> bool:
        """Tell whether somebody answers to a name."""
        (answer,) = await self.call((_BUS, _BUS_PATH, _BUS), "NameHasOwner", "s", name)
        return bool(answer)

    async def subscribe(self, rules: Sequence[str], hear: Signal) -> None:
        """Have a function called with every signal that one of some match rules covers, before later answers."""

        def take(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL:
                hear(message.member or "", message.body)

        self._bus.add_message_handler(take)
        for rule in rules:
            await self.call((_BUS, _BUS_PATH, _BUS), "AddMatch", "s", rule)

    async def lost(self) -> None:
        """Wait until the bus is gone."""
        try:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # the library's own omission
        except (OSError, EOFError, DBusError) as error:
            raise BusFailed(f"the system bus is gone: {error!r}") from error

    def close(self) -> None:
        """Hang up."""
        self._bus.disconnect()


def settings(**values: str | Sequence[str]) -> dict[str, Variant]:
    """Return settings as D-Bus has them (a{sv})."""
    return {key: Variant("s" if isinstance(value, str) else "as", value) for key, value in values.items()}
