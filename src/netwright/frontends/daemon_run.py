"""The life of an engine: start, serve, reload, stop."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol

from aiohttp import web

from netwright.config import Config, reloaded
from netwright.errors import NetwrightError
from netwright.frontends.daemon_sockets import Door, doors
from netwright.telemetry.log import set_level

log = logging.getLogger(__name__)

_INTERRUPTS = 3
"""So many signals to stop, and the process ends without cleaning up, as Docker's daemon."""

_DRAIN_SECONDS = 1.0
"""How long answers that are under way at the end may take."""


class Engine(Protocol):
    """What the daemon needs of an engine."""

    def runner(self, *, shutdown_timeout: float) -> web.BaseRunner:
        """Return what serves the API, once `start` has returned."""

    async def start(self) -> None:
        """Bring machine and store to agree and be ready for requests. What it raises, it has taken back."""

    async def stop(self) -> None:
        """Leave the machine as `live_restore` says and close the store."""

    async def reload(self, config: Config) -> None:
        """Go on with another configuration; only reloadable options differ."""

    async def uninstall(self) -> None:
        """Instead of `start`: remove containers, networks, rules, and the engine's files in both roots."""


Build = Callable[[Config], Awaitable[Engine]]
"""What makes an engine from its configuration; nothing on the machine has changed yet when it returns."""


class _Stopped(Exception):
    """A signal to stop came before the engine was ready."""


class Life:
    """One engine from its start to the signal that ends it."""

    def __init__(self, build: Build, config: Config, reread: Callable[[], Config]) -> None:
        self._build = build
        self._config = config
        self._reread = reread
        self._news = News()
        self._wake = asyncio.Event()
        self._interrupts = 0
        self._hangup = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises NetwrightError where the engine cannot start or stop."""
        begin = time.perf_counter()
        self._listen_to_signals()
        with doors(self._config) as opened:
            try:
                engine = await self._unless_stopped(self._started())
            except _Stopped:
                log.info("stopped before the engine was ready")
                return
            try:
                await self._serve(engine, opened, begin)
            finally:
                self._news.tell("STOPPING=1")
                await engine.stop()
        log.info("the engine has stopped")

    async def _started(self) -> Engine:
        engine = await self._build(self._config)
        await engine.start()
        return engine

    async def _serve(self, engine: Engine, opened: Sequence[Door], begin: float) -> None:
        runner = engine.runner(shutdown_timeout=_DRAIN_SECONDS)
        await runner.setup()
        try:
            for door in opened:
                await web.SockSite(runner, door.socket, ssl_context=door.tls, backlog=1024).start()
            where = ", ".join(str(door.where) for door in opened)
            log.info("ready after %.2f s, API listens on %s", time.perf_counter() - begin, where)
            self._news.tell(f"READY=1\nMAINPID={os.getpid()}\nSTATUS=API listens on {where}")
            await self._until_stopped(engine)
        finally:
            await runner.cleanup()

    async def _until_stopped(self, engine: Engine) -> None:
        while not self._interrupts:
            if self._hangup:
                self._hangup = False
                await self._reload(engine)
                continue
            await self._wake.wait()
            self._wake.clear()

    async def _reload(self, engine: Engine) -> None:
        self._news.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._config, now, later = reloaded(self._config, self._reread())
            set_level(self._config.log_level)
            await engine.reload(self._config)
        except NetwrightError as error:
            log.error("reload: nothing is changed: %s", error)
        else:
            log.info("reload: %s", f"changed {', '.join(now)}" if now else "nothing to change")
            if later:
                log.warning("reload: these wait for the next start of the engine: %s", ", ".join(later))
        self._news.tell("READY=1")

    async def _unless_stopped(self, work: Coroutine[None, None, Engine]) -> Engine:
        """Return what the work gives, or cancel it and raise _Stopped at a signal to stop."""
        task = asyncio.ensure_future(work)
        while not task.done() and not self._interrupts:
            waiting = asyncio.ensure_future(self._wake.wait())
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            self._wake.clear()
        if self._interrupts and not task.done():
            task.cancel()
            await asyncio.wait((task,))
        if task.cancelled():
            raise _Stopped
        return task.result()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _on_stop(self, number: signal.Signals) -> None:
        self._interrupts += 1
        if self._interrupts >= _INTERRUPTS:
            log.critical("%s for the third time: ending without cleaning up; the next start does that", number.name)
            os._exit(128 + number)
        log.info("%s: stopping", number.name)
        self._wake.set()

    def _on_hangup(self) -> None:
        self._hangup = True
        self._wake.set()


async def uninstall(build: Build, config: Config) -> None:
    """Remove everything that engines of these roots made."""
    engine = await build(config)
    await engine.uninstall()
    log.info("containers, networks, rules and files are removed")


class News:
    """Tells whoever started us (systemd, or a script that waits) how we are, by sd_notify(3)'s protocol.

    The address is taken out of the environment: an OCI runtime that inherits it would wait for its container to speak.
    """

    def __init__(self) -> None:
        name = os.environ.pop("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name

    def tell(self, state: str) -> None:
        """Send a state; nobody may be listening."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            try:
                channel.connect(self._address)
                channel.sendall(state.encode())
            except OSError as error:
                log.debug("nobody takes notice of our state: %s", error)
