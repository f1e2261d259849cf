"""The life of an engine, with an engine that only notes what is asked of it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from netwright.config import Config, Listen
from netwright.errors import Conflict, InvalidInput
from netwright.frontends.daemon_run import Engine, Life, uninstall


class NotingEngine:
    """An engine without a machine."""

    def __init__(self, config: Config, *, start: Callable[[], Awaitable[object]] | None = None) -> None:
        self.config = config
        self.calls: list[str] = []
        self._start = start
        self.http_app = web.Application()
        self.http_app.router.add_get("/_ping", self._ping)
        self.http_app.router.add_get("/events", self._events)
        self.http_app.on_shutdown.append(self._shutdown)
        self.shutting_down = asyncio.Event()
        self.stream_ended = asyncio.Event()

    def runner(self, *, shutdown_timeout: float) -> web.BaseRunner:
        return web.AppRunner(self.http_app, handler_cancellation=True, shutdown_timeout=shutdown_timeout)

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"begun")
        try:
            await self.shutting_down.wait()
        finally:
            self.stream_ended.set()
        return answer

    async def _shutdown(self, _: web.Application) -> None:
        self.shutting_down.set()

    async def start(self) -> None:
        self.calls.append("start")
        if self._start is not None:
            await self._start()

    async def stop(self) -> None:
        self.calls.append("stop")

    async def reload(self, config: Config) -> None:
        self.calls.append("reload")
        self.config = config

    async def uninstall(self) -> None:
        self.calls.append("uninstall")


class Running:
    """A life that is being lived in a task, with the news it sends."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "s"
        self.config = Config(hosts=(Listen("unix", str(self.path)),), data_root=folder, exec_root=folder)
        self.asked = self.config
        self.engine = NotingEngine(self.config)
        self._news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._news.bind(str(folder / "news"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "news"))

    async def _build(self, _: Config) -> Engine:
        return self.engine

    def reread(self) -> Config:
        return self.asked

    def begin(self, reread: Callable[[], Config] | None = None) -> "asyncio.Task[None]":
        life = Life(self._build, self.config, reread or self.reread)
        return asyncio.get_running_loop().create_task(life.run())

    async def news(self) -> str:
        return (await asyncio.get_running_loop().sock_recv(self._news, 4096)).decode()

    async def news_that(self, begins: str) -> None:
        while not (await self.news()).startswith(begins):
            pass

    def close(self) -> None:
        self._news.close()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Running":
    return Running(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def _closed(running: Running) -> object:
    level = logging.getLogger().level
    yield
    running.close()
    logging.getLogger().setLevel(level)


def session(path: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)))


def tell(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_says_so_serves_and_stops_at_a_signal(running: Running, number: signal.Signals) -> None:
    life = running.begin()
    ready = await running.news()
    assert ready.startswith(f"READY=1\nMAINPID={os.getpid()}\n")
    async with session(running.path) as client, client.get("http://engine/_ping") as answer:
        assert await answer.text() == "OK"
    tell(number)
    await life
    assert running.engine.calls == ["start", "stop"]
    assert not running.path.exists()


async def test_clients_that_come_before_it_is_ready_wait_for_it(running: Running) -> None:
    go = asyncio.Event()
    entered = asyncio.Event()

    async def start() -> None:
        entered.set()
        await go.wait()

    running.engine = NotingEngine(running.config, start=start)
    life = running.begin()
    await entered.wait()
    async with session(running.path) as client:
        early = asyncio.ensure_future(client.get("http://engine/_ping"))
        await asyncio.sleep(0)
        go.set()
        answer = await early
        assert answer.status == 200
        answer.release()
    tell(signal.SIGTERM)
    await life


async def test_a_signal_during_the_start_cancels_it_and_is_no_failure(running: Running) -> None:
    entered = asyncio.Event()

    async def start() -> None:
        entered.set()
        await asyncio.Event().wait()

    running.engine = NotingEngine(running.config, start=start)
    life = running.begin()
    await entered.wait()
    tell(signal.SIGTERM)
    await life
    assert running.engine.calls == ["start"]


async def test_an_engine_that_cannot_start_leaves_no_socket(running: Running) -> None:
    async def start() -> None:
        raise Conflict("docker0 is another engine's")

    running.engine = NotingEngine(running.config, start=start)
    with pytest.raises(Conflict, match="docker0"):
        await running.begin()
    assert not running.path.exists()
    assert running.engine.calls == ["start"]


async def test_hangup_reloads_what_can_be_reloaded(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    life = running.begin()
    await running.news()
    running.asked = replace(running.config, labels=(("a", "b"),), mtu=1400)
    with caplog.at_level(logging.INFO):
        tell(signal.SIGHUP)
        await running.news_that("RELOADING=1\nMONOTONIC_USEC=")
        await running.news_that("READY=1")
    assert running.engine.calls == ["start", "reload"]
    assert (running.engine.config.labels, running.engine.config.mtu) == ((("a", "b"),), 1500)
    assert "reload: changed labels" in caplog.text
    assert "wait for the next start of the engine: mtu" in caplog.text
    tell(signal.SIGTERM)
    await life


async def test_a_bad_file_at_a_reload_changes_nothing(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    def reread() -> Config:
        raise InvalidInput("icc: must be true or false")

    life = running.begin(reread)
    await running.news()
    tell(signal.SIGHUP)
    await running.news_that("RELOADING=1")
    await running.news_that("READY=1")
    assert running.engine.calls == ["start"]
    assert "nothing is changed: icc: must be true or false" in caplog.text
    tell(signal.SIGTERM)
    await life


async def test_a_hangup_during_the_start_is_not_forgotten(running: Running) -> None:
    async def start() -> None:
        tell(signal.SIGHUP)

    running.engine = NotingEngine(running.config, start=start)
    life = running.begin()
    await running.news_that("RELOADING=1")
    await running.news_that("READY=1")
    assert running.engine.calls == ["start", "reload"]
    tell(signal.SIGTERM)
    await life


@pytest.mark.parametrize("who", ["client", "engine"])
async def test_a_stream_ends_when_its_client_goes_and_when_the_engine_stops(running: Running, who: str) -> None:
    life = running.begin()
    await running.news()
    async with session(running.path) as client, client.get("http://engine/events") as answer:
        assert await answer.content.readexactly(5) == b"begun"
        if who == "client":
            answer.close()
        else:
            tell(signal.SIGTERM)
        await running.engine.stream_ended.wait()
    if who == "client":
        tell(signal.SIGTERM)
    await life


async def test_uninstall_is_asked_of_an_engine_that_was_never_started(running: Running) -> None:
    async def build(_: Config) -> Engine:
        return running.engine

    await uninstall(build, running.config)
    assert running.engine.calls == ["uninstall"]
