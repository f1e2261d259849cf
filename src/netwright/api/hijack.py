"""Raw streams over an HTTP connection, as `docker attach` and `docker exec` want them.

The connection is taken from the HTTP server: another protocol is set on its transport, the answer's head is written by
hand, and from there on both sides send bytes as they please. Each side may end its half by itself. When the stream is
over the transport is closed, and the server is told that the connection is gone.
"""

import asyncio
import struct
from collections import deque

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from netwright.api.versions import MULTIPLEXED, ApiVersion
from netwright.containers.api import Session
from netwright.errors import NetwrightError

_WAITING = 1 << 20
"""How many bytes from the client may wait for the process before the client is no longer read."""


class RawStream(asyncio.Protocol):
    """A connection without HTTP."""

    def __init__(self, transport: asyncio.Transport, former: asyncio.BaseProtocol) -> None:
        self._transport = transport
        self._former = former
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Keep what has come; stop reading where the process does not keep up."""
        self._waiting.append(data)
        self._size += len(data)
        self._readable.set()
        if self._size > _WAITING:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Note that the client sends no more; the other half stays open."""
        self._ended = True
        self._readable.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits, and tell the server that its connection is gone."""
        self._ended = True
        self.lost.set()
        self._readable.set()
        self._writable.set()
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hold back: the client does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on: the client reads again."""
        self._writable.set()

    async def read(self) -> bytes:
        """Return the next bytes, or nothing at the client's end."""
        while not self._waiting and not self._ended:
            self._readable.clear()
            await self._readable.wait()
        if not self._waiting:
            return b""
        data = self._waiting.popleft()
        self._size -= len(data)
        if self._size <= _WAITING and not self.lost.is_set():
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes, waiting while the client does not read."""
        await self._writable.wait()
        if not self.lost.is_set():
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and close."""
        self._transport.close()


class Hijacked(web.StreamResponse):
    """The answer that the server is given afterwards: all was said already."""

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Do nothing: the head was written by hand."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the stream has ended."""


def take_over(request: web.Request, content_type: str) -> RawStream:
    """Take a request's connection from the server and write the head of the answer."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    former = transport.get_protocol()
    stream = RawStream(transport, former)
    transport.set_protocol(stream)
    upgrade = request.headers.get("Upgrade", "").lower() == "tcp"
    head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else "HTTP/1.1 200 OK\r\n"
    transport.write(f"{head}Content-Type: {content_type}\r\n\r\n".encode())
    return stream


def stream_type(version: ApiVersion, *, tty: bool) -> str:
    """Return the content type of an output stream."""
    if not tty and version >= MULTIPLEXED:
        return "application/vnd.docker.multiplexed-stream"
    return "application/vnd.docker.raw-stream"


def frame(stream: int, data: bytes) -> bytes:
    """Return a piece of output with the header that tells the two outputs apart."""
    return struct.pack(">BxxxI", stream, len(data)) + data


async def converse(request: web.Request, session: Session, version: ApiVersion) -> web.StreamResponse:
    """Join a client and a session until the process ends or the client goes."""
    stream = take_over(request, stream_type(version, tty=session.tty))
    feeding = asyncio.ensure_future(_feed(stream, session))
    telling = asyncio.ensure_future(_tell(stream, session))
    gone = asyncio.ensure_future(stream.lost.wait())
    try:
        await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, telling, gone):
            task.cancel()
        await asyncio.gather(feeding, telling, gone, return_exceptions=True)
        await session.close()
        stream.close()
    response = Hijacked()
    response.force_close()
    return response


async def _feed(stream: RawStream, session: Session) -> None:
    while data := await stream.read():
        await session.write(data)
    await session.close_input()


async def _tell(stream: RawStream, session: Session) -> None:
    try:
        async for piece in session.output():
            await stream.write(piece.data if session.tty else frame(piece.stream, piece.data))
    except NetwrightError as error:
        # The head is gone, so the reason is said where the user looks: in the output.
        text = f"{error}\r\n".encode()
        await stream.write(text if session.tty else frame(2, text))
