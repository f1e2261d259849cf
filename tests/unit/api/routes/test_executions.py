"""Executions over HTTP."""

import pytest
from tests.unit.api.client import Http
from tests.unit.api.fakes import FakeEngine

from netwright.api.hijack import frame
from netwright.containers.api import STDERR, STDOUT

BOTH = {"AttachStdout": True, "AttachStderr": True}


async def prepared(http: Http, *words: str, **body: object) -> str:
    """Prepare an execution in a container and return its id."""
    await http.run("sleep")
    status, made = await http.call("POST", "/containers/web/exec", {"Cmd": words, **BOTH, **body})
    assert status == 201
    return str(made["Id"])


async def test_an_execution_is_prepared_started_and_shown(http: Http) -> None:
    identity = await prepared(http, "echo", "a", "!b", User="www", Env=["A=1"])

    before = await http.get(f"/exec/{identity}/json")
    assert (before["Running"], before["ExitCode"], before["OpenStdout"]) == (False, None, True)
    assert before["ProcessConfig"] == {
        "tty": False,
        "entrypoint": "echo",
        "arguments": ["a", "!b"],
        "privileged": False,
        "user": "www",
    }
    async with http.client.post(f"/exec/{identity}/start", json={"Detach": False}) as response:
        assert await response.read() == frame(STDOUT, b"a\n") + frame(STDERR, b"!b\n")
    after = await http.get(f"/exec/{identity}/json")
    assert (after["Running"], after["ExitCode"], after["ID"]) == (False, 0, identity)
    assert (await http.get("/containers/web/json"))["ExecIDs"] == [identity]


async def test_an_execution_may_run_by_itself(http: Http) -> None:
    identity = await prepared(http, "exit", "3")

    assert await http.call("POST", f"/exec/{identity}/start", {"Detach": True}) == (200, b"")
    assert (await http.get(f"/exec/{identity}/json"))["ExitCode"] == 3


@pytest.mark.parametrize(
    ("console", "sizes"), [(None, []), ([0, 0], []), ([24, 80], [(24, 80)])], ids=["none", "zero", "some"]
)
async def test_the_size_of_a_terminal_may_come_with_the_start(
    engine: FakeEngine, http: Http, console: list[int] | None, sizes: list[tuple[int, int]]
) -> None:
    identity = await prepared(http, "echo", "a", Tty=True)

    async with http.client.post(f"/exec/{identity}/start", json={"Tty": True, "ConsoleSize": console}) as response:
        assert await response.read() == b"a\n"
    assert engine.executions.sizes == sizes


async def test_a_terminal_is_resized(engine: FakeEngine, http: Http) -> None:
    identity = await prepared(http, "cat", Tty=True)

    assert (await http.call("POST", f"/exec/{identity}/resize", h="10", w="20"))[0] == 200
    assert engine.executions.sizes == [(10, 20)]


async def test_what_cannot_be_run_is_refused(http: Http) -> None:
    identity = await prepared(http, "exit", "0")

    status, body = await http.call("POST", "/containers/web/exec", {"Cmd": []})
    assert (status, body["message"]) == (400, "No exec command specified")
    assert (await http.call("POST", "/exec/nothing/start", {}))[0] == 404
    assert (await http.call("POST", f"/exec/{identity}/start", {"Detach": True}))[0] == 200
    assert (await http.call("POST", f"/exec/{identity}/start", {}))[0] == 409
    await http.call("POST", "/containers/web/kill")
    assert (await http.call("POST", "/containers/web/exec", {"Cmd": ["exit", "0"]}))[0] == 409
