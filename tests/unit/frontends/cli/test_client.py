import socket
import threading
from pathlib import Path

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine

from netwright.frontends.cli.address import Address, choose
from netwright.frontends.cli.client import Engine, Sink, query_string
from netwright.frontends.cli.failures import CommandFailed, EngineRefused, EngineUnreachable


@pytest.fixture
def client(engine: FakeEngine) -> Engine:
    return Engine(Address(path=str(engine.path)))


@pytest.mark.parametrize(("offered", "spoken"), [("1.51", "1.51"), ("1.43", "1.43"), ("1.99", "1.51"), ("", "1.51")])
def test_the_newest_version_that_both_know_is_spoken(
    engine: FakeEngine, client: Engine, offered: str, spoken: str
) -> None:
    engine.api_version = offered
    engine.on("GET /networks", Answer(json=[]))

    assert client.get("/networks") == []
    assert engine.asked("GET /networks")[0].version == f"v{spoken}"


def test_a_pinned_version_is_not_negotiated(engine: FakeEngine) -> None:
    engine.on("GET /networks", Answer(json=[]))
    Engine(Address(path=str(engine.path)), "1.44").get("/networks")

    assert [request.path for request in engine.requests] == ["/networks"]
    assert engine.requests[0].version == "v1.44"


def test_a_body_in_chunks_arrives_whole(engine: FakeEngine, client: Engine) -> None:
    engine.on("GET /thing", Answer(chunks=[b'{"a":', b"1", b"}"]))

    assert client.get("/thing") == {"a": 1}


def test_lines_are_put_together_across_chunks(engine: FakeEngine, client: Engine) -> None:
    engine.on("GET /events", Answer(chunks=[b'{"a":1}\n{"b"', b":2}\r\n", b'{"c":3}']))

    assert [line.strip() for line in client.open("GET", "/events").lines()] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def test_a_refusal_carries_status_and_reason(engine: FakeEngine, client: Engine) -> None:
    engine.on("DELETE /networks/x", Answer(404, json={"message": "network x not found"}))

    with pytest.raises(EngineRefused) as caught:
        client.delete("/networks/x")

    assert caught.value.status == 404
    assert caught.value.message == "Error response from daemon: network x not found"


def test_an_upload_is_sent_as_it_is_made(engine: FakeEngine, client: Engine) -> None:
    engine.on("POST /images/load", Answer(json={"stream": "ok"}))
    pieces = [b"a" * 70_000, b"", b"b"]

    def produce(sink: Sink) -> None:
        for piece in pieces:
            sink.write(piece)

    client.open("POST", "/images/load", producer=produce).body()

    sent = engine.asked("POST /images/load")[0]
    assert sent.body == b"".join(pieces)
    assert sent.headers["transfer-encoding"] == "chunked"


def test_an_upload_that_is_refused_half_way_tells_why(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b'HTTP/1.1 400 Bad\r\nContent-Length: 17\r\n\r\n{"message":"bad"}')
        connection.close()

    thread = threading.Thread(target=refuse)
    thread.start()
    client = Engine(Address(path=str(tmp_path / "s")), "1.51")

    def endless(sink: Sink) -> None:
        while True:
            sink.write(b"x" * 100_000)

    with pytest.raises((EngineRefused, EngineUnreachable)):
        client.open("POST", "/images/load", producer=endless)
    thread.join()
    listener.close()


def test_a_stream_keeps_what_came_with_the_answer(engine: FakeEngine, client: Engine) -> None:
    engine.on("POST /containers/c/attach", Answer(talk=lambda sock: sock.sendall(b"early")))
    upgraded = client.upgrade("/containers/c/attach", {"stream": True})
    with upgraded.sock:
        whole = upgraded.early
        while piece := upgraded.sock.recv(100):
            whole += piece

    assert whole == b"early"
    assert engine.asked("POST /containers/c/attach")[0].headers["upgrade"] == "tcp"


def test_an_engine_that_does_not_run_is_said_to_be_so_with_the_way_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        Engine(Address(path=str(tmp_path / "none"))).get("/networks")

    assert f"unix://{tmp_path}/none" in caught.value.message
    assert "Start it with: sudo netwright daemon" in caught.value.message


def test_something_else_that_listens_is_told_apart(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"SSH-2.0-x\r\n")
            connection.recv(4096)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(EngineUnreachable, match="does not speak HTTP"):
        Engine(Address(path=str(tmp_path / "s"))).get("/networks")
    thread.join()
    listener.close()


def test_parameters_are_written_as_the_api_reads_them() -> None:
    query = {"all": True, "size": False, "limit": 3, "none": None, "changes": ["A b", "C&d"], "path": "/a b"}

    assert query_string(query) == "?all=1&size=0&limit=3&changes=A%20b&changes=C%26d&path=%2Fa%20b"


@pytest.mark.parametrize(
    ("host", "environment", "address"),
    [
        ("", {}, "unix:///run/netwright/docker.sock"),
        ("", {"DOCKER_HOST": "unix:///d"}, "unix:///d"),
        ("", {"DOCKER_HOST": "unix:///d", "NETWRIGHT_HOST": "unix:///n"}, "unix:///n"),
        ("unix:///h", {"NETWRIGHT_HOST": "unix:///n"}, "unix:///h"),
        ("tcp://10.0.0.1:2375", {}, "tcp://10.0.0.1:2375"),
        ("tcp://[fd00::1]:99", {}, "tcp://[fd00::1]:99"),
        ("tcp://box", {}, "tcp://box:2375"),
        ("tcp://box", {"DOCKER_TLS_VERIFY": "1"}, "tcp://box:2376"),
    ],
)
def test_the_address_is_the_flags_else_the_environments(host: str, environment: dict[str, str], address: str) -> None:
    assert str(choose(host, environment)) == address


@pytest.mark.parametrize("host", ["/run/x.sock", "ssh://box", "unix://", "tcp://box:http"])
def test_an_address_that_cannot_be_read_is_refused(host: str) -> None:
    with pytest.raises(CommandFailed, match="unable to parse engine address"):
        choose(host, {})
