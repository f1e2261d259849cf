"""Tell the neighbours of an interface who has its addresses now.

Gratuitous ARP requests (RFC 5227) and unsolicited neighbour advertisements (RFC 4861, 7.2.6), raw frames from one
thread in the background: closing a packet socket makes its thread wait 12 ms for the whole kernel, which nobody who
attaches an endpoint should. The thread enters the namespace anew for each of them, so that no socket of ours keeps a
namespace alive.

The kernel's own announcement (arp_notify, ndisc_notify) is of no use here: it goes out while the interface comes up,
and the bridge drops it, because its port forwards only some milliseconds later.
"""

import heapq
import itertools
import logging
import os
import socket
import struct
import threading
import time

from msgspec import structs

from netwright.errors import OperationFailed
from netwright.host.ops import AnnounceAddress
from netwright.kernel import netns
from netwright.model.addressing import IPAddress, Mac

_ETH_P_ARP, _ETH_P_IPV6 = 0x0806, 0x86DD
_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
_OVERRIDE = 0x20000000

SETTLING = 0.05
"""Seconds that the first message waits for the bridge's port to forward."""

log = logging.getLogger(__name__)


def arp_frame(mac: Mac, address: bytes) -> bytes:
    """Return an ARP request in which sender and target are the same address."""
    header = _BROADCAST + mac.octets + struct.pack("!H", _ETH_P_ARP)
    return header + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac.octets, address, b"\0" * 6, address)


def advertisement_frame(mac: Mac, address: bytes) -> bytes:
    """Return an unsolicited neighbour advertisement to all nodes, with the override flag."""
    body = struct.pack("!BBHI16sBB6s", 136, 0, 0, _OVERRIDE, address, 2, 1, mac.octets)
    pseudo = address + _ALL_NODES + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    header = _ALL_NODES_MAC + mac.octets + struct.pack("!H", _ETH_P_IPV6)
    return header + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + address + _ALL_NODES + body


def _checksum(data: bytes) -> int:
    """Return the internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def frames(mac: Mac, addresses: tuple[IPAddress, ...]) -> list[bytes]:
    """Return the frames that announce addresses."""
    return [
        arp_frame(mac, address.packed) if address.version == 4 else advertisement_frame(mac, address.packed)
        for address in addresses
    ]


class Announcer:
    """Repeats announcements, from a thread that starts with the first of them."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, AnnounceAddress]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def announce(self, op: AnnounceAddress) -> None:
        """Plan the messages; the first is due as soon as it can arrive."""
        if op.count > 0:
            self._plan(op, SETTLING)

    def _plan(self, op: AnnounceAddress, seconds: float) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), op))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        home = netns.current()
        try:
            self._work(home)
        finally:
            os.close(home)

    def _work(self, home: int) -> None:
        while (op := self._next()) is not None:
            try:
                _send(op, home)
            except OperationFailed as failure:
                # The endpoint is gone, and nobody needs to hear of it any more.
                log.debug("no announcement: %s", failure)
                continue
            if op.count > 1:
                self._plan(structs.replace(op, count=op.count - 1), op.interval / 1000)

    def _next(self) -> AnnounceAddress | None:
        """Wait for the next announcement that is due; None at the end."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(self._due[0][0] - now if self._due else None)
        return None

    def close(self) -> None:
        """Drop what is planned and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()


def _send(op: AnnounceAddress, home: int) -> None:
    descriptor = netns.open_pinned(op.netns)
    try:
        with netns.visit(descriptor, home):
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    finally:
        os.close(descriptor)
    with sender:
        try:
            sender.bind((op.link, 0))
            for frame in frames(op.mac, op.addresses):
                sender.send(frame)
        except OSError as error:
            raise OperationFailed(f"announcing addresses on {op.link}: {error.strerror}", errno=error.errno) from error
