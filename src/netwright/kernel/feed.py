"""What the kernel's news have in common, of whatever they tell: a netlink socket that the event loop reads."""

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from netwright.host.notices import Notice, NoticesMissed

_DATAGRAM = 1 << 16
_TURN = 64
"""How many datagrams are read before the event loop gets its turn again."""


class Feed(ABC):
    """Tells what happens in the engine's own network namespace, from its start to its end."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._tell: Callable[[Notice], None] = lambda _: None

    @abstractmethod
    def _open(self) -> socket.socket:
        """Return a socket that is a member of the groups that matter, and does not block."""

    @abstractmethod
    def _take(self, datagram: bytes, news: socket.socket) -> None:
        """Tell what a datagram tells."""

    def _miss(self) -> None:
        """Tell that the kernel had more to tell than the socket holds."""
        self._tell(NoticesMissed())

    def start(self, tell: Callable[[Notice], None]) -> None:
        """Have a function called with all that happens from now on, within the running event loop."""
        self._tell = tell
        self._socket = self._open()
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read, self._socket)

    def close(self) -> None:
        """Hear no more; content when repeated."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self, news: socket.socket) -> None:
        for _ in range(_TURN):
            try:
                datagram = news.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # The kernel says so once.
                self._miss()
                continue
            self._take(datagram, news)
