"""The keeper's process: what is held, and who may ask."""

import contextlib
import errno
import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from itertools import islice

from netwright.kernel.keeper import packets
from netwright.kernel.keeper.datagrams import DatagramRelay, buffer
from netwright.kernel.keeper.loop import Loop
from netwright.kernel.keeper.streams import Pipes, StreamRelay, Target

TICK = 10.0
"""Seconds between two looks for what has grown old."""

Relay = StreamRelay | DatagramRelay
Answer = tuple[str, int | None]


class Keeper:
    """Serves one engine at a time; holds and relays whether there is one or not."""

    def __init__(self, listener: socket.socket, engine: socket.socket, limit: int) -> None:
        self._loop = Loop(limit)
        self._limit = limit
        self._pipes = Pipes()
        self._buffer = buffer()
        self._listener = listener
        self._held: dict[str, int] = {}
        self._relays: dict[str, Relay] = {}
        self._ending: list[StreamRelay] = []
        """Relays that accept no more and have connections that have not ended."""
        self._engine: socket.socket | None = engine
        self._verbs: dict[str, Callable[..., Answer]] = {
            "get": self._get,
            "relay": self._relay,
            "drop": self._drop,
            "list": self._list,
            "retire": self._retire,
        }
        listener.setblocking(False)
        engine.setblocking(False)
        self._loop.watch(listener, self._accept)
        self._loop.watch(engine, lambda _: self._serve(engine))

    def run(self) -> None:
        """Serve until nothing is held, nothing is relayed and nobody is connected who could change that."""
        due = 0.0
        while self._engine is not None or self._held or self._ending:
            self._loop.turn(TICK)
            now = time.monotonic()
            if now >= due:
                due = now + TICK
                for relay in self._relays.values():
                    relay.tick(now)
            if self._ending:
                self._ending = [relay for relay in self._ending if relay.connections]

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
        try:
            text, descriptor = packets.receive(client)
        except BlockingIOError:
            return
        except (OSError, UnicodeDecodeError):
            text, descriptor = "", None
        if not text:
            self._hang_up(client)
            return
        try:
            answer, attached = self._answer(client, text.split(" "), descriptor)
        except (OSError, ValueError, TypeError) as error:
            number = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
            answer, attached = f"error {number} {getattr(error, 'strerror', None) or error}", None
        try:
            packets.send(client, answer, attached)
        except OSError:
            self._hang_up(client)

    def _hang_up(self, client: socket.socket) -> None:
        self._loop.close(client)
        if client is self._engine:
            self._engine = None

    def _answer(self, client: socket.socket, words: list[str], descriptor: int | None) -> Answer:
        """Do what a request says. Raises OSError where the machine refuses, else what wrong words lead to."""
        verb, *arguments = words
        if verb == "put" and client is self._engine:
            return self._put(*arguments, descriptor=descriptor)
        if descriptor is not None:
            os.close(descriptor)
        if verb == "hello":
            return self._welcome(client)
        if client is not self._engine:
            raise OSError(errno.EPERM, "the engine's connection begins with hello")
        if verb not in self._verbs:
            raise OSError(errno.ENOSYS, f"unknown verb {verb!r}")
        return self._verbs[verb](*arguments)

    def _welcome(self, client: socket.socket) -> Answer:
        """Make a client the engine. A hung engine, or a dead one whose end we have not seen yet, loses the word."""
        before = self._engine
        if before is not None and before is not client:
            with contextlib.suppress(OSError):
                packets.send(before, packets.SUPERSEDED)
            self._hang_up(before)
        self._engine = client
        return f"ok {packets.VERSION} {os.getpid()}", None

    def _put(self, name: str, *, descriptor: int | None) -> Answer:
        if descriptor is None:
            # The kernel leaves a descriptor out where the receiver has no number for it.
            raise OSError(
                errno.EMFILE, f"the keeper has no room: it may have {self._limit} descriptors open (ulimit -n)"
            )
        self._drop(name)
        self._held[name] = descriptor
        return "ok", None

    def _get(self, name: str) -> Answer:
        return "ok", self._find(name)

    def _find(self, name: str) -> int:
        if name not in self._held:
            raise OSError(errno.ENOENT, f"nothing is held as {name}")
        return self._held[name]

    def _relay(self, name: str, address: str, port: str) -> Answer:
        descriptor, target = self._find(name), (address, int(port))
        if name in self._relays:
            self._relays[name].retarget(target)
            return "ok", None
        held = socket.socket(fileno=descriptor)
        try:
            self._relays[name] = self._begin(held, target)
        except OSError:
            held.detach()
            raise
        return "ok", None

    def _begin(self, held: socket.socket, target: Target) -> Relay:
        if (held.type, held.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP):
            return StreamRelay(self._loop, self._pipes, held, target)
        if (held.type, held.proto) == (socket.SOCK_DGRAM, socket.IPPROTO_UDP):
            return DatagramRelay(self._loop, self._buffer, held, target)
        raise OSError(errno.EPROTONOSUPPORT, "only TCP and UDP can be relayed")

    def _drop(self, name: str) -> Answer:
        if name in self._relays:
            self._relays.pop(name).end()
        if name in self._held:
            # At once, not at the end of the turn: who is answered may bind to the port.
            os.close(self._held.pop(name))
        return "ok", None

    def _list(self, first: str) -> Answer:
        lines = ["ok"]
        for name in islice(self._held, int(first), int(first) + packets.PAGE):
            address, port = self._relays[name].target if name in self._relays else ("-", "-")
            lines.append(f"{name} {address} {port}")
        return "\n".join(lines), None

    def _retire(self) -> Answer:
        for relay in self._relays.values():
            relay.end(gently=True)
            if isinstance(relay, StreamRelay):
                self._ending.append(relay)
        self._relays.clear()
        for name in list(self._held):
            self._drop(name)
        return "ok", None


def main() -> None:
    """Become nobody's child, then hold and relay until there is nothing left to do."""
    if os.fork():
        os._exit(0)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Keeper(socket.socket(fileno=0), socket.socket(fileno=1), hard).run()
