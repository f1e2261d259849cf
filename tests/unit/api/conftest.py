"""What the API's tests share: an engine in memory and a client that speaks to it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def http(engine: FakeEngine) -> AsyncIterator[Http]:
    async with TestClient(TestServer(engine.application())) as client:
        yield Http(client)
        for row in engine.containers.list():
            if row.state.pid:
                await engine.containers.kill(row.id)
