"""Events over HTTP."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from tests.unit.api.client import Http, filters
from tests.unit.api.fakes import FakeEngine


async def line(response: ClientResponse) -> Any:
    """Return the next event of a stream."""
    return msgspec.json.decode(await response.content.readline())


async def actions(http: Http, **query: str) -> list[str]:
    """Return type and action of all events that come."""
    async with http.client.get("/events", params=query) as response:
        assert response.status == 200
        events = [msgspec.json.decode(text) for text in (await response.read()).splitlines()]
    return [f"{event['Type']} {event['Action']}" for event in events]


async def test_what_happens_is_told_as_it_happens(engine: FakeEngine, http: Http) -> None:
    async with http.client.get("/events") as response:
        engine.say("network", "connect", "n1", {"container": "c1", "name": "bridge", "type": "bridge"})

        assert await line(response) == {
            "Type": "network",
            "Action": "connect",
            "Actor": {"ID": "n1", "Attributes": {"container": "c1", "name": "bridge", "type": "bridge"}},
            "scope": "local",
            "time": 1_700_000_001,
            "timeNano": 1_700_000_001_000_000_000,
        }
        engine.say("container", "start", "c1", {"image": "busybox", "name": "web"})
        event = await line(response)
        assert {"status", "id", "from"}.isdisjoint(event)
    async with http.client.get("/v1.51/events", params={"since": "0"}) as response:
        await line(response)
        event = await line(response)
        assert (event["status"], event["id"], event["from"]) == ("start", "c1", "busybox")


@pytest.mark.parametrize(
    ("version", "accepted", "kind", "first"),
    [
        ("v1.52", "application/json-seq, application/json", "application/json-seq", b"\x1e{"),
        ("v1.52", "application/x-ndjson;q=0.9", "application/x-ndjson", b"{"),
        ("v1.52", "text/html", "application/json", b"{"),
        ("v1.51", "application/json-seq", "application/json", b"{"),
    ],
)
async def test_a_client_chooses_how_events_are_told_apart(
    engine: FakeEngine, http: Http, version: str, accepted: str, kind: str, first: bytes
) -> None:
    engine.say("network", "create", "n1", {})
    async with http.client.get(
        f"/{version}/events", params={"until": "1700000009"}, headers={"Accept": accepted}
    ) as response:
        assert response.content_type == kind
        assert (await response.content.readline()).startswith(first)


async def test_the_past_is_told_up_to_a_moment(engine: FakeEngine, http: Http) -> None:
    for action in ("create", "start", "die"):
        engine.say("container", action, "c1", {})

    assert await actions(http, until="1700000003") == ["container create", "container start", "container die"]
    assert await actions(http, since="1700000002", until="1700000002") == ["container start"]
    assert await actions(http, since="2023-11-14T22:13:23Z", until="1700000009") == ["container die"]


async def test_a_moment_to_come_ends_the_stream(engine: FakeEngine, http: Http) -> None:
    until = time.time() + 0.1
    begin = asyncio.get_running_loop().time()

    assert await actions(http, until=f"{until:.9f}") == []
    assert asyncio.get_running_loop().time() - begin > 0.05


async def test_a_span_that_ends_before_it_begins_is_refused(http: Http) -> None:
    status, body = await http.call("GET", "/events", since="5", until="4")

    assert status == 400
    assert body["message"] == "`since` time (5.000000) cannot be after `until` time (4.000000)"


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"type": ["network"]}, 1),
        ({"type": ["network", "container"]}, 3),
        ({"event": ["start"]}, 1),
        ({"event": ["exec_create"]}, 1),
        ({"event": ["exec_create: sh"]}, 1),
        ({"container": ["web"]}, 2),
        ({"container": ["c1"]}, 2),
        ({"container": ["db"]}, 0),
        ({"network": ["bri"]}, 1),
        ({"image": ["busybox"]}, 3),
        ({"image": ["busybox:latest"]}, 3),
        ({"image": ["alpine"]}, 0),
        ({"label": ["rack=7"]}, 1),
        ({"scope": ["swarm"]}, 0),
        ({"type": ["container"], "event": ["start"]}, 1),
    ],
    ids=str,
)
async def test_events_are_filtered(engine: FakeEngine, http: Http, wanted: dict[str, list[str]], count: int) -> None:
    engine.say("container", "start", "c1", {"image": "busybox:latest", "name": "web", "rack": "7"})
    engine.say("container", "exec_create: sh", "c1", {"image": "busybox:latest", "name": "web"})
    engine.say("network", "connect", "n1", {"container": "c1", "name": "bridge"})
    engine.say("image", "tag", "sha256:ab", {"name": "busybox:latest"})

    assert len(await actions(http, until="1700000009", filters=filters(**wanted))) == count


async def test_the_end_of_the_bus_ends_the_stream(engine: FakeEngine, http: Http) -> None:
    async with http.client.get("/events") as response:
        engine.bus.close()

        assert await response.read() == b""


async def test_who_goes_is_no_longer_told(engine: FakeEngine, http: Http) -> None:
    async with http.client.get("/events") as response:
        assert engine.bus.subscribers == 1
        response.close()
    await http.get("/info")

    assert engine.bus.subscribers == 0
