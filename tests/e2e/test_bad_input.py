"""Whatever is sent to it, the engine answers, says why not, stays as it was, and forgets nobody else."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import IMAGE, engine_on_a_machine, footprint
from hypothesis import HealthCheck, Phase, given, settings
from machine import Engine, UnixConnection
from requests_by_schema import Request, operations, requests

EXAMPLES = int(os.environ.get("NETWRIGHT_EXAMPLES", "8"))
"""Requests for each operation: a sample; a whole run sets some hundreds."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, image_tar: Path) -> Iterator[Engine]:
    """Give an engine with things to be asked about."""
    with engine_on_a_machine(tmp_path_factory.mktemp("bad-input"), image_tar) as engine:
        yield engine


def furnish(engine: Engine) -> None:
    """Make what requests may name, as far as it is not there."""
    engine.docker("network", "create", "blue", check=False)
    engine.docker("volume", "create", "named", check=False)
    engine.docker("run", "-d", "--name", "web", "--net", "blue", "-p", "8080:80", IMAGE, "sleep", "100000", check=False)
    engine.docker("start", "web", check=False)
    engine.docker("create", "--name", "stopped", IMAGE, "true", check=False)


def send(engine: Engine, request: Request) -> tuple[int, bytes]:
    """Send a request and return the status and the beginning of the answer; one that goes on is left after a while."""
    connection = UnixConnection(engine.socket)
    headers = {"Content-Type": request.content_type} if request.body is not None and request.content_type else {}
    try:
        connection.putrequest(request.method, request.path, skip_host=False, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(request.body or b"")))
        connection.endheaders(request.body)
        answer = connection.getresponse()
        if answer.getheader("Content-Length") is None:
            return answer.status, b""
        return answer.status, answer.read()
    finally:
        connection.close()


def test_no_request_is_a_fault_of_the_engine_and_none_leaves_anything(target: Engine) -> None:
    before = footprint(target)
    status, document = target.call("GET", "/netwright/openapi.json")
    assert (status, type(document)) == (200, dict)
    furnish(target)
    for method, path, operation in operations(document):  # type: ignore[arg-type] # it is a dict
        _drive(target, document, method, path, operation)
        assert target.call("GET", "/_ping") == (200, "OK")
        furnish(target)
    assert target.call("GET", "/netwright/check") == (200, [])
    assert target.first_fault() == ""
    target.remove_everything()
    target.docker("volume", "prune", "-af", check=False)
    target.docker("start", "web", check=False)
    assert footprint(target) == before


def _drive(engine: Engine, document: Any, method: str, path: str, operation: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(document, method, path, operation))
    def answered(request: Request) -> None:
        status, body = send(engine, request)
        assert b"by a fault of the engine" not in body, (request, body)
        assert 100 <= status < 600
        if status >= 400 and method != "HEAD" and body:
            assert json.loads(body)["message"], (request, body)

    answered()


def connected(engine: Engine) -> socket.socket:
    """Return a raw connection to the engine."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(60)
    sock.connect(engine.socket)
    return sock


def resident(engine: Engine) -> int:
    """Return the engine's resident memory in KiB."""
    assert engine.process is not None
    text = Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def test_a_body_of_100_megabytes_is_refused_and_not_kept(target: Engine) -> None:
    before = resident(target)
    with connected(target) as sock:
        head = b"POST /v1.52/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        sock.sendall(head + b"Content-Length: 104857600\r\n\r\n" + b'{"Image":"')
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                sock.sendall(b"a" * (1 << 20))
        answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"larger than 8 MiB" in answer
    assert resident(target) - before < 60_000


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_json_of_any_depth_is_answered(target: Engine, opening: bytes) -> None:
    status, body = send(target, Request("POST", "/v1.52/networks/create", opening * 100_000))

    assert (status, b"max depth" in body) == (400, True)


def test_slow_and_half_closed_clients_hold_nobody_up(target: Engine) -> None:
    with contextlib.ExitStack() as held:
        slow = [held.enter_context(connected(target)) for _ in range(100)]
        head = b"POST /v1.52/networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        for number, sock in enumerate(slow):
            sock.sendall(head[: 10 + number % 60])
        half = held.enter_context(connected(target))
        half.sendall(b"GET /v1.52/_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        half.shutdown(socket.SHUT_WR)
        early = held.enter_context(connected(target))
        early.sendall(b"POST /v1.52/networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        early.shutdown(socket.SHUT_WR)

        assert target.call("GET", "/_ping") == (200, "OK")
        # Who closes its side is taken to be gone: the connection ends, with the answer if that was quicker.
        assert half.recv(4096)[:12] in {b"HTTP/1.1 200", b""}
        assert early.recv(4096)[:9] in {b"HTTP/1.1 ", b""}
    assert target.call("GET", "/_ping") == (200, "OK")


def descriptors(engine: Engine) -> int:
    """Return how many files the engine has open."""
    assert engine.process is not None
    return len(list(Path(f"/proc/{engine.process.pid}/fd").iterdir()))


def test_a_thousand_streams_of_events_are_served_and_let_go(target: Engine) -> None:
    before = descriptors(target)
    with contextlib.ExitStack() as held:
        streams = [held.enter_context(connected(target)) for _ in range(1000)]
        for sock in streams:
            sock.sendall(b"GET /v1.52/events HTTP/1.1\r\nHost: x\r\n\r\n")
        for sock in streams:
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        target.docker("network", "create", "heard")
        for sock in streams:
            text = sock.recv(65536)
            while b"heard" not in text:
                text += sock.recv(65536)
        target.docker("network", "rm", "heard")
        assert target.call("GET", "/_ping") == (200, "OK")
    # The engine hears of each end in its own time: what it answers last has seen them all.
    while descriptors(target) > before + 10:
        assert target.call("GET", "/_ping") == (200, "OK")
