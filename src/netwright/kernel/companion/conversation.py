"""A companion's end of the conversation: who may ask, and whose word counts."""

import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Sequence

from netwright.kernel.companion import packets
from netwright.kernel.companion.loop import READABLE, Loop

Answer = tuple[str, Sequence[int]]
"""What is said, and the descriptors that ride along; they stay open here."""

Handle = Callable[[list[str], str, list[int]], Answer]
"""Answers a request: its words, the lines that follow, its descriptors. Those that it takes it removes from the list.

Raises OSError where the machine refuses, else whatever wrong words lead to."""


class Conversation:
    """Serves one engine at a time on a listening socket; nobody else is heard."""

    def __init__(
        self, loop: Loop, listener: socket.socket, engine: socket.socket, version: int, handle: Handle
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._version = version
        self._handle = handle
        self._engine: socket.socket | None = engine
        self._word = select.epoll()
        """Tells in a system call, without an exception, whether the engine has said something."""
        self._word.register(engine, READABLE)
        listener.setblocking(False)
        engine.setblocking(False)
        loop.watch(listener, self._accept)
        loop.watch(engine, lambda _: self._serve(engine))

    @property
    def has_engine(self) -> bool:
        """Tell whether an engine is connected."""
        return self._engine is not None

    def catch_up(self) -> None:
        """Do what the engine has asked so far, ahead of the loop: whoever asks from now on is answered by that."""
        while self._engine is not None and self._word.poll(0):
            self._serve(self._engine)

    def _accept(self, _: int) -> None:
        """Let a process of our own user in."""
        try:
            client, _address = self._listener.accept()
        except OSError:
            return
        _pid, user, _group = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != os.geteuid():
            client.close()
            return
        client.setblocking(False)
        self._loop.watch(client, lambda _: self._serve(client))

    def _serve(self, client: socket.socket) -> None:
        """Answer one packet, or note that a client has gone."""
        descriptors: list[int] = []
        try:
            text, descriptors = packets.receive(client)
        except BlockingIOError:
            return
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            self._hang_up(client)
            return
        try:
            answer, attached = self._answer(client, text, descriptors)
        except (OSError, ValueError, TypeError, LookupError) as error:
            number = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
            answer, attached = f"error {number} {getattr(error, 'strerror', None) or error}", ()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            packets.send(client, answer, attached)
        except OSError:
            self._hang_up(client)

    def _hang_up(self, client: socket.socket) -> None:
        self._loop.close(client)
        if client is self._engine:
            self._word.unregister(client)
            self._engine = None

    def _answer(self, client: socket.socket, text: str, descriptors: list[int]) -> Answer:
        first, _, body = text.partition("\n")
        words = first.split(" ")
        if words[0] == "hello":
            return self._welcome(client)
        if client is not self._engine:
            raise OSError(errno.EPERM, "the engine's connection begins with hello")
        return self._handle(words, body, descriptors)

    def _welcome(self, client: socket.socket) -> Answer:
        """Make a client the engine. A hung engine, or a dead one whose end we have not seen yet, loses the word."""
        before = self._engine
        if before is not None and before is not client:
            with contextlib.suppress(OSError):
                packets.send(before, packets.SUPERSEDED)
            self._hang_up(before)
        if client is not self._engine:
            self._word.register(client, READABLE)
            self._engine = client
        return f"ok {self._version} {os.getpid()}", ()
