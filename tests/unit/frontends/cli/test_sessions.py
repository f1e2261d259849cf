"""`run`, `start`, `attach` and `exec`: what passes between a user and a process in a container."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.unit.frontends.cli.fake_engine import Answer, FakeEngine, Request, frame
from tests.unit.frontends.cli.shell import netwright

from netwright.frontends.cli.address import Address, Certificates
from netwright.frontends.cli.client import Engine
from netwright.frontends.cli.failures import CommandFailed

ID = "a1" * 32


class Box:
    """A container that a fake engine runs: `live` is its process, with the attached client's socket."""

    def __init__(self, engine: FakeEngine, live: Callable[[socket.socket], int]) -> None:
        self.engine = engine
        self.code = 0
        self.started, self.ended = threading.Event(), threading.Event()
        self._live = live
        engine.on("POST /containers/create", Answer(201, json={"Id": ID, "Warnings": ["careful"]}))
        engine.on("POST /containers/*/attach", Answer(talk=self._talk))
        engine.on("POST /containers/*/wait", self._wait)
        engine.on("POST /containers/*/start", self._start)
        engine.on("POST /containers/*/resize", Answer(200))
        engine.on("POST /containers/*/kill", Answer(204))

    def _start(self, _: Request) -> Answer:
        self.started.set()
        return Answer(204)

    def _talk(self, sock: socket.socket) -> None:
        assert self.started.wait(5)
        self.code = self._live(sock)
        self.ended.set()

    def _wait(self, _: Request) -> Answer:
        answer = Answer(chunks=[], before_body=lambda: self._finish(answer))
        return answer

    def _finish(self, answer: Answer) -> None:
        self.ended.wait(5)
        answer.chunks = [b'{"StatusCode":%d}' % self.code]


def reading(sock: socket.socket) -> bytes:
    """Read to the end of the input."""
    whole = b""
    while piece := sock.recv(65536):
        whole += piece
    return whole


@contextmanager
def stdin_of(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a pipe with these bytes the standard input."""
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield
    thread.join()


def test_run_attaches_and_waits_before_it_starts(engine: FakeEngine) -> None:
    def live(sock: socket.socket) -> int:
        sock.sendall(frame(1, b"out\n") + frame(2, b"err\n"))
        return 0

    Box(engine, live)
    result = netwright(engine, "run", "busybox", "true")

    assert (result.code, result.out, result.err) == (0, "out\n", "WARNING: careful\nerr\n")
    steps = [request.path.rpartition("/")[2] for request in engine.requests]
    assert steps == ["_ping", "create", "attach", "wait", "start"]
    assert engine.asked("POST /containers/*/wait")[0].query == {"condition": "next-exit"}
    assert engine.asked("POST /containers/*/attach")[0].query == {"stream": "1", "stdout": "1", "stderr": "1"}


def test_the_exit_code_is_that_of_the_process(engine: FakeEngine) -> None:
    Box(engine, lambda _: 137)

    assert netwright(engine, "run", "--rm", "busybox").code == 137
    assert engine.asked("POST /containers/*/wait")[0].query == {"condition": "removed"}


def test_input_is_sent_and_its_end_too(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    def live(sock: socket.socket) -> int:
        received.append(reading(sock))
        sock.sendall(frame(1, b"done"))
        return 0

    Box(engine, live)
    data = os.urandom(300_000)
    with stdin_of(data, monkeypatch):
        result = netwright(engine, "run", "-i", "busybox", "cat")

    assert received == [data]
    assert result.out == "done"


def test_a_process_that_writes_before_it_reads_stops_nothing(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def live(sock: socket.socket) -> int:
        for _ in range(100):
            sock.sendall(frame(1, b"x" * 50_000))
        return len(reading(sock)) // 100_000

    Box(engine, live)
    with stdin_of(b"y" * 3_000_000, monkeypatch):
        result = netwright(engine, "run", "-i", "busybox", "cat")

    assert len(result.out) == 5_000_000
    assert result.code == 30


def test_frames_may_be_torn_anywhere(engine: FakeEngine) -> None:
    def live(sock: socket.socket) -> int:
        for byte in frame(1, b"one ") + frame(2, b"two") + frame(1, b"three"):
            sock.sendall(bytes([byte]))
        return 0

    Box(engine, live)
    result = netwright(engine, "run", "busybox")

    assert result.out == "one three"
    assert result.err.endswith("two")


def test_detached_it_prints_the_id_and_takes_part_in_nothing(engine: FakeEngine) -> None:
    Box(engine, lambda _: 0)
    result = netwright(engine, "run", "-d", "busybox")

    assert (result.code, result.out) == (0, f"{ID}\n")
    assert not engine.asked("POST /containers/*/attach")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ('exec: "foo": executable file not found in $PATH', 127),
        ("exec /etc: permission denied", 126),
        ("exec: /etc: is a directory", 126),
        ("driver failed programming external connectivity: port is already allocated", 125),
    ],
)
def test_a_start_that_fails_ends_with_dockers_codes(engine: FakeEngine, reason: str, code: int) -> None:
    box = Box(engine, lambda _: 0)
    box.started.set()
    engine.on("POST /containers/*/start", Answer(400, json={"message": reason}))

    for words in (["run", "b", "foo"], ["run", "-d", "b", "foo"]):
        result = netwright(engine, *words)

        assert result.code == code
        assert f"netwright: Error response from daemon: {reason}" in result.err
        assert "Run 'netwright run --help' for more information" in result.err


def test_a_missing_image_is_pulled_once(engine: FakeEngine) -> None:
    Box(engine, lambda _: 0)
    present = threading.Event()

    def create(_: Request) -> Answer:
        if present.is_set():
            return Answer(201, json={"Id": ID})
        return Answer(404, json={"message": "No such image: busybox:latest"})

    def pull(request: Request) -> Answer:
        present.set()
        assert request.query == {"fromImage": "docker.io/library/busybox", "tag": "latest"}
        return Answer(chunks=[b'{"status":"Pulling fs layer","id":"abc"}\n', b'{"status":"Status: Downloaded"}\n'])

    engine.on("POST /containers/create", create)
    engine.on("POST /images/create", pull)
    result = netwright(engine, "run", "-d", "busybox")

    assert (result.code, result.out) == (0, f"{ID}\n")
    assert "Unable to find image 'busybox:latest' locally\nabc: Pulling fs layer\n" in result.err


def test_a_missing_image_is_not_pulled_where_that_is_not_wanted(engine: FakeEngine) -> None:
    engine.on("POST /containers/create", Answer(404, json={"message": "No such image: busybox:latest"}))
    result = netwright(engine, "run", "--pull", "never", "busybox")

    assert result.code == 125
    assert "No such image: busybox:latest" in result.err


def test_exec_ends_with_the_code_of_its_process(engine: FakeEngine) -> None:
    engine.on("POST /containers/web/exec", Answer(201, json={"Id": "e"}))
    engine.on("POST /exec/e/start", Answer(talk=lambda sock: sock.sendall(frame(2, b"no such thing\n"))))
    engine.on("GET /exec/e/json", Answer(json={"Running": False, "ExitCode": 3}))
    result = netwright(engine, "exec", "-e", "A=b", "-w", "/x", "web", "ls", "-l")

    assert (result.code, result.err) == (3, "no such thing\n")
    body = engine.asked("POST /containers/web/exec")[0].json
    assert (body["Cmd"], body["Env"], body["WorkingDir"]) == (["ls", "-l"], ["A=b"], "/x")
    assert engine.asked("POST /exec/e/start")[0].json == {"Detach": False, "Tty": False}


def test_attach_is_refused_where_nothing_runs(engine: FakeEngine) -> None:
    engine.on("GET /containers/web/json", Answer(json={"State": {"Running": False}}))
    result = netwright(engine, "attach", "web")

    assert (result.code, result.err) == (1, "cannot attach to a stopped container, start it first\n")


def test_a_terminal_is_refused_where_there_is_none(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with stdin_of(b"", monkeypatch):
        result = netwright(engine, "run", "-it", "busybox")

    assert result.code == 125
    assert "the input device is not a TTY" in result.err


def test_streams_are_refused_over_tls() -> None:
    certificates = Certificates("ca", "cert", "key", verify=True)
    client = Engine(Address(host="192.0.2.1", port=2376, tls=certificates), "1.51")

    with pytest.raises(CommandFailed, match="attaching over TLS is not supported"):
        client.upgrade("/containers/web/attach")


class Typist:
    """A user at a terminal, at which `netwright` runs as a process of its own."""

    def __init__(self, engine: FakeEngine, *words: str) -> None:
        self.terminal, inner = pty.openpty()
        termios.tcsetwinsize(self.terminal, (33, 101))
        self.before = termios.tcgetattr(inner)
        self._inner = inner
        command = [sys.executable, "-c", "import sys; from netwright.frontends.cli.entry import main; sys.exit(main())"]
        self.process = subprocess.Popen(
            [*command, "-H", engine.host, *words], stdin=inner, stdout=inner, stderr=inner, start_new_session=True
        )
        self._seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def see(self, text: bytes) -> bytes:
        """Wait until the screen shows a text, and return all that it showed."""
        while text not in self._seen:
            ready, _, _ = select.select([self.terminal], [], [], 10)
            assert ready, f"{text!r} did not come, only {self._seen!r}"
            self._seen += os.read(self.terminal, 4096)
        return self._seen

    def end(self) -> int:
        """Wait for the end; the terminal must be as it was."""
        code = self.process.wait(10)
        assert termios.tcgetattr(self._inner) == self.before
        os.close(self._inner)
        os.close(self.terminal)
        return code


def echoing(sock: socket.socket) -> int:
    """Greet, and send back what comes until it is `q`."""
    sock.sendall(b"ready ")
    while (piece := sock.recv(100)) and piece != b"q":
        sock.sendall(b"<" + piece.hex().encode() + b">")
    return 5


def test_a_terminal_is_raw_and_comes_back_as_it_was(engine: FakeEngine) -> None:
    Box(engine, echoing)
    typist = Typist(engine, "run", "-it", "busybox")
    typist.see(b"ready ")
    typist.type(b"\x03")  # ctrl-c is a key like others
    typist.see(b"<03>")
    typist.type(b"q")

    assert typist.end() == 5
    resized = engine.asked("POST /containers/*/resize")[0].query
    assert resized == {"h": "33", "w": "101"}
    assert engine.asked("POST /containers/create")[0].json["HostConfig"]["ConsoleSize"] == [33, 101]


def test_a_change_of_size_is_told(engine: FakeEngine) -> None:
    Box(engine, echoing)
    told = threading.Event()

    def resize(request: Request) -> Answer:
        if request.query == {"h": "40", "w": "90"}:
            told.set()
        return Answer(200)

    engine.on("POST /containers/*/resize", resize)
    typist = Typist(engine, "run", "-it", "busybox")
    typist.see(b"ready ")
    termios.tcsetwinsize(typist.terminal, (40, 90))
    typist.process.send_signal(signal.SIGWINCH)

    assert told.wait(5)
    typist.type(b"q")
    assert typist.end() == 5


def test_attaching_lets_a_program_paint_its_screen_again(engine: FakeEngine) -> None:
    box = Box(engine, echoing)
    box.started.set()
    state = {"State": {"Running": True}, "Config": {"Tty": True, "OpenStdin": True}}
    engine.on("GET /containers/shell/json", Answer(json=state))
    typist = Typist(engine, "attach", "shell")
    typist.see(b"ready ")
    typist.type(b"q")

    assert typist.end() == 5
    sizes = [request.query for request in engine.asked("POST /containers/shell/resize")]
    assert sizes == [{"h": "34", "w": "102"}, {"h": "33", "w": "101"}]


def test_the_detach_keys_leave_it_running(engine: FakeEngine) -> None:
    Box(engine, echoing)
    typist = Typist(engine, "run", "-it", "busybox")
    typist.see(b"ready ")
    typist.type(b"\x10x")  # ctrl-p and something else goes to the process
    typist.see(b"78>")
    typist.type(b"\x10\x11")

    assert typist.end() == 0


def test_a_signal_that_ends_us_restores_the_terminal(engine: FakeEngine) -> None:
    Box(engine, echoing)
    typist = Typist(engine, "run", "-it", "busybox")
    typist.see(b"ready ")
    typist.process.send_signal(signal.SIGTERM)

    assert typist.end() == 128 + signal.SIGTERM


def test_without_a_terminal_signals_are_handed_on(engine: FakeEngine) -> None:
    killed = threading.Event()

    def live(sock: socket.socket) -> int:
        sock.sendall(frame(1, b"ready"))
        return 7 if killed.wait(5) else 1

    Box(engine, live)

    def kill(request: Request) -> Answer:
        assert request.query == {"signal": "HUP"}
        killed.set()
        return Answer(204)

    engine.on("POST /containers/*/kill", kill)
    typist = Typist(engine, "run", "busybox")
    typist.see(b"ready")
    typist.process.send_signal(signal.SIGHUP)

    assert typist.end() == 7


def test_three_interrupts_end_what_heeds_none(engine: FakeEngine) -> None:
    told = threading.Semaphore(0)
    over = threading.Event()

    def live(sock: socket.socket) -> int:
        sock.sendall(frame(1, b"ready"))
        over.wait(10)
        return 0

    def kill(_: Request) -> Answer:
        told.release()
        return Answer(204)

    Box(engine, live)
    engine.on("POST /containers/*/kill", kill)
    typist = Typist(engine, "run", "busybox")
    typist.see(b"ready")
    for _ in range(2):
        typist.process.send_signal(signal.SIGINT)
        assert told.acquire(timeout=5)
    typist.process.send_signal(signal.SIGINT)
    shown = typist.see(b"forcefully exiting")
    over.set()

    assert re.search(rb"got 3 SIGTERM/SIGINTs", shown)
    assert typist.end() != 0
