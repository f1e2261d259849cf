"""The Docker Engine API over one blocking socket: HTTP/1.1, as little of it as that API needs.

One request has one connection. A local connection costs less than keeping one in order, and an attached connection
cannot be used again anyhow. `http.client` would do the same for three times the start-up time (it brings `email`).
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from netwright.frontends.cli.address import Address
from netwright.frontends.cli.document import Json, decode, encode, text
from netwright.frontends.cli.failures import CommandFailed, EngineRefused, EngineUnreachable

VERSION = (1, 51)
"""The newest version of the API that this command line knows."""

_PIECE = 65536
_LONGEST_LINE = 65536
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:")

Query = Mapping[str, str | int | bool | Sequence[str] | None]
"""Parameters behind the question mark. None leaves one out; True is `1`, False `0`; a sequence repeats its key."""


class Sink(Protocol):
    """Takes the body of a request, piece by piece."""

    def write(self, data: bytes, /) -> int:
        """Send some bytes and return how many that were: all."""


Producer = Callable[[Sink], None]
"""Writes the body of a request as it comes into being."""


class Upgraded(NamedTuple):
    """A connection that has become a raw stream; `early` are the bytes that came with the answer."""

    sock: socket.socket
    early: bytes
    media_type: str


class Connection:
    """A socket with what was read ahead of need."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._ahead = bytearray()

    def line(self) -> bytes:
        """Return the next line without its end. Raises EngineUnreachable at the end of the stream."""
        while (end := self._ahead.find(b"\n")) < 0:
            if len(self._ahead) > _LONGEST_LINE or not self._fill():
                raise EngineUnreachable("the engine closed the connection in the middle of its answer")
        line = bytes(self._ahead[:end]).rstrip(b"\r")
        del self._ahead[: end + 1]
        return line

    def some(self, most: int = _PIECE) -> bytes:
        """Return what there is, waiting for at least one byte; empty at the end of the stream."""
        if not self._ahead and not self._fill():
            return b""
        piece = bytes(self._ahead[:most])
        del self._ahead[:most]
        return piece

    def rest(self) -> bytes:
        """Return what was read ahead, waiting for nothing."""
        ahead = bytes(self._ahead)
        self._ahead.clear()
        return ahead

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def _fill(self) -> bool:
        try:
            piece = self.sock.recv(_PIECE)
        except ConnectionError:
            return False
        self._ahead += piece
        return bool(piece)


class Response:
    """An answer: its status and headers are there, its body is read as it comes."""

    def __init__(self, connection: Connection, method: str = "GET") -> None:
        self._connection = connection
        self._has_body = method != "HEAD"
        self.status = _status(connection.line())
        self.headers: dict[str, str] = {}
        while line := connection.line():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, and close the connection at its end."""
        try:
            if not self._has_body:
                pass
            elif self.headers.get("transfer-encoding", "").lower() == "chunked":
                yield from self._chunked()
            elif "content-length" in self.headers:
                yield from self._counted(int(self.headers["content-length"]))
            else:
                while piece := self._connection.some():
                    yield piece
        finally:
            self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield the body line by line, for the streams of JSON documents that the engine sends."""
        ahead = b""
        for piece in self.pieces():
            *whole, ahead = (ahead + piece).split(b"\n")
            yield from (line for line in whole if line.strip())
        if ahead.strip():
            yield ahead

    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.pieces())

    def close(self) -> None:
        """Let go of the rest."""
        self._connection.close()

    def _chunked(self) -> Iterator[bytes]:
        while size := int(self._connection.line().split(b";")[0], 16):
            yield from self._counted(size)
            self._connection.line()
        while self._connection.line():
            pass  # trailers, which the API does not use

    def _counted(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self._connection.some(size)
            if not piece:
                raise EngineUnreachable("the engine closed the connection in the middle of its answer")
            size -= len(piece)
            yield piece


class Engine:
    """The engine behind an address. It is first spoken to when it is first asked for something.

    `version` pins the version of the API, such as `1.43`; else it is the newest that both sides know.
    """

    def __init__(self, address: Address, version: str = "") -> None:
        self.address = address
        self._version = version

    @property
    def version(self) -> str:
        """The version of the API that is spoken. Raises EngineUnreachable."""
        if not self._version:
            response = self._send("GET", "/_ping")
            response.body()
            self._version = _newest_common(response.headers.get("api-version", ""))
        return self._version

    def get(self, path: str, query: Query | None = None) -> Json:
        """Fetch a document. Raises EngineRefused, EngineUnreachable."""
        return self.call("GET", path, query)

    def post(self, path: str, query: Query | None = None, body: Json = None) -> Json:
        """Ask for a change and return the answer, if there is one. Raises EngineRefused, EngineUnreachable."""
        return self.call("POST", path, query, body)

    def delete(self, path: str, query: Query | None = None) -> Json:
        """Remove something. Raises EngineRefused, EngineUnreachable."""
        return self.call("DELETE", path, query)

    def call(self, method: str, path: str, query: Query | None = None, body: Json = None) -> Json:
        """Send a request and return the document that answers it, or None."""
        data = self.open(method, path, query, body).body()
        return decode(data) if data.strip() else None

    def open(
        self, method: str, path: str, query: Query | None = None, body: Json = None, producer: Producer | None = None
    ) -> Response:
        """Send a request and return the answer with its body still to be read.

        A `producer` writes the body in place of the document `body`. Raises EngineRefused for a status of 400 and more.
        """
        return self._checked(self._send(method, self._path(path, query), body, producer))

    def upgrade(self, path: str, query: Query | None = None, body: Json = None) -> Upgraded:
        """Ask for a raw stream in both directions (Docker's hijacking: 101, or 200 by older engines).

        Raises CommandFailed over TLS: Python's TLS sockets cannot close one direction, so input would never end.
        """
        if self.address.tls is not None:
            raise CommandFailed(
                "attaching over TLS is not supported: do it on the engine's own machine, or use -d and then logs -f"
            )
        target = self._path(path, query)
        headers = {"Connection": "Upgrade", "Upgrade": "tcp", **_body_headers(body)}
        with self._connection() as connection:
            _send_head(connection.sock, "POST", target, headers)
            if body is not None:
                connection.sock.sendall(encode(body).encode())
            response = self._checked(Response(connection))
        return Upgraded(connection.sock, connection.rest(), response.headers.get("content-type", ""))

    def _path(self, path: str, query: Query | None) -> str:
        return f"/v{self.version}{quoted(path)}{query_string(query)}"

    def _send(self, method: str, target: str, body: Json = None, producer: Producer | None = None) -> Response:
        with self._connection() as connection:
            try:
                if producer is None:
                    _send_document(connection.sock, method, target, body)
                else:
                    _send_produced(connection.sock, method, target, producer)
            except ConnectionError:
                pass  # An engine that refuses does not read the body to its end; its answer says why.
            return Response(connection, method)

    def _checked(self, response: Response) -> Response:
        if response.status < 400:
            return response
        data = response.body()
        try:
            message = text(decode(data), "message")
        except CommandFailed:
            message = data.decode(errors="replace").strip()
        raise EngineRefused(response.status, message or f"status {response.status} without a reason")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Open a connection, and close it where what is done with it fails."""
        connection = Connection(self._connect())
        try:
            yield connection
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> socket.socket:
        try:
            return self.address.connect()
        except PermissionError:
            raise EngineUnreachable(
                f"permission denied while trying to connect to the engine at {self.address}: "
                "use sudo, or let the engine give the socket to a group of yours (netwright daemon --group)"
            ) from None
        except OSError as error:
            raise EngineUnreachable(
                f"Cannot connect to the netwright engine at {self.address}: {error.strerror or error}. "
                "Is it running?\nStart it with: sudo netwright daemon"
            ) from None


class _Chunks:
    """A sink that sends a body in chunks."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def write(self, data: bytes, /) -> int:
        if data:
            self._sock.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)

    def end(self) -> None:
        self._sock.sendall(b"0\r\n\r\n")


def quoted(part: str) -> str:
    """Return text as it may stand in a URL."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in part.encode())


def query_string(query: Query | None) -> str:
    """Return parameters with their question mark, or nothing."""
    pairs: list[str] = []
    for key, value in (query or {}).items():
        if value is None:
            continue
        one_or_more = [str(int(value) if isinstance(value, bool) else value)] if isinstance(value, str | int) else value
        pairs += [f"{key}={quoted(one).replace('/', '%2F')}" for one in one_or_more]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _send_head(sock: socket.socket, method: str, target: str, headers: Mapping[str, str]) -> None:
    fields = {"Host": "netwright", "User-Agent": "netwright-cli", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    sock.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))


def _send_document(sock: socket.socket, method: str, target: str, body: Json) -> None:
    _send_head(sock, method, target, _body_headers(body))
    if body is not None:
        sock.sendall(encode(body).encode())


def _send_produced(sock: socket.socket, method: str, target: str, producer: Producer) -> None:
    _send_head(sock, method, target, {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"})
    chunks = _Chunks(sock)
    producer(chunks)
    chunks.end()


def _body_headers(body: Json) -> dict[str, str]:
    if body is None:
        return {"Content-Length": "0"}
    return {"Content-Type": "application/json", "Content-Length": str(len(encode(body).encode()))}


def _status(line: bytes) -> int:
    protocol, _, rest = line.partition(b" ")
    if not protocol.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise EngineUnreachable("what listens there does not speak HTTP")
    return int(rest[:3])


def _newest_common(offered: str) -> str:
    major, _, minor = offered.partition(".")
    known = major.isdigit() and minor.isdigit()
    chosen = min((int(major), int(minor)), VERSION) if known else VERSION
    return f"{chosen[0]}.{chosen[1]}"
