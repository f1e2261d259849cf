"""A program on the system's D-Bus that may come, go and hang as it likes: followed, and called in bounded time."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.errors import SystemFailure
from netwright.kernel.bus.failure import BusFailed

if TYPE_CHECKING:
    from netwright.kernel.bus.connection import SystemBus

SOCKET = Path("/run/dbus/system_bus_socket")
RETRY = 60.0
"""Seconds from one look for a system bus to the next: where there is one at all, it is there long before us."""

Target = tuple[str, str, str]
"""Destination, path and interface of a call."""

log = logging.getLogger(__name__)


class BusService:
    """One program, by its name on the bus. `noun` is what the log calls it.

    `failed` makes the errors of this program that are raised instead of BusFailed.
    """

    def __init__(self, name: str, noun: str, failed: Callable[[str], SystemFailure]) -> None:
        self.name = name
        self._noun = noun
        self._failed = failed
        self._bus: SystemBus | None = None
        self._connecting = asyncio.Lock()

    async def follow(
        self, rules: Sequence[str], runs: Callable[[bool], None], hear: Callable[[str, Sequence[Any]], None]
    ) -> None:
        """Have a function told whether the program runs, at once and at every change, until cancelled.

        Another one is told of the signals that match some rules.
        """
        owner = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{self.name}'"

        def take(member: str, body: Sequence[Any]) -> None:
            match member, body:
                case "NameOwnerChanged", [self.name, _, owner]:
                    runs(bool(owner))
                case _:
                    hear(member, body)

        while True:
            if _address() is not None:
                try:
                    bus = await self._connection()
                    await bus.subscribe((owner, *rules), take)
                    runs(await bus.has_owner(self.name))
                    await bus.lost()
                except BusFailed as failure:
                    log.warning("%s cannot be followed, the next try is in %g s: %s", self._noun, RETRY, failure)
                finally:
                    self.close()
            runs(False)
            await asyncio.sleep(RETRY)

    async def is_running(self) -> bool:
        """Tell whether the program runs; it is not started by the question."""
        if _address() is None:
            return False
        try:
            return await (await self._connection()).has_owner(self.name)
        except BusFailed as failure:
            raise self._failed(str(failure)) from failure

    async def call(self, target: Target, member: str, signature: str = "", *body: Any) -> Sequence[Any]:
        """Call a method and return what it answers."""
        try:
            return await (await self._connection()).call(target, member, signature, *body)
        except BusFailed as failure:
            raise self._failed(str(failure)) from failure

    async def _connection(self) -> "SystemBus":
        """Return the one connection, made when first needed."""
        async with self._connecting:
            if self._bus is None:
                # Loading takes a tenth of a second, which hosts without a bus save and the event loop does not spend.
                connection = await asyncio.to_thread(_load)
                self._bus = await connection.connect(_address() or f"unix:path={SOCKET}")
            return self._bus

    def close(self) -> None:
        """Hang up; content when repeated."""
        if self._bus is not None:
            bus, self._bus = self._bus, None
            with suppress(OSError):
                bus.close()


def _address() -> str | None:
    """Return where the system bus is, if there is one."""
    if named := os.environ.get("DBUS_SYSTEM_BUS_ADDRESS"):
        return named
    return f"unix:path={SOCKET}" if SOCKET.exists() else None


def _load() -> type["SystemBus"]:
    from netwright.kernel.bus.connection import SystemBus  # noqa: PLC0415  see `_connection`

    return SystemBus
