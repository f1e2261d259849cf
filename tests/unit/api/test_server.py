"""From a request to an answer: versions, errors, clients that go away."""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError, ClientSession, UnixConnector, web
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.api.client import Http, filters
from tests.unit.api.fakes import FakeEngine, served

from netwright import errors
from netwright.api.call import JSON, Call, empty
from netwright.api.routes.table import Route

Action = Callable[[Call], Awaitable[web.StreamResponse]]


class Meeting:
    """Two points at which a handler and a test wait for each other."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.done = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def handler(self, _: Call) -> web.StreamResponse:
        """Say that it has begun, and end when told to."""
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.done.set()
        return empty()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput("no"), 400),
        (errors.Forbidden("no"), 403),
        (errors.NotFound("no"), 404),
        (errors.Conflict("no"), 409),
        (errors.Gone("no"), 499),
        (errors.NotBuilt("no"), 501),
        (errors.Unavailable("no"), 503),
        (errors.SystemFailure("no"), 500),
        (errors.OperationFailed("no", errno=1), 500),
    ],
)
async def test_each_kind_of_error_has_its_status(engine: FakeEngine, error: Exception, status: int) -> None:
    async def fail(_: Call) -> web.StreamResponse:
        raise error

    async with TestClient(TestServer(engine.application(Route("GET", "/fail", fail)))) as client:
        assert await Http(client).call("GET", "/fail") == (status, {"message": "no"})


async def test_nothing_to_do_has_a_status_and_no_body(engine: FakeEngine, http: Http) -> None:
    await http.run("sleep")

    assert await http.call("POST", "/containers/web/start") == (304, b"")


@pytest.mark.parametrize(("status", "length"), [(200, "0"), (201, "0"), (204, None)])
async def test_an_answer_without_a_body_has_no_type(engine: FakeEngine, status: int, length: str | None) -> None:
    async def nothing(_: Call) -> web.StreamResponse:
        return empty(status)

    async with TestClient(TestServer(engine.application(Route("POST", "/nothing", nothing)))) as client:
        answer = await client.post("/nothing")

    assert (answer.status, answer.headers.get("Content-Length")) == (status, length)
    assert "Content-Type" not in answer.headers


async def test_a_fault_of_ours_is_logged_whole_and_told(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Call) -> web.StreamResponse:
        raise ZeroDivisionError("oh")

    async with TestClient(TestServer(engine.application(Route("GET", "/fail/{id}", fail)))) as client:
        status, body = await Http(client).call("GET", "/fail/7")

    assert status == 500
    assert body["message"].startswith("GET /fail/{id} failed by a fault of the engine")
    assert "ZeroDivisionError: oh" in body["message"]
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("path", ["/version", "/v1.24/version", "/v1.52/version"])
async def test_the_version_in_front_of_a_path_may_be_left_out(http: Http, path: str) -> None:
    assert (await http.get(path))["ApiVersion"] == "1.52"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1.12/version", "client version 1.12 is too old. Minimum supported API version is 1.24"),
        ("/v1.99/version", "client version 1.99 is too new. Maximum supported API version is 1.52"),
    ],
)
async def test_other_versions_are_refused(http: Http, path: str, words: str) -> None:
    status, body = await http.call("GET", path)

    assert status == 400
    assert body["message"].startswith(words)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("DELETE", "/version"), ("GET", "/v1/version")])
async def test_what_there_is_not_is_no_page(http: Http, method: str, path: str) -> None:
    assert await http.call(method, path) == (404, {"message": "page not found"})


async def test_every_answer_says_who_gives_it(http: Http) -> None:
    for path in ("/_ping", "/nothing", "/networks"):
        async with http.client.get(path) as response:
            assert response.headers["Api-Version"] == "1.52"
            assert response.headers["Ostype"] == "linux"
            assert response.headers["Docker-Experimental"] == "false"
            assert response.headers["Server"].startswith("Netwright/")


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"{bad", "application/json", "invalid JSON: "),
        (b" ", "application/json", "invalid JSON: got EOF while reading request body"),
        (b'{"Name":"a"} {}', "application/json", "unexpected content after JSON"),
        (b"{}", "text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (b"{}", "", "malformed Content-Type header (): mime: no media type"),
    ],
)
async def test_bodies_that_are_no_json_are_refused(http: Http, data: bytes, kind: str, words: str) -> None:
    headers = {"Content-Type": kind}
    async with http.client.post("/networks/create", data=data, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["message"].startswith(words)


async def test_json_may_be_named_with_a_character_set(http: Http) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    async with http.client.post("/networks/create", data=b'{"Name": "a"}', headers=headers) as response:
        assert response.status == 201


async def test_a_body_without_end_is_refused(http: Http) -> None:
    data = io.BytesIO(b'{"Name": "' + b"a" * (9 << 20))
    async with http.client.post("/networks/create", data=data, headers={"Content-Type": JSON}) as response:
        assert response.status == 400
        assert (await response.json())["message"] == "the request's body is larger than 8 MiB"


async def test_filters_that_are_unknown_are_refused_by_name(http: Http) -> None:
    for path in ("/containers/json", "/networks", "/images/json", "/volumes", "/events"):
        status, body = await http.call("GET", path, filters=filters(colour=["red"]))

        assert (status, body["message"]) == (400, "invalid filter 'colour'")


async def test_requests_are_counted_by_route_and_streams_are_not(http: Http) -> None:
    await http.run("echo", "hi")
    await http.call("POST", "/containers/web/wait")
    await http.get("/containers/web/json")
    async with http.client.get("/metrics") as response:
        text = await response.text()

    assert 'netwright_api_request_seconds_count{method="GET",route="/containers/{id...}/json",status="200"} 1.0' in text
    assert "wait" not in text
    assert 'route="web"' not in text


async def test_a_change_is_carried_to_its_end_when_its_client_goes(engine: FakeEngine, tmp_path: Path) -> None:
    meeting = Meeting()
    path = tmp_path / "s"
    async with served(engine, path, Route("POST", "/slow", meeting.handler)):
        async with ClientSession(connector=UnixConnector(str(path))) as session:
            request = asyncio.ensure_future(session.post("http://localhost/slow"))
            await meeting.begun.wait()
            request.cancel()
        meeting.go.set()
        await meeting.done.wait()

    assert not meeting.cancelled.is_set()


async def test_a_failure_that_nobody_waits_for_is_logged(
    engine: FakeEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meeting, path = Meeting(), tmp_path / "s"

    async def fail(call: Call) -> web.StreamResponse:
        await meeting.handler(call)
        raise errors.SystemFailure("the disk is full")

    async with served(engine, path, Route("POST", "/slow", fail)):
        async with ClientSession(connector=UnixConnector(str(path))) as session:
            request = asyncio.ensure_future(session.post("http://localhost/slow"))
            await meeting.begun.wait()
            request.cancel()
        # The server learns of the end of the connection before anything else happens.
        async with ClientSession(connector=UnixConnector(str(path))) as session, session.get("http://localhost/_ping"):
            pass
        meeting.go.set()
        await meeting.done.wait()

    assert "POST /slow failed after its client had gone: the disk is full" in caplog.text


async def test_a_stream_ends_when_its_client_goes(engine: FakeEngine, tmp_path: Path) -> None:
    meeting, path = Meeting(), tmp_path / "s"
    async with served(engine, path, Route("GET", "/stream", meeting.handler, lasting=True)):
        async with ClientSession(connector=UnixConnector(str(path))) as session:
            request = asyncio.ensure_future(session.get("http://localhost/stream"))
            await meeting.begun.wait()
            request.cancel()
        await meeting.cancelled.wait()


async def test_streams_end_with_the_server_and_changes_are_waited_for(engine: FakeEngine, tmp_path: Path) -> None:
    stream, change, path = Meeting(), Meeting(), tmp_path / "s"
    routes = (Route("GET", "/stream", stream.handler, lasting=True), Route("POST", "/change", change.handler))
    async with ClientSession(connector=UnixConnector(str(path))) as session:
        async with served(engine, path, *routes):
            requests = [
                asyncio.ensure_future(session.get("http://localhost/stream")),
                asyncio.ensure_future(session.post("http://localhost/change")),
            ]
            await asyncio.gather(stream.begun.wait(), change.begun.wait())
            asyncio.get_running_loop().call_later(0.05, change.go.set)
        await asyncio.gather(*requests, return_exceptions=True)

    assert stream.cancelled.is_set()
    assert change.done.is_set()


async def test_a_stream_that_breaks_off_is_not_taken_for_whole(
    engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async def half(call: Call) -> web.StreamResponse:
        response = await call.begin("text/plain")
        await response.write(b"half of it")
        raise errors.SystemFailure("the disk is gone")

    server = TestServer(engine.application(Route("GET", "/half", half, lasting=True)))
    async with TestClient(server) as client, client.get("/half") as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await response.read()

    assert "the disk is gone" in caplog.text


async def test_requests_are_logged_where_debugging_is_wanted(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="netwright.api.server"):
        await http.get("/networks")

    assert "GET /networks: 200 in " in caplog.text
