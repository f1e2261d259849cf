"""What containers say over time: their end, their logs, their streams."""

import pytest
from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine

from netwright.api.hijack import MULTIPLEXED_STREAM, RAW_STREAM, frame
from netwright.containers.api import STDERR, STDOUT, AttachRequest, LogRequest


async def made(http: Http, *words: str, **body: object) -> None:
    """Make a container named web without starting it."""
    assert (await http.call("POST", "/containers/create", {"Image": "busybox", "Cmd": words, **body}, name="web"))[
        0
    ] == 201


async def test_the_head_of_a_wait_comes_at_once_and_its_body_with_the_end(http: Http) -> None:
    await made(http, "exit", "7")

    async with http.client.post("/containers/web/wait", params={"condition": "next-exit"}) as response:
        assert response.status == 200
        await http.call("POST", "/containers/web/start")
        assert await response.json() == {"StatusCode": 7}


async def test_who_waits_for_a_removal_hears_of_it(http: Http) -> None:
    await made(http, "exit", "0", HostConfig={"AutoRemove": True})

    async with http.client.post("/containers/web/wait", params={"condition": "removed"}) as response:
        await http.call("POST", "/containers/web/start")
        assert await response.json() == {"StatusCode": 0}
    assert (await http.call("GET", "/containers/web/json"))[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/containers/nobody/wait", 404),
        ("/containers/web/wait?condition=tomorrow", 400),
        ("/v1.29/containers/web/wait?condition=tomorrow", 200),
    ],
)
async def test_a_wait_that_cannot_be_is_told_by_its_status(http: Http, path: str, status: int) -> None:
    await made(http, "exit", "0")

    assert (await http.call("POST", path))[0] == status


async def test_who_waits_and_goes_is_waited_for_no_longer(engine: FakeEngine, http: Http) -> None:
    await http.run("sleep")

    async with http.client.post("/containers/web/wait") as response:
        response.close()

    await engine.containers.abandoned.wait()


async def test_logs_are_framed_without_a_terminal(http: Http) -> None:
    await http.run("echo", "a", "!b")

    async with http.client.get("/containers/web/logs?stdout=1&stderr=1&follow=1") as response:
        assert response.content_type == MULTIPLEXED_STREAM
        assert await response.read() == frame(STDOUT, b"a\n") + frame(STDERR, b"!b\n")
    async with http.client.get("/v1.41/containers/web/logs?stderr=1") as response:
        assert response.content_type == RAW_STREAM
        assert await response.read() == frame(STDERR, b"!b\n")


async def test_logs_of_a_terminal_are_plain(http: Http) -> None:
    await http.run("echo", "a", Tty=True)

    async with http.client.get("/containers/web/logs?stdout=1&follow=1") as response:
        assert response.content_type == RAW_STREAM
        assert await response.read() == b"a\n"


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ("stdout=1", LogRequest(stdout=True, stderr=False)),
        (
            "stdout=1&stderr=1&follow=true&timestamps=1&tail=5&since=1700000000.5&until=1700000001",
            LogRequest(
                follow=True, timestamps=True, tail=5, since=1_700_000_000_500_000_000, until=1_700_000_001 * 10**9
            ),
        ),
        ("stderr=1&tail=all&since=0", LogRequest(stdout=False)),
        ("stderr=1&tail=-1", LogRequest(stdout=False)),
    ],
)
async def test_which_part_of_a_log_is_passed_on(
    engine: FakeEngine, http: Http, query: str, request_: LogRequest
) -> None:
    await http.run("echo", "a")
    await http.call("POST", "/containers/web/wait")

    async with http.client.get(f"/containers/web/logs?{query}") as response:
        await response.read()
    assert engine.containers.calls[-1] == ("logs", request_)


async def test_logs_of_no_stream_are_refused(http: Http) -> None:
    await http.run("sleep")

    status, body = await http.call("GET", "/containers/web/logs")

    assert (status, body["message"]) == (400, "Bad parameters: you must choose at least one stream")


async def test_who_attaches_before_the_start_misses_nothing(engine: FakeEngine, http: Http) -> None:
    await made(http, "echo", "a", "!b")

    query = {"stream": "1", "stdout": "1", "stderr": "1", "detachKeys": "ctrl-x"}
    async with http.client.post("/containers/web/attach", params=query) as response:
        await http.call("POST", "/containers/web/start")
        assert await response.read() == frame(STDOUT, b"a\n") + frame(STDERR, b"!b\n")
    assert ("attach", AttachRequest(stdout=True, stderr=True, detach_keys="ctrl-x")) in engine.containers.calls


async def test_attaching_to_nothing_is_told_by_its_status(http: Http) -> None:
    assert (await http.call("POST", "/containers/nobody/attach"))[0] == 404
