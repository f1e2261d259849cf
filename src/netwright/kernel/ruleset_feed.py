"""The kernel's own news of nftables, and so of iptables: which tables somebody else has changed.

A socket in the group of nf_tables is told of every object that comes or goes, and at the end of each transaction of its
generation (linux/netfilter/nf_tables.h). What we change ourselves is told too. It is known by its sender, which is the
port of one of our own sockets; a filter in the kernel then keeps the rest of what that socket sends away. Programs that
we start (iptables-restore) are known by the process that the generation names.
"""

import os
import socket
from collections.abc import Iterator

from netwright.host.notices import Place, RulesChanged
from netwright.kernel.feed import Feed
from netwright.kernel.filter import DROP, JUMP_IF_EQUAL, KEEP, LOAD_WORD, Instruction, attach
from netwright.kernel.netlink.wire import HEADER, as_text, attributes
from netwright.kernel.own_processes import OwnProcesses

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP = 270, 1
_SO_RCVBUFFORCE = 33
_NFNLGRP_NFTABLES = 7
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _DELCHAIN, _NEWGEN = 0, 2, 3, 5, 15
_DELETIONS = frozenset((_DELTABLE, _DELCHAIN, 8, 11, 14, 20, 24))
"""Of tables, chains, rules, sets, elements, objects and flow tables."""
_TABLE_NAME = 1
"""The attribute with the table's name has the same number in the messages of every kind of object."""
_CHAIN_NAME, _OTHER_NAME = 3, 2
"""Where a message names its chain, set or map (of a chain itself: what is numbered 2 is its handle)."""
_GENERATION_PROCESS = 2
_NFGENMSG = 4
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

_SENDER = 12
"""The offset of the sender's port in struct nlmsghdr."""
BUFFER = 8 << 20
"""Bytes that may wait: a rebuilt table of 20,000 elements overflows the usual buffer in one go."""


class RulesetFeed(Feed):
    """Tells when somebody else changes nftables or iptables in the engine's own network namespace."""

    def __init__(self, own: OwnProcesses, *, buffer: int = BUFFER) -> None:
        super().__init__()
        self._own_processes = own
        self._buffer = buffer
        self._own_ports: frozenset[int] = frozenset()
        self._touched: set[Place] = set()

    def _open(self) -> socket.socket:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        news = socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
        news.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, self._buffer)
        news.bind((0, 0))
        news.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
        return news

    def _miss(self) -> None:
        # The end of a transaction that was told in part may be among what is lost.
        self._touched.clear()
        super()._miss()

    def _take(self, datagram: bytes, news: socket.socket) -> None:
        for kind, sender, body in _messages(datagram):
            if self._is_own(sender, news):
                continue
            found = attributes(body, _NFGENMSG)
            if kind == _NEWGEN:
                self._end(int.from_bytes(found.get(_GENERATION_PROCESS, b""), "big"))
            elif _TABLE_NAME in found:
                self._touched.add(_place(kind, body[0], found))

    def _end(self, process: int) -> None:
        """Tell of a transaction that is over, unless a program of ours made it."""
        touched, self._touched = frozenset(self._touched), set()
        if touched and process not in self._own_processes:
            self._tell(RulesChanged(touched))

    def _is_own(self, sender: int, news: socket.socket) -> bool:
        if sender in self._own_ports:
            return True
        # A port is bound when its socket first sends, so a new one of ours is met here first.
        known = frozenset(_own_ports())
        if sender not in known:
            return False
        self._own_ports = known
        attach(news, _without(known))
        return True


def _messages(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (kind, sender, body) of each message about nftables."""
    offset = 0
    while offset + HEADER.size <= len(datagram):
        length, kind, _, _, sender = HEADER.unpack_from(datagram, offset)
        if length < HEADER.size:
            return
        if kind >> 8 == _SUBSYSTEM:
            yield kind & 0xFF, sender, datagram[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _place(kind: int, family: int, found: dict[int, bytes]) -> Place:
    table = f"{_FAMILIES.get(family, family)} {as_text(found[_TABLE_NAME])}"
    lost = kind in _DELETIONS
    if kind in {_NEWTABLE, _DELTABLE}:
        return Place(table, lost=lost)
    name = found.get(_CHAIN_NAME if kind in {_NEWCHAIN, _DELCHAIN} else _OTHER_NAME, b"")
    return Place(table, as_text(name), lost=lost)


def _own_ports() -> Iterator[int]:
    """Yield the ports of this process's netfilter sockets: libnftables tells nobody which ones it has opened."""
    for entry in os.scandir("/proc/self/fd"):
        try:
            copy = os.dup(int(entry.name))
        except OSError:
            continue  # the descriptor of this very scan, or one that was closed meanwhile
        try:
            one = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            continue
        with one:
            if one.family == socket.AF_NETLINK and one.proto == _NETLINK_NETFILTER:
                port: int = one.getsockname()[0]
                if port:  # one that has not sent yet has none
                    yield port


def _without(senders: frozenset[int]) -> list[Instruction]:
    """Return a filter that drops what these senders have done; a datagram never mixes senders."""
    count = len(senders)
    tests = [
        Instruction(JUMP_IF_EQUAL, socket.htonl(sender), yes=count - place) for place, sender in enumerate(senders)
    ]
    return [Instruction(LOAD_WORD, _SENDER), *tests, KEEP, DROP]
