"""What the API's tests share: an engine in memory and a client that speaks to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine

from netwright.api import openapi
from netwright.api.call import Call
from netwright.api.routes.table import Found
from netwright.api.server import Server


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def http(engine: FakeEngine, agreed: list[str]) -> AsyncIterator[Http]:
    async with TestClient(TestServer(engine.application())) as client:
        yield Http(client)
        for row in engine.containers.list():
            if row.state.pid:
                await engine.containers.kill(row.id)
    assert agreed == []


@pytest.fixture
def agreed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect whatever a handler asks of a request that the OpenAPI document does not tell."""
    faults: list[str] = []
    said: dict[int, tuple[str, openapi.Said]] = {}
    answer, body = Server._answer, Call.body

    def answering(server: Server, found: Found, call: Call) -> Any:
        name = f"{found.route.method} {found.route.pattern}"
        if name in openapi.SAID:
            said[id(call)] = name, openapi.SAID[name]
        return answer(server, found, call)

    def asking(ask: Any) -> Any:
        def asked(call: Call, parameter: str, *more: Any, **others: Any) -> Any:
            name, known = said.get(id(call), ("", None))
            if known is not None and parameter not in known.query:
                faults.append(f"{name} asks for the parameter {parameter}")
            return ask(call, parameter, *more, **others)

        return asked

    async def reading(call: Call, kind: type, **more: Any) -> Any:
        name, known = said.get(id(call), ("", None))
        if known is not None and known.body is not kind:
            faults.append(f"{name} reads a {kind.__name__}")
        return await body(call, kind, **more)

    monkeypatch.setattr(Server, "_answer", answering)
    monkeypatch.setattr(Call, "body", reading)
    for ask in (Call.text, Call.texts, Call.flag, Call.number):
        monkeypatch.setattr(Call, ask.__name__, asking(ask))
    return faults
