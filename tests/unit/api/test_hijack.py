"""Raw streams: who reads slowly, who ends a half, who goes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.api.fake_containers import Line
from tests.unit.api.fakes import FakeEngine, served

from netwright.api.call import Call
from netwright.api.hijack import (
    MULTIPLEXED_STREAM,
    RAW_STREAM,
    Hijacked,
    RawStream,
    converse,
    frame,
    stream_type,
    take_over,
)
from netwright.api.routes.table import Route
from netwright.api.signature import SIGNATURE
from netwright.api.versions import ApiVersion
from netwright.containers.api import STDERR, STDOUT, Frame
from netwright.errors import Unavailable

UPGRADE = b"POST /talk HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
PLAIN = b"POST /talk HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def talk(
    path: Path, line: Line, *, stdin: bool = True
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve one session at /talk and yield a connection to the server."""

    async def handler(call: Call) -> Hijacked:
        await call.read()
        stream = take_over(call, tty=line.tty)
        response = await converse(stream, line, stdin=stdin)
        assert isinstance(response, Hijacked)
        return response

    async with served(FakeEngine(), path, Route("POST", "/talk", handler, lasting=True)):
        reader, writer = await asyncio.open_unix_connection(str(path))
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()


async def head(reader: asyncio.StreamReader) -> list[str]:
    """Return the lines of an answer's head."""
    return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        (
            UPGRADE,
            ["HTTP/1.1 101 UPGRADED", f"Content-Type: {MULTIPLEXED_STREAM}", "Connection: Upgrade", "Upgrade: tcp"],
        ),
        (PLAIN, ["HTTP/1.1 200 OK", f"Content-Type: {RAW_STREAM}"]),
    ],
    ids=["upgrade", "plain"],
)
async def test_the_head_is_what_the_client_asked_for(tmp_path: Path, request_: bytes, lines: list[str]) -> None:
    line = Line(tty=False)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(request_)

        assert await head(reader) == [*lines, *(f"{name}: {value}" for name, value in SIGNATURE.items())]
        line.frames.put_nowait(None)
        assert await reader.read() == b""


async def test_both_outputs_are_told_apart_without_a_terminal(tmp_path: Path) -> None:
    line = Line(tty=False)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        for piece in (Frame(STDOUT, b"out"), Frame(STDERR, b"err"), None):
            line.frames.put_nowait(piece)

        assert await reader.read() == b"\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\3err"

    assert line.closed


async def test_a_terminal_has_one_stream_without_frames(tmp_path: Path) -> None:
    line = Line(tty=True)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(UPGRADE)
        assert f"Content-Type: {RAW_STREAM}" in await head(reader)
        line.frames.put_nowait(Frame(STDOUT, b"$ "))
        line.frames.put_nowait(None)

        assert await reader.read() == b"$ "


async def test_the_body_of_a_request_is_not_taken_for_input(tmp_path: Path) -> None:
    line = Line(tty=True)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(UPGRADE.replace(b"Content-Length: 0", b"Content-Length: 17"))
        writer.write(b'{"Detach":')
        await writer.drain()
        writer.write(b"false}\n")
        await head(reader)
        writer.write(b"input")

        assert await line.input.get() == b"input"
        line.frames.put_nowait(None)


async def test_the_client_may_end_its_half_and_go_on_reading(tmp_path: Path) -> None:
    line = Line(tty=True)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        writer.write(b"all of it")
        writer.write_eof()

        assert await line.input.get() == b"all of it"
        assert await line.input.get() == b""
        line.frames.put_nowait(Frame(STDOUT, b"answer"))
        line.frames.put_nowait(None)
        assert await reader.read() == b"answer"


async def test_the_end_of_a_client_without_input_is_not_the_end_of_the_input(tmp_path: Path) -> None:
    line = Line(tty=True)
    async with talk(tmp_path / "s", line, stdin=False) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        writer.write(b"dropped")
        writer.write_eof()
        line.frames.put_nowait(Frame(STDOUT, b"answer"))
        assert await reader.readexactly(6) == b"answer"

        assert not line.input_ended
        assert line.input.empty()
        line.frames.put_nowait(None)


@pytest.mark.parametrize("stdin", [True, False])
@pytest.mark.parametrize("half", [True, False])
async def test_a_client_that_goes_is_let_go(tmp_path: Path, stdin: bool, half: bool) -> None:
    closed = asyncio.Event()

    class Watched(Line):
        async def close(self) -> None:
            closed.set()

    async with talk(tmp_path / "s", Watched(tty=True), stdin=stdin) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        if half:
            writer.write_eof()
        writer.transport.abort()
        await closed.wait()


async def test_a_process_that_does_not_read_holds_its_client_up(tmp_path: Path) -> None:
    line = Line(tty=True)
    async with talk(tmp_path / "s", line) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        data = bytes(8 << 20)
        writer.write(data)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.drain()

        received = 0
        while received < len(data):
            received += len(await line.input.get())
        await writer.drain()
        line.frames.put_nowait(None)

    assert received == len(data)


async def test_a_client_that_does_not_read_holds_the_output_up(tmp_path: Path) -> None:
    taken = 0

    class Talkative(Line):
        async def output(self) -> AsyncIterator[Frame]:
            nonlocal taken
            for _ in range(256):
                taken += 1
                yield Frame(STDOUT, bytes(1 << 16))

    async with talk(tmp_path / "s", Talkative(tty=True)) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        before = taken

        assert len(await reader.read(-1)) == 256 << 16
        assert before < 256


async def test_why_an_output_was_cut_off_stands_at_its_end(tmp_path: Path) -> None:
    class CutOff(Line):
        async def output(self) -> AsyncIterator[Frame]:
            yield Frame(STDOUT, b"a")
            raise Unavailable("read too slowly")

    async with talk(tmp_path / "s", CutOff(tty=False)) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)

        assert await reader.read() == frame(STDOUT, b"a") + frame(STDERR, b"read too slowly\r\n")


async def test_a_fault_in_a_session_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Line):
        async def output(self) -> AsyncIterator[Frame]:
            yield Frame(STDOUT, b"a")
            raise ZeroDivisionError("oh")

    async with talk(tmp_path / "s", Broken(tty=True)) as (reader, writer):
        writer.write(UPGRADE)
        await head(reader)
        assert await reader.read() == b"a"

    assert "oh" in caplog.text


def test_the_type_of_a_stream_depends_on_version_and_terminal() -> None:
    assert stream_type(ApiVersion(1, 42), tty=False) == MULTIPLEXED_STREAM
    assert stream_type(ApiVersion(1, 41), tty=False) == RAW_STREAM
    assert stream_type(ApiVersion(1, 51), tty=True) == RAW_STREAM


def test_a_frame_says_its_stream_and_length() -> None:
    assert frame(STDERR, b"x" * 300) == struct.pack(">BxxxI", 2, 300) + b"x" * 300


class Watched(asyncio.Transport):
    """A transport that notes when it is told to read, and when not to."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def is_closing(self) -> bool:
        return False


async def test_a_connection_is_read_on_only_where_it_was_not_read() -> None:
    # To read on what has ended has the end told again: uvloop does as it is told.
    transport = Watched()
    stream = RawStream(transport, asyncio.Protocol())
    stream.data_received(b"little")
    await stream.read()
    assert transport.told == []

    for _ in range(3):
        stream.data_received(b"x" * (1 << 20))
    for _ in range(3):
        await stream.read()
    assert transport.told == ["pause", "resume"]
