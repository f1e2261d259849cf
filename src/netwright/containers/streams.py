"""The attach hub: one connection to conmon for each process, shared by all its clients.

conmon writes to an attached client before it reads on, so a client that does not read would hold up the process and
its log. The hub therefore always reads on, and keeps for each client what that one has not fetched yet:

    up to 1 MiB             as much as dockerd keeps; beyond it the hub stops reading, and the process waits as it
                            would for a full pipe: `docker run image producer | slow-consumer` loses nothing
    and then for 10 s       a client that has not taken a single byte for so long is not slow but stuck. It is cut off
                            with an error, and the process and the other clients go on

conmon's socket keeps the borders of packets: the first byte says which stream, and an empty packet is the end.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from netwright.containers.api import STDERR, STDOUT, Frame
from netwright.containers.detach import DetachFilter
from netwright.errors import SystemFailure, Unavailable

KEPT = 1024 * 1024
"""Bytes kept for a client that is behind."""

PATIENCE = 10.0
"""Seconds for which a client may take nothing while the process waits for it."""

_CHUNK = 8192
"""Bytes of stdin in one packet: well below the 32 KiB that conmon reads at once."""

_PACKET = 65536
_PACKETS_AT_ONCE = 64


class Client:
    """One attached client: the implementation of `api.Session`."""

    def __init__(
        self, hub: "Hub", *, stdin: bool, streams: frozenset[int], detach: DetachFilter | None, limit: int = KEPT
    ) -> None:
        self.tty = hub.tty
        self._hub = hub
        self._stdin = stdin
        self._streams = streams
        self._detach = detach
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._taken = 0
        self._wake = asyncio.Event()
        self._over = False
        self._error: Exception | None = None

    @property
    def full(self) -> bool:
        """Whether it has as much waiting as it may."""
        return self._size >= self._limit and not self._over

    @property
    def taken(self) -> int:
        """How many bytes it has fetched."""
        return self._taken

    def offer(self, frame: Frame) -> None:
        """Keep a frame for it, if it wants this stream."""
        if self._over or frame.stream not in self._streams:
            return
        self._frames.append(frame)
        self._size += len(frame.data)
        self._wake.set()

    def finish(self, error: Exception | None = None) -> None:
        """No more comes; what is kept may still be fetched, unless there is an error."""
        self._over = True
        self._error = error
        self._wake.set()

    async def output(self) -> AsyncIterator[Frame]:
        """Yield frames to the end."""
        while True:
            if self._error is not None:
                raise self._error
            if self._frames:
                frame = self._frames.popleft()
                self._size -= len(frame.data)
                yield frame
                # Only when the consumer comes back for more has it taken this one.
                self._taken += len(frame.data)
                self._hub.look()
            elif self._over:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    async def write(self, data: bytes) -> None:
        """Send to stdin, unless the detach keys are among it."""
        if not self._stdin or self._over:
            return
        leaving = False
        if self._detach is not None:
            data, leaving = self._detach.feed(data)
        await self._hub.send(data)
        if leaving:
            await self.close()

    async def close_input(self) -> None:
        """End stdin, where the container was made so that its first client's end is its end (`StdinOnce`)."""
        if self._stdin and not self._over:
            await self._hub.end_input()

    async def close(self) -> None:
        """Leave."""
        self.finish()
        self._frames.clear()
        self._size = 0
        self._hub.leave(self)


class Hub:
    """The connection to one conmon, and its clients. `directory` is the bundle, where conmon puts its socket.

    With `input_ends` the end of a client's input is the end of the process's input.
    """

    def __init__(
        self, directory: Path, *, tty: bool, input_ends: bool, patience: float = PATIENCE, limit: int = KEPT
    ) -> None:
        self.tty = tty
        self._directory = directory
        self._input_ends = input_ends
        self._patience = patience
        self._limit = limit
        self._clients: list[Client] = []
        self._socket: socket.socket | None = None
        self._connected = asyncio.Event()
        self._sending = asyncio.Lock()
        self._over = False
        self._silent = False
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def wanted(self) -> bool:
        """Whether it has clients."""
        return bool(self._clients)

    @property
    def over(self) -> bool:
        """Whether the process's output has ended."""
        return self._over

    def join(self, *, stdin: bool, stdout: bool, stderr: bool, detach: DetachFilter | None = None) -> Client:
        """Return a new client."""
        # A terminal has one stream: whoever wants any output gets it.
        streams = {STDOUT} if stdout or (self.tty and stderr) else set()
        if stderr:
            streams.add(STDERR)
        client = Client(
            self, stdin=stdin, streams=frozenset(streams), detach=detach if self.tty else None, limit=self._limit
        )
        if self._over:
            client.finish()
        else:
            self._clients.append(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        if client in self._clients:
            self._clients.remove(client)
        self.look()

    async def open(self) -> None:
        """Connect, if there is no connection yet. Raises SystemFailure where conmon does not answer."""
        if self._socket is not None or self._over or self._silent:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        # A bundle's path may be longer than the 107 bytes of a socket's address: the directory is named by number.
        directory = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            await asyncio.get_running_loop().sock_connect(connection, f"/proc/self/fd/{directory}/attach")
        except OSError as error:
            connection.close()
            raise SystemFailure(f"conmon does not let anyone attach: {error.strerror}") from None
        finally:
            os.close(directory)
        self._socket = connection
        self._listen()
        self._connected.set()

    def look(self) -> None:
        """Read on if no client is too far behind any more; let go of a connection that nobody uses."""
        if self._waiting is not None and not any(client.full for client in self._clients):
            self._waiting.cancel()
            self._waiting = None
            self._listen()
        if not self._clients and self._socket is not None:
            self._disconnect()

    async def send(self, data: bytes) -> None:
        """Send to the process's stdin, waiting where it does not read; content where it has ended."""
        await self._connected.wait()
        async with self._sending:
            for start in range(0, len(data), _CHUNK):
                if self._socket is None:
                    return
                try:
                    await asyncio.get_running_loop().sock_sendall(self._socket, data[start : start + _CHUNK])
                except (BrokenPipeError, ConnectionError):
                    return

    async def end_input(self) -> None:
        """End the process's input, where it was made so."""
        if not self._input_ends:
            return
        await self._connected.wait()
        async with self._sending:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_WR)
                except OSError:
                    return

    def finish(self) -> None:
        """End the output of all clients: the process has ended, or never began."""
        self._over = True
        for client in self._clients:
            client.finish()
        self._clients.clear()
        self._connected.set()
        self.look()

    def drain(self) -> None:
        """Take what conmon has sent before its end, then finish; for when conmon has ended."""
        while self._socket is not None and not self._over:
            if not self._receive():
                break
        self.finish()

    def _listen(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._take)

    def _disconnect(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            if not self._over and not self._silent:
                self._connected.clear()

    def _take(self) -> None:
        """Read what is there, up to a limit, so that one process cannot keep the loop to itself."""
        for _ in range(_PACKETS_AT_ONCE):
            if not self._receive():
                return
            if any(client.full for client in self._clients):
                self._wait()
                return

    def _receive(self) -> bool:
        """Read one packet and give it to all; return whether there may be more."""
        if self._socket is None:
            return False
        try:
            packet = self._socket.recv(_PACKET)
        except BlockingIOError:
            return False
        except OSError:
            packet = b""
        if not packet:
            # conmon says no more. The clients hear of it when the end is noted, so that who asks for the exit code
            # right after the last output gets it.
            self._silent = True
            self._disconnect()
            return False
        frame = Frame(packet[0] - 1, packet[1:])
        for client in self._clients:
            client.offer(frame)
        return True

    def _wait(self) -> None:
        """Stop reading, and cut off after a while who takes nothing at all."""
        if self._socket is None or self._waiting is not None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        taken = {client: client.taken for client in self._clients if client.full}
        self._waiting = loop.call_later(self._patience, self._cut_off, taken)

    def _cut_off(self, taken: dict[Client, int]) -> None:
        self._waiting = None
        for client, before in taken.items():
            if client.full and client.taken == before:
                client.finish(
                    Unavailable(
                        f"the client took no output for {self._patience:.0f} s while {self._limit} bytes waited for "
                        "it, and was cut off: use the container's logs to see all of it"
                    )
                )
                self._clients.remove(client)
        if any(client.full for client in self._clients):
            self._wait()
        else:
            self._listen()
            self.look()
