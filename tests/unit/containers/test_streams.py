import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from netwright.containers.api import Frame, Session
from netwright.containers.detach import DetachFilter, parse_keys
from netwright.containers.streams import Hub
from netwright.errors import InvalidInput, Unavailable

OUT, ERR = b"\2", b"\3"


class FakeConmon:
    """The attach socket of conmon."""

    def __init__(self, directory: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(directory / "attach"))
        self._listener.listen()
        self._listener.setblocking(False)
        self.connection: socket.socket | None = None

    async def accept(self) -> socket.socket:
        self.connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        return self.connection

    def close(self) -> None:
        self._listener.close()
        if self.connection is not None:
            self.connection.close()


@asynccontextmanager
async def attached(
    directory: Path, *, tty: bool = False, patience: float = 60.0
) -> AsyncIterator[tuple[Hub, FakeConmon]]:
    conmon = FakeConmon(directory)
    hub = Hub(directory, tty=tty, input_ends=True, patience=patience, limit=1000)
    try:
        yield hub, conmon
    finally:
        hub.finish()
        conmon.close()


async def collected(session: Session) -> list[Frame]:
    return [frame async for frame in session.output()]


async def test_every_client_gets_the_streams_that_it_wants(tmp_path: Path) -> None:
    async with attached(tmp_path) as (hub, conmon):
        both = hub.join(stdin=False, stdout=True, stderr=True)
        errors = hub.join(stdin=False, stdout=False, stderr=True)
        await hub.open()
        connection = await conmon.accept()
        connection.send(OUT + b"a")
        connection.send(ERR + b"b")
        hub.drain()
        assert await collected(both) == [Frame(1, b"a"), Frame(2, b"b")]
        assert await collected(errors) == [Frame(2, b"b")]


async def test_input_arrives_in_order_and_ends_once(tmp_path: Path) -> None:
    async with attached(tmp_path) as (hub, conmon):
        client = hub.join(stdin=True, stdout=True, stderr=True)
        writing = asyncio.ensure_future(client.write(b"x" * 20000))
        await hub.open()
        connection = await conmon.accept()
        await writing
        await client.close_input()
        received = b""
        while packet := connection.recv(65536):
            received += packet
        assert received == b"x" * 20000


async def test_a_slow_client_makes_the_process_wait_and_loses_nothing(tmp_path: Path) -> None:
    async with attached(tmp_path) as (hub, conmon):
        client = hub.join(stdin=False, stdout=True, stderr=True)
        await hub.open()
        connection = await conmon.accept()

        async def produce() -> None:
            for number in range(200):
                await asyncio.get_running_loop().sock_sendall(connection, OUT + bytes([number]) * 100)
            connection.close()

        connection.setblocking(False)
        producing = asyncio.ensure_future(produce())
        received = 0
        async for frame in client.output():
            received += len(frame.data)
            await asyncio.sleep(0)
            if received == 20000:
                break
        await producing
        assert received == 20000


async def test_a_stuck_client_is_cut_off_and_the_others_go_on(tmp_path: Path) -> None:
    async with attached(tmp_path, patience=0.05) as (hub, conmon):
        stuck = hub.join(stdin=False, stdout=True, stderr=True)
        lively = hub.join(stdin=False, stdout=True, stderr=True)
        await hub.open()
        connection = await conmon.accept()
        for _ in range(100):
            connection.send(OUT + b"x" * 100)
        received = 0
        async for frame in lively.output():
            received += len(frame.data)
            if received == 10000:
                break
        with pytest.raises(Unavailable, match="cut off"):
            await collected(stuck)


async def test_the_detach_keys_end_the_session_and_are_not_passed_on(tmp_path: Path) -> None:
    async with attached(tmp_path, tty=True) as (hub, conmon):
        client = hub.join(stdin=True, stdout=True, stderr=True, detach=DetachFilter(parse_keys("")))
        await hub.open()
        connection = await conmon.accept()
        await client.write(b"ls\x10\x11never")
        assert await collected(client) == []
        assert connection.recv(100) == b"ls"


async def test_a_client_of_a_process_that_ended_gets_an_end(tmp_path: Path) -> None:
    async with attached(tmp_path) as (hub, _):
        hub.finish()
        assert await collected(hub.join(stdin=True, stdout=True, stderr=True)) == []


@pytest.mark.parametrize(
    ("text", "keys"), [("", b"\x10\x11"), ("a", b"a"), ("ctrl-a,b,ctrl-[", b"\x01b\x1b"), ("CTRL-_", b"\x1f")]
)
def test_detach_keys_are_read_in_dockers_notation(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-ab", "ctrl-1", "ab", "a,,b"])
def test_other_detach_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid detach keys"):
        parse_keys(text)


def test_a_broken_sequence_is_passed_on_whole() -> None:
    keys = DetachFilter(b"\x10\x11")
    assert keys.feed(b"a\x10") == (b"a", False)
    assert keys.feed(b"b") == (b"\x10b", False)
    assert keys.feed(b"\x10\x10") == (b"\x10", False)
    assert keys.feed(b"\x11") == (b"", True)
