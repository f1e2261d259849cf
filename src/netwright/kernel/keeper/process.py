"""The keeper's process: what is held, and who may ask."""

import errno
import os
import resource
import socket
import time
from collections.abc import Callable
from itertools import islice

from netwright.kernel.companion.conversation import Answer, Conversation
from netwright.kernel.companion.loop import Loop
from netwright.kernel.keeper import packets
from netwright.kernel.keeper.datagrams import DatagramRelay, buffer
from netwright.kernel.keeper.streams import Pipes, StreamRelay, Target

TICK = 10.0
"""Seconds between two looks for what has grown old."""

Relay = StreamRelay | DatagramRelay


class Keeper:
    """Serves one engine at a time; holds and relays whether there is one or not."""

    def __init__(self, listener: socket.socket, engine: socket.socket, limit: int) -> None:
        self._loop = Loop(limit)
        self._limit = limit
        self._pipes = Pipes()
        self._buffer = buffer()
        self._held: dict[str, int] = {}
        self._relays: dict[str, Relay] = {}
        self._ending: list[StreamRelay] = []
        """Relays that accept no more and have connections that have not ended."""
        self._each: dict[str, Callable[..., None]] = {"relay": self._relay, "drop": self._drop}
        """What is done for each line of a request."""
        self._verbs: dict[str, Callable[..., Answer]] = {
            "get": self._get,
            "list": self._list,
            "retire": self._retire,
        }
        self._conversation = Conversation(self._loop, listener, engine, packets.VERSION, self._answer)

    def run(self) -> None:
        """Serve until nothing is held, nothing is relayed and nobody is connected who could change that."""
        due = 0.0
        while self._conversation.has_engine or self._held or self._ending:
            self._loop.turn(TICK)
            now = time.monotonic()
            if now >= due:
                due = now + TICK
                for relay in self._relays.values():
                    relay.tick(now)
            if self._ending:
                self._ending = [relay for relay in self._ending if relay.connections]

    def _answer(self, words: list[str], body: str, descriptors: list[int]) -> Answer:
        """Do what a request says. Raises OSError where the machine refuses, else what wrong words lead to."""
        verb, *arguments = words
        lines = body.split("\n") if body else []
        if verb == "put":
            self._put(lines, descriptors)
        elif verb in self._each:
            for line in lines:
                self._each[verb](*line.split(" "))
        elif verb in self._verbs:
            return self._verbs[verb](*arguments)
        else:
            raise OSError(errno.ENOSYS, f"unknown verb {verb!r}")
        return "ok", ()

    def _put(self, names: list[str], descriptors: list[int]) -> None:
        if len(descriptors) < len(names):
            # The kernel leaves descriptors out where the receiver has no numbers for them.
            raise OSError(
                errno.EMFILE, f"the keeper has no room: it may have {self._limit} descriptors open (ulimit -n)"
            )
        for name in names:
            self._drop(name)
            self._held[name] = descriptors.pop(0)

    def _get(self, name: str) -> Answer:
        return "ok", [self._find(name)]

    def _find(self, name: str) -> int:
        if name not in self._held:
            raise OSError(errno.ENOENT, f"nothing is held as {name}")
        return self._held[name]

    def _relay(self, name: str, address: str, port: str) -> None:
        descriptor, target = self._find(name), (address, int(port))
        if name in self._relays:
            self._relays[name].retarget(target)
            return
        held = socket.socket(fileno=descriptor)
        try:
            self._relays[name] = self._begin(held, target)
        except OSError:
            held.detach()
            raise

    def _begin(self, held: socket.socket, target: Target) -> Relay:
        if (held.type, held.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP):
            return StreamRelay(self._loop, self._pipes, held, target)
        if (held.type, held.proto) == (socket.SOCK_DGRAM, socket.IPPROTO_UDP):
            return DatagramRelay(self._loop, self._buffer, held, target)
        raise OSError(errno.EPROTONOSUPPORT, "only TCP and UDP can be relayed")

    def _drop(self, name: str) -> None:
        if name in self._relays:
            self._relays.pop(name).end()
        if name in self._held:
            # At once, not at the end of the turn: who is answered may bind to the port.
            os.close(self._held.pop(name))

    def _list(self, first: str) -> Answer:
        lines = ["ok"]
        for name in islice(self._held, int(first), int(first) + packets.PAGE):
            address, port = self._relays[name].target if name in self._relays else ("-", "-")
            lines.append(f"{name} {address} {port}")
        return "\n".join(lines), ()

    def _retire(self) -> Answer:
        for relay in self._relays.values():
            relay.end(gently=True)
            if isinstance(relay, StreamRelay):
                self._ending.append(relay)
        self._relays.clear()
        for name in list(self._held):
            self._drop(name)
        return "ok", ()


def main() -> None:
    """Become nobody's child, then hold and relay until there is nothing left to do."""
    if os.fork():
        os._exit(0)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Keeper(socket.socket(fileno=0), socket.socket(fileno=1), hard).run()
