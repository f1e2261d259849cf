"""The relay of UDP: each sender gets a socket of its own towards the container, so that answers find their way back."""

import contextlib
import socket
import time

from netwright.kernel.companion.loop import Loop
from netwright.kernel.keeper.streams import Target

IDLE = 90.0
"""Seconds of silence both ways after which a sender is forgotten, as long as docker-proxy remembers one."""

SENDERS = 4096
"""Senders that one port is relayed for at once; the one that was silent longest gives way."""

RECEIVED_AT_ONCE = 64
"""Datagrams that one socket may have carried in one turn before the others get theirs."""

_DATAGRAM = 1 << 16
_ANCILLARY = socket.CMSG_SPACE(20)
_DETACH_FILTER = 27
_IP_PKTINFO = 8
_IPV6_RECVPKTINFO = 49
_IPV6_PKTINFO = 50

Control = tuple[int, int, bytes]


Address = tuple[str, int] | tuple[str, int, int, int]
Key = tuple[Address, tuple[Control, ...]]
"""Whom answers go to, and what makes them leave from the address that was asked."""


class Sender:
    """Somebody who sends to a relayed port: the socket that speaks for him, and when the last word was said."""

    __slots__ = ("last", "server")

    def __init__(self, server: socket.socket) -> None:
        self.server = server
        self.last = 0.0

    def send(self, data: memoryview) -> None:
        """Send a datagram to the container; what it does not take is lost, as datagrams are."""
        try:
            self.server.send(data)
        except ConnectionRefusedError:
            # The kernel's word on an earlier datagram, said instead of sending this one: somebody may listen by now.
            with contextlib.suppress(OSError):
                self.server.send(data)
        except OSError:
            return


class DatagramRelay:
    """Relays the datagrams to one port."""

    def __init__(self, loop: Loop, buffer: memoryview, held: socket.socket, target: Target) -> None:
        self._loop, self._buffer, self._held = loop, buffer, held
        self.target = target
        self._senders: dict[Key, Sender] = {}
        """In the order of their last word."""
        held.setblocking(False)
        if held.family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            held.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        with contextlib.suppress(FileNotFoundError):
            # What kept a port that is only held from queueing datagrams for whoever is relayed to later.
            held.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
        loop.watch(held, self._receive)

    def retarget(self, target: Target) -> None:
        """Lead everything somewhere else from now on, that of known senders too."""
        self.target = target
        self._forget_all()

    def tick(self, now: float) -> None:
        """Forget who has been silent for long; costs what is forgotten."""
        while self._senders and now - next(iter(self._senders.values())).last > IDLE:
            self._forget_oldest()

    def end(self, *, gently: bool = False) -> None:  # noqa: ARG002 - datagrams have no end to wait for
        """Relay no more. The held socket stays open."""
        self._loop.unwatch(self._held)
        self._held.detach()
        self._forget_all()

    def _receive(self, _: int) -> None:
        for _again in range(RECEIVED_AT_ONCE):
            try:
                count, ancillary, _flags, address = self._held.recvmsg_into([self._buffer], _ANCILLARY)
            except OSError:
                return
            sender = self._sender((address, _reply_from(ancillary)))
            if sender is not None:
                sender.send(self._buffer[:count])

    def _sender(self, key: Key) -> Sender | None:
        """Return what is known of a sender, or make it known; None where there is no room."""
        sender = self._senders.pop(key, None)
        if sender is None:
            if len(self._senders) >= SENDERS:
                self._forget_oldest()
            server = self._open()
            if server is None:
                return None
            sender = Sender(server)
            self._loop.watch(server, lambda _: self._answer(key))
        self._touch(key, sender)
        return sender

    def _touch(self, key: Key, sender: Sender) -> None:
        """Note a word: the latest stands last."""
        sender.last = time.monotonic()
        self._senders.pop(key, None)
        self._senders[key] = sender

    def _open(self) -> socket.socket | None:
        """Return a socket to the container. Where descriptors run short, an old sender of this very port gives way."""
        family = socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET
        try:
            server = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        except OSError:
            return None
        if self._loop.is_crowded(server):
            server.close()
            if self._senders:
                self._forget_oldest()
            return None
        try:
            server.connect(self.target)
        except OSError:
            server.close()
            return None
        return server

    def _answer(self, key: Key) -> None:
        """Carry answers back."""
        address, reply_from = key
        sender = self._senders.get(key)
        if sender is None:
            return
        for _again in range(RECEIVED_AT_ONCE):
            try:
                count = sender.server.recv_into(self._buffer)
            except OSError:
                # Nothing more, or the container said that nobody listens there, which cannot be passed on.
                break
            with contextlib.suppress(OSError):
                self._held.sendmsg([self._buffer[:count]], reply_from, 0, address)
        self._touch(key, sender)

    def _forget_oldest(self) -> None:
        sender = self._senders.pop(next(iter(self._senders)))
        self._loop.close(sender.server)

    def _forget_all(self) -> None:
        while self._senders:
            self._forget_oldest()


def buffer() -> memoryview:
    """Return room for one datagram, for all relays of one thread."""
    return memoryview(bytearray(_DATAGRAM))


def _reply_from(ancillary: list[Control]) -> tuple[Control, ...]:
    """Return what makes an answer leave from the address that was asked, for a socket that is bound to any.

    The interface is left to routing (an answer need not go back the way that the question came), except for link-local
    addresses, which mean nothing without one.
    """
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            return ((level, kind, bytes(4) + data[4:8] + bytes(4)),)
        if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            local = data[0] == 0xFE and data[1] & 0xC0 == 0x80
            return ((level, kind, data if local else data[:16] + bytes(4)),)
    return ()
