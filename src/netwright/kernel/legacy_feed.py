"""News of iptables where it stands on the kernel's old tables (iptables-legacy), of which no message is ever sent.

They are asked how many rules they have and where their chains begin, a system call each, a few times a second; on
machines whose iptables stands on nftables nothing is asked. A rule in the place of another of the same size is not
seen: whoever hears of this looks at everything once a minute anyway.
"""

import asyncio
import ctypes
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from netwright.host.notices import Notice, Place, RulesChanged

_libc = ctypes.CDLL(None, use_errno=True)

INTERVAL = 0.4
"""Seconds between two looks: what is undone is put back within a second."""

_GET_INFO = 64
"""IPT_SO_GET_INFO and IP6T_SO_GET_INFO (linux/netfilter_ipv4/ip_tables.h)."""
_NAME, _INFO = 32, 84
"""The lengths of a table's name, and of struct ipt_getinfo that begins with it."""
_FAMILIES = (
    ("ip", socket.AF_INET, socket.IPPROTO_IP, "/proc/net/ip_tables_names"),
    ("ip6", socket.AF_INET6, socket.IPPROTO_IPV6, "/proc/net/ip6_tables_names"),
)


def stands_on_old_tables() -> bool:
    """Tell whether the iptables that is called here is iptables-legacy."""
    program = shutil.which("iptables-restore")
    return program is not None and Path(os.path.realpath(program)).name == "xtables-legacy-multi"


class LegacyFeed:
    """Tells when a table of iptables-legacy is another than at the last look, in the engine's own network namespace.

    Whoever has changed it: our own programs are told of, too.
    """

    def __init__(self, *, used: Callable[[], bool] = stands_on_old_tables) -> None:
        self._used = used
        self._tell: Callable[[Notice], None] = lambda _: None
        self._sockets: dict[str, socket.socket] = {}
        self._known: Mapping[str, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, tell: Callable[[Notice], None]) -> None:
        """Have a function called with all that happens from now on, within the running event loop."""
        if not self._used():
            return
        self._tell = tell
        for family, kind, _, _ in _FAMILIES:
            self._sockets[family] = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
        self._known = self._look()
        self._again()

    def close(self) -> None:
        """Look no more; content when repeated."""
        if self._timer is not None:
            self._timer.cancel()
        for one in self._sockets.values():
            one.close()
        self._sockets.clear()

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._compare)

    def _compare(self) -> None:
        before, self._known = self._known, self._look()
        places = {
            Place(table, lost=True) for table in (*before, *self._known) if before.get(table) != self._known.get(table)
        }
        if places:
            self._tell(RulesChanged(frozenset(places)))
        self._again()

    def _look(self) -> dict[str, bytes]:
        """Return what the tables that there are say of themselves; asking for another would make it."""
        found = {}
        for family, _, level, names in _FAMILIES:
            for name in _lines(names):
                asked = name.encode().ljust(_INFO, b"\0")
                found[f"{family} {name}"] = _answer(self._sockets[family], level, asked)[_NAME:]
        return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def _answer(to: socket.socket, level: int, asked: bytes) -> bytes:
    """Return what getsockopt(2) answers to a question that is asked in its buffer, as Python's own cannot."""
    room, length = ctypes.create_string_buffer(asked, _INFO), ctypes.c_uint32(_INFO)
    if _libc.getsockopt(to.fileno(), level, _GET_INFO, room, ctypes.byref(length)) != 0:
        # The table has gone since its name was read: that is a change as well.
        return b""
    return room.raw
