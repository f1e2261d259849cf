"""One thread's events: descriptors and what to call when something happens to them."""

import select
import socket
from collections.abc import Callable

Handler = Callable[[int], None]
"""Takes the events of epoll, or 0 where it has asked to be called again. May be called without cause."""

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT
BOTH_ON_CHANGE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
"""Both directions, reported once when something becomes possible: for handlers that go on until it no longer is."""

SPARE = 64
"""Descriptors that relayed traffic leaves free, so that the engine can always have something held."""


class Loop:
    """Waits for events and calls handlers.

    `limit` is the process's limit of open descriptors. Sockets are closed at the end of a turn: an event of this turn
    can then never be taken for one of another socket that was given the same number.
    """

    def __init__(self, limit: int) -> None:
        self._poll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._again: dict[Handler, None] = {}
        self._closing: list[socket.socket] = []
        self._ceiling = limit - SPARE

    def watch(self, source: socket.socket, handler: Handler, events: int = READABLE) -> None:
        """Call a handler when something happens to a socket, in place of the one before."""
        descriptor = source.fileno()
        if descriptor in self._handlers:
            self._poll.modify(descriptor, events)
        else:
            self._poll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def unwatch(self, source: socket.socket) -> None:
        """Call nobody any more for a socket; content where nobody was called."""
        if self._handlers.pop(source.fileno(), None) is not None:
            self._poll.unregister(source.fileno())

    def close(self, source: socket.socket) -> None:
        """Close a socket at the end of this turn."""
        self.unwatch(source)
        self._closing.append(source)

    def call_again(self, handler: Handler) -> None:
        """Call a handler in the next turn, after those that have waited for an event: its share for now is used."""
        self._again[handler] = None

    def is_crowded(self, source: socket.socket) -> bool:
        """Tell whether there is no room for this new socket: the kernel numbers from below, so a high one is late."""
        return source.fileno() >= self._ceiling

    def turn(self, seconds: float) -> None:
        """Wait for events up to some time and handle them."""
        events = self._poll.poll(0 if self._again else seconds)
        unfinished, self._again = self._again, {}
        for descriptor, happened in events:
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler(happened)
        for handler in unfinished:
            handler(0)
        for source in self._closing:
            source.close()
        self._closing.clear()
