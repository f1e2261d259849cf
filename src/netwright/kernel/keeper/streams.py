"""The relay of TCP: bytes go from socket to socket through a pipe inside the kernel (splice), never through Python."""

import errno
import fcntl
import os
import socket
import struct

from netwright.kernel.companion.loop import BOTH_ON_CHANGE, WRITABLE, Loop

BACKLOG = 4096
ACCEPTED_AT_ONCE = 64
"""Connections that one port may take in one turn before the others get theirs."""

SHARE = 1 << 20
"""Bytes that one direction of a connection may move in one turn, and the size of a pipe."""

IDLE_PIPES = 16
"""Empty pipes that are kept for the next who needs one."""

KEEPALIVE = 15
"""Seconds of silence after which the other end is asked whether it is still there, as docker-proxy does."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Target = tuple[str, int]


class Pipes:
    """The pipes that bytes pass through.

    A connection has one only while bytes are in it: a thousand silent connections need none, and those that move need
    few. That spares two descriptors a direction and lets the pipes be large.
    """

    def __init__(self) -> None:
        self._idle: list[tuple[int, int]] = []

    def borrow(self) -> tuple[int, int]:
        """Return the ends of an empty pipe, reading end first. Raises OSError."""
        if self._idle:
            return self._idle.pop()
        pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fcntl.fcntl(pipe[0], fcntl.F_SETPIPE_SZ, SHARE)
        except OSError:
            # More than an unprivileged user may have: one of the usual 64 KiB does the same in smaller steps.
            return pipe
        return pipe

    def give_back(self, pipe: tuple[int, int]) -> None:
        """Take an empty pipe back."""
        if len(self._idle) < IDLE_PIPES:
            self._idle.append(pipe)
        else:
            self.destroy(pipe)

    def destroy(self, pipe: tuple[int, int]) -> None:
        """Close a pipe, with what is in it."""
        os.close(pipe[0])
        os.close(pipe[1])


class Flow:
    """One direction of a connection. `done` says that its end has been passed on."""

    __slots__ = ("_left", "_pipe", "_pipes", "_source", "_target", "done")

    def __init__(self, pipes: Pipes, source: socket.socket, target: socket.socket) -> None:
        self._pipes, self._source, self._target = pipes, source, target
        self._pipe: tuple[int, int] | None = None
        self._left = 0
        self.done = False

    def step(self) -> bool:
        """Move one share, and tell whether there may be more to move at once. Raises OSError.

        A pipe is filled only when it is empty: so `would block` has one meaning, that the source has nothing.
        """
        if self.done:
            return False
        if self._pipe is None and not self._fill():
            return False
        return self._drain()

    def _fill(self) -> bool:
        pipe = self._pipes.borrow()
        try:
            self._left = os.splice(self._source.fileno(), pipe[1], SHARE, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            self._pipes.give_back(pipe)
            return False
        except OSError:
            self._pipes.destroy(pipe)
            raise
        if self._left == 0:
            self._pipes.give_back(pipe)
            self.done = True
            self._target.shutdown(socket.SHUT_WR)
            return False
        self._pipe = pipe
        return True

    def _drain(self) -> bool:
        assert self._pipe is not None
        while self._left:
            try:
                self._left -= os.splice(self._pipe[0], self._target.fileno(), self._left, flags=os.SPLICE_F_NONBLOCK)
            except BlockingIOError:
                return False
        self._pipes.give_back(self._pipe)
        self._pipe = None
        return True

    def close(self) -> None:
        """Let go of the pipe, with what is in it."""
        if self._pipe is not None:
            self._pipes.destroy(self._pipe)
            self._pipe = None


class Connection:
    """One connection that is relayed, from the moment when it was accepted."""

    __slots__ = ("_client", "_flows", "_relay", "_server")

    def __init__(self, relay: "StreamRelay", client: socket.socket, server: socket.socket) -> None:
        self._relay, self._client, self._server = relay, client, server
        self._flows: tuple[Flow, ...] = ()
        relay.loop.watch(server, self._connected, WRITABLE)

    def _connected(self, _: int) -> None:
        """Begin to carry, or give up where the container refuses."""
        if self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.reset()
            return
        pipes = self._relay.pipes
        self._flows = (Flow(pipes, self._client, self._server), Flow(pipes, self._server, self._client))
        self._relay.loop.watch(self._client, self._pump, BOTH_ON_CHANGE)
        self._relay.loop.watch(self._server, self._pump, BOTH_ON_CHANGE)

    def _pump(self, _: int) -> None:
        """Carry both ways. Close when both have ended; reset both ends when one has failed, for neither may take that
        for a regular end.
        """
        if not self._flows:
            return
        try:
            more = [flow.step() for flow in self._flows]
        except OSError:
            self.reset()
            return
        if all(flow.done for flow in self._flows):
            self._close()
        elif any(more):
            self._relay.loop.call_again(self._pump)

    def reset(self) -> None:
        """End both ends at once, as a host does that is reached where nobody listens."""
        for end in (self._client, self._server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._close()

    def _close(self) -> None:
        for flow in self._flows:
            flow.close()
        self._flows = ()
        self._relay.loop.close(self._client)
        self._relay.loop.close(self._server)
        self._relay.connections.pop(self, None)


class StreamRelay:
    """Relays the connections to one port. Raises OSError where the socket cannot listen."""

    def __init__(self, loop: Loop, pipes: Pipes, held: socket.socket, target: Target) -> None:
        self.loop, self.pipes = loop, pipes
        self.connections: dict[Connection, None] = {}
        self._held = held
        self._paused = False
        self.target = target
        held.setblocking(False)
        # Without it a socket cannot listen beside connections of its port that have not quite ended. While this one
        # listens nobody else can bind to the port, whatever they set.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Set here because connections inherit it: a system call a port instead of four a connection.
        _set_connection_options(held)
        held.listen(BACKLOG)
        loop.watch(held, self._accept)

    def retarget(self, target: Target) -> None:
        """Lead what comes from now on somewhere else; connections that stand keep their end."""
        self.target = target

    def tick(self, _: float) -> None:
        """Accept again after the machine was short of something."""
        if self._paused:
            self._paused = False
            self.loop.watch(self._held, self._accept)

    def end(self, *, gently: bool = False) -> None:
        """Accept no more and reset what stands, or (gently) let it end by itself. The held socket stays open."""
        self.loop.unwatch(self._held)
        self._held.detach()
        if not gently:
            for connection in list(self.connections):
                connection.reset()

    def _accept(self, _: int) -> None:
        for _again in range(ACCEPTED_AT_ONCE):
            try:
                client, _address = self._held.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # The machine is out of files or memory. The client waits in the queue, and we must not ask in a circle.
                self._paused = True
                self.loop.unwatch(self._held)
                return
            client.setblocking(False)
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        family = socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET
        try:
            server = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        except OSError:
            self._refuse(client)
            return
        if self.loop.is_crowded(server) or server.connect_ex(self.target) not in {0, errno.EINPROGRESS}:
            server.close()
            self._refuse(client)
            return
        _set_connection_options(server)
        self.connections[Connection(self, client, server)] = None

    def _refuse(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        client.close()


def _set_connection_options(end: socket.socket) -> None:
    """Pass every write on at once, and notice an end that has vanished."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE)
