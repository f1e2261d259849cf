"""Raw streams over an HTTP connection, as `docker attach` and `docker exec` want them.

The connection is taken from the HTTP server: another protocol is set on its transport, the answer's head is written by
hand, and from there on both sides send bytes as they please. Each side may end its half by itself. When the stream is
over the transport is closed, and the server is told that the connection is gone.
"""

import asyncio
import logging
import select
import socket
import struct
from collections import deque

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from netwright.api.call import Call
from netwright.api.signature import SIGNATURE
from netwright.api.versions import MULTIPLEXED, ApiVersion
from netwright.containers.api import STDERR, Session
from netwright.errors import NetwrightError

RAW_STREAM = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"

_WAITING = 1 << 20
"""How many bytes from the client may wait for the process before the client is no longer read."""

log = logging.getLogger(__name__)


class _Hangup:
    """Tells when the other side of a socket is closed altogether.

    Once its end has been read a socket is no longer watched by the event loop, and whether only half of the connection
    or all of it is closed makes no difference to who reads. An epoll that waits for no events hears of the hang-up
    alone, and can itself be watched.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        watched: socket.socket = transport.get_extra_info("socket")
        self._poll = select.epoll()
        self._poll.register(watched.fileno(), 0)
        asyncio.get_running_loop().add_reader(self._poll.fileno(), transport.abort)

    def close(self) -> None:
        """Watch no longer."""
        asyncio.get_running_loop().remove_reader(self._poll.fileno())
        self._poll.close()


class RawStream(asyncio.Protocol):
    """A connection without HTTP."""

    def __init__(self, transport: asyncio.Transport, former: asyncio.BaseProtocol) -> None:
        self._transport = transport
        self._former = former
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._paused = False
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._hangup: _Hangup | None = None
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Keep what has come; stop reading where the process does not keep up."""
        self._waiting.append(data)
        self._size += len(data)
        self._readable.set()
        if self._size > _WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Note that the client sends no more; the other half stays open, but for TLS, which knows no halves here."""
        self._ended = True
        self._readable.set()
        if self._transport.get_extra_info("sslcontext") is not None:
            return False
        self._hangup = _Hangup(self._transport)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits, and tell the server that its connection is gone."""
        if self._hangup is not None:
            self._hangup.close()
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
        if self._paused and self._size <= _WAITING and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes, waiting while the client does not read."""
        await self._writable.wait()
        if not self._transport.is_closing():
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


def take_over(call: Call, *, tty: bool) -> RawStream:
    """Take a request's connection from the server and write the head of the answer.

    The body must have been read. Clients that do not ask to upgrade are Docker's oldest: they get 200 and the stream.
    All wait for the head before they send more, as HTTP wants it of them; what came earlier would be lost.
    """
    request, transport = call.request, call.request.transport
    if transport is None:
        raise ConnectionResetError
    call.begun = True
    stream = RawStream(transport, request.protocol)
    transport.set_protocol(stream)
    if "Upgrade" in request.headers:
        kind = stream_type(call.version, tty=tty)
        lines = ["HTTP/1.1 101 UPGRADED", f"Content-Type: {kind}", "Connection: Upgrade", "Upgrade: tcp"]
    else:
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {RAW_STREAM}"]
    lines += [f"{name}: {value}" for name, value in SIGNATURE.items()]
    transport.write("\r\n".join([*lines, "", ""]).encode())
    return stream


def stream_type(version: ApiVersion, *, tty: bool) -> str:
    """Return the content type of an output stream."""
    return RAW_STREAM if tty or version < MULTIPLEXED else MULTIPLEXED_STREAM


def frame(stream: int, data: bytes) -> bytes:
    """Return a piece of output with the header that tells the two outputs apart."""
    return struct.pack(">BxxxI", stream, len(data)) + data


async def converse(stream: RawStream, session: Session, *, stdin: bool) -> web.StreamResponse:
    """Join a client and a session until the process ends or the client goes.

    Without `stdin` what the client sends is dropped, and its end means nothing: the CLI ends its half at once then.
    """
    feeding = asyncio.ensure_future(_feed(stream, session) if stdin else _drop(stream))
    telling = asyncio.ensure_future(_tell(stream, session))
    gone = asyncio.ensure_future(stream.lost.wait())
    try:
        await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, telling, gone):
            task.cancel()
        outcomes = await asyncio.gather(feeding, telling, return_exceptions=True)
        await session.close()
        stream.close()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            log.error("an attached stream broke off", exc_info=outcome)
    response = Hijacked()
    response.force_close()
    return response


async def apologise(stream: RawStream, error: NetwrightError, *, tty: bool) -> web.StreamResponse:
    """Say in a stream why there is nothing to join, and end it."""
    await _say(stream, error, tty=tty)
    stream.close()
    response = Hijacked()
    response.force_close()
    return response


async def _say(stream: RawStream, error: NetwrightError, *, tty: bool) -> None:
    # The head is gone, so the reason is said where the user looks: in the output.
    text = f"{error}\r\n".encode()
    await stream.write(text if tty else frame(STDERR, text))


async def _feed(stream: RawStream, session: Session) -> None:
    while data := await stream.read():
        await session.write(data)
    await session.close_input()


async def _drop(stream: RawStream) -> None:
    while await stream.read():
        pass


async def _tell(stream: RawStream, session: Session) -> None:
    try:
        async for piece in session.output():
            await stream.write(piece.data if session.tty else frame(piece.stream, piece.data))
    except NetwrightError as error:
        await _say(stream, error, tty=session.tty)
