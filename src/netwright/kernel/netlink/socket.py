"""One netlink conversation: send messages, wait for the kernel's word on each.

This is the only place that reads and writes netlink sockets, so interrupted dumps, lost replies and the kernel's own
explanation of an error (extended acknowledgement) are each dealt with once.
"""

import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Self

from netwright.kernel.netlink.wire import (
    HEADER,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    acknowledge,
    as_text,
    attributes,
    messages,
    number_message,
)

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_NLMSGERR_ATTR_MSG = 1
_NLM_F_ACK_TLVS = 0x200
_ERROR = struct.Struct("=i")
_RECEIVE_BUFFER = 1 << 20
_DATAGRAM = 1 << 16
"""More than the kernel puts into one datagram: it fills a listing up to 32 KiB."""
_DUMP_PAUSES = (*[0.0] * 5, *[0.001 * 2**step for step in range(8)])
"""Seconds to wait after each reading of a listing that has changed meanwhile: some at once, then ever longer."""

WHOLE = -1
"""The place of a failure that is no single message's."""
_SO_SNDBUFFORCE = 32
_MSG_TRUNC = int(socket.MSG_TRUNC)
"""A plain number: an enumeration's `&` costs as much as the system call."""


class NetlinkError(OSError):
    """The kernel refused a message; `place` is its index in the batch, or WHOLE."""

    def __init__(self, number: int, words: str, place: int = 0) -> None:
        super().__init__(number, words or os.strerror(number))
        self.place = place


class NetlinkSocket:
    """A conversation with one subsystem in the network namespace in which it was opened."""

    def __init__(self, protocol: int = NETLINK_ROUTE, *, send_buffer: int = 0) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if send_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, send_buffer)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        if protocol == NETLINK_ROUTE:
            # Without it the kernel ignores what a listing is limited to, and lists everything.
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, for questions that are asked by ioctl."""
        return self._socket.fileno()

    def request(self, batch: Sequence[bytearray], *, content: Collection[int] = ()) -> None:
        """Send messages in one system call and wait until the kernel has worked through them.

        It goes on even after a failure. Raises NetlinkError for the first that it refused, except with an error number
        in `content`: those say that it is so already.
        """
        refused = [refusal for refusal in self.refusals(batch).values() if refusal.errno not in content]
        if refused:
            raise min(refused, key=lambda refusal: refusal.place)

    def refusals(self, batch: Sequence[bytearray]) -> dict[int, NetlinkError]:
        """Send messages in one system call and return what the kernel has refused, by its place in the batch."""
        places = self._numbered(batch)
        self._socket.send(b"".join(batch))
        return self._refused(places)

    def transact(self, begin: bytearray, batch: Sequence[bytearray], end: bytearray) -> None:
        """Send messages of nfnetlink as one transaction: all or none (nfnetlink_rcv_batch).

        Raises NetlinkError for the first that was refused, or with the place WHOLE where the transaction was.
        """
        opening = self._number(begin)
        places = self._numbered(batch)
        self._number(end)
        self._socket.send(b"".join((begin, *batch, end)))
        # What is refused as a whole is answered to the opening message alone, which else has no answer.
        refused = self._refused(places, opening)
        if refused:
            raise refused[min(refused)]

    def _numbered(self, batch: Sequence[bytearray]) -> dict[int, int]:
        """Give messages numbers and return their places; of those that go well the last alone is acknowledged.

        The kernel answers in order, and what it refuses it answers whether it was asked to or not.
        """
        for encoded in batch[:-1]:
            acknowledge(encoded, wanted=False)
        for encoded in batch[-1:]:
            acknowledge(encoded, wanted=True)
        return {self._number(encoded): place for place, encoded in enumerate(batch)}

    def _refused(self, places: dict[int, int], opening: int | None = None) -> dict[int, NetlinkError]:
        """Wait until the last message is answered, or all at once by the opening one; return the refusals by place."""
        refused: dict[int, NetlinkError] = {}
        last = next(reversed(places), None)
        answered = last is None
        while not answered:
            for kind, flags, sequence, body in self._receive():
                if kind != NLMSG_ERROR or (sequence not in places and sequence != opening):
                    continue
                place = places.get(sequence, WHOLE)
                if (refusal := _refusal(flags, body, place)) is not None:
                    refused[place] = refusal
                answered = answered or sequence == last or place == WHOLE
        return refused

    def get(self, encoded: bytearray) -> bytes:
        """Ask for one thing and return its body. Raises NetlinkError where there is none."""
        wanted = self._number(encoded)
        self._socket.send(encoded)
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != wanted:
                    continue
                if kind == NLMSG_ERROR and (refusal := _refusal(flags, body)) is not None:
                    raise refusal
                return body

    def dump(self, encoded: bytearray) -> list[tuple[int, bytes]]:
        """Ask for a listing and return (type, body) of its entries.

        A listing that changed while it was read is read again. Raises NetlinkError.
        """
        for pause in _DUMP_PAUSES:
            entries, interrupted = self._dump_once(encoded)
            if not interrupted:
                return entries
            time.sleep(pause)
        raise NetlinkError(errno.EINTR, "the listing kept changing while it was read")

    def _dump_once(self, encoded: bytearray) -> tuple[list[tuple[int, bytes]], bool]:
        wanted = self._number(encoded)
        self._socket.send(encoded)
        entries: list[tuple[int, bytes]] = []
        interrupted = False
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != wanted:
                    continue
                interrupted |= bool(flags & NLM_F_DUMP_INTR)
                if kind in {NLMSG_DONE, NLMSG_ERROR}:
                    if len(body) >= _ERROR.size and (refusal := _refusal(flags, body, header=kind == NLMSG_ERROR)):
                        raise refusal
                    return entries, interrupted
                entries.append((kind, body))

    def _number(self, encoded: bytearray) -> int:
        """Give a message the next sequence number and return it; a late answer to an earlier one is told by it."""
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        number_message(encoded, self._sequence)
        return self._sequence

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Wait for a datagram and return its messages: (type, flags, sequence, body) of each."""
        buffer = _buffer()
        length, _, flags, _ = self._socket.recvmsg_into([buffer])
        if flags & _MSG_TRUNC:
            raise NetlinkError(errno.EMSGSIZE, f"the kernel answered with more than {_DATAGRAM} bytes")
        return messages(bytes(memoryview(buffer)[:length]))


def _buffer() -> bytearray:
    """Return the room for a datagram that a thread has: a conversation in a namespace may be of one message."""
    try:
        return _room.buffer
    except AttributeError:
        buffer = _room.buffer = bytearray(_DATAGRAM)
        return buffer


class _Room(threading.local):
    buffer: bytearray


_room = _Room()


def _refusal(flags: int, body: bytes, place: int = 0, *, header: bool = True) -> NetlinkError | None:
    """Return the error that an answer carries, or None where it carries none.

    `header` says whether the header of the refused message stands between the number and the kernel's words, as it does
    in an acknowledgement and not at the end of a listing.
    """
    code = -int(_ERROR.unpack_from(body)[0])
    if code == 0:
        return None
    said = b""
    if flags & _NLM_F_ACK_TLVS:
        # With NETLINK_CAP_ACK no more than the header of the refused message is sent back.
        said = attributes(body, _ERROR.size + (HEADER.size if header else 0)).get(_NLMSGERR_ATTR_MSG, b"")
    return NetlinkError(code, as_text(said), place)
