"""An engine that is none: it answers on a unix socket what a test wants, and remembers what it was asked."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

FRAME = {1: b"\x01\0\0\0", 2: b"\x02\0\0\0"}


def frame(stream: int, data: bytes) -> bytes:
    """Return output as a container without a terminal sends it."""
    return FRAME[stream] + len(data).to_bytes(4, "big") + data


@dataclass
class Request:
    """What the client sent; `path` is without the version."""

    method: str
    path: str
    version: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class Answer:
    """What the engine sends back: a document, or bytes in chunks; or a raw stream that `talk` has to itself."""

    status: int = 200
    json: Any = None
    chunks: list[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    talk: Callable[[socket.socket], None] | None = None
    before_body: Callable[[], None] | None = None


Handler = Callable[[Request], Answer] | Answer


class FakeEngine:
    """Answers by method and path; `*` in a path stands for one part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.host = f"unix://{path}"
        self.requests: list[Request] = []
        self.api_version = "1.51"
        self._handlers: dict[str, Handler] = {"GET /_ping": lambda _: Answer(headers={"Api-Version": self.api_version})}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def on(self, what: str, handler: Handler) -> None:
        """Say what answers `GET /networks`; what is said later goes before what was said earlier."""
        self._handlers[what] = handler

    def asked(self, what: str) -> list[Request]:
        """Return the requests that were like `POST /containers/create`."""
        return [request for request in self.requests if _matches(what, f"{request.method} {request.path}")]

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            request = _read(stream)
            if request is None:
                return
            with self._lock:
                self.requests.append(request)
            try:
                self._send(connection, self._find(request), request)
            except (BrokenPipeError, ConnectionResetError):
                return

    def _find(self, request: Request) -> Answer:
        said = f"{request.method} {request.path}"
        for what, handler in reversed(self._handlers.items()):
            if _matches(what, said):
                return handler(request) if callable(handler) else handler
        return Answer(404, json={"message": f"the fake engine has no answer to {said}"})

    def _send(self, connection: socket.socket, answer: Answer, request: Request) -> None:
        headers = {"Api-Version": self.api_version, "Connection": "close", **answer.headers}
        if answer.talk is not None:
            connection.sendall(_head(101, {**headers, "Connection": "Upgrade", "Upgrade": "tcp"}))
            answer.talk(connection)
            return
        if answer.chunks is not None:
            connection.sendall(_head(answer.status, {**headers, "Transfer-Encoding": "chunked"}))
            if answer.before_body is not None:
                answer.before_body()
            for chunk in answer.chunks:
                connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            connection.sendall(b"0\r\n\r\n")
            return
        body = b"" if answer.json is None else json.dumps(answer.json).encode()
        connection.sendall(
            _head(answer.status, {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))})
        )
        if answer.before_body is not None:
            answer.before_body()
        if request.method != "HEAD":
            connection.sendall(body)


@contextmanager
def running(path: Path) -> Iterator[FakeEngine]:
    """Run a fake engine at a socket."""
    engine = FakeEngine(path)
    thread = threading.Thread(target=engine.serve, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        engine.close()
        thread.join(5)


def _head(status: int, headers: dict[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Word\r\n{fields}\r\n".encode()


def _read(stream: Any) -> Request | None:
    first = stream.readline().decode().split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    parts = urlsplit(first[1])
    path = unquote(parts.path)
    version = ""
    if path.startswith("/v1."):
        version, _, rest = path[1:].partition("/")
        path = f"/{rest}"
    query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Request(first[0], path, version, query, headers, _read_body(stream, headers))


def _read_body(stream: Any, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        body: bytes = stream.read(int(headers.get("content-length", 0)))
        return body
    whole = b""
    while size := int(stream.readline(), 16):
        whole += stream.read(size)
        stream.readline()
    stream.readline()
    return whole


def _matches(pattern: str, said: str) -> bool:
    wanted, found = pattern.split("/"), said.split("/")
    return len(wanted) == len(found) and all(a in {"*", b} for a, b in zip(wanted, found, strict=True))
