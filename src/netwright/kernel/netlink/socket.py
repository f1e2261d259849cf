"""One netlink conversation: send messages, wait for the kernel's word on each.

This is the only place that reads and writes netlink sockets, so interrupted dumps, lost replies and the kernel's own
explanation of an error (extended acknowledgement) are each dealt with once.
"""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from netwright.kernel.netlink.wire import (
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
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
_NLMSGERR_ATTR_MSG = 1
_NLM_F_ACK_TLVS = 0x200
_RECEIVE_BUFFER = 1 << 20
_DATAGRAM = 1 << 17
_DUMP_TRIES = 10


class NetlinkError(OSError):
    """The kernel refused a message; `place` is its index in the batch."""

    def __init__(self, number: int, words: str, place: int) -> None:
        super().__init__(number, words or os.strerror(number))
        self.place = place


class NetlinkSocket:
    """A conversation with one subsystem in the network namespace in which it was opened."""

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
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

    def request(self, batch: Sequence[bytearray]) -> None:
        """Send messages in one system call and await the kernel's acknowledgement of each.

        The kernel works through the batch even after a failure. Raises NetlinkError for the first that it refused.
        """
        waiting = {}
        for place, encoded in enumerate(batch):
            self._sequence = (self._sequence + 1) & 0x7FFFFFFF
            number_message(encoded, self._sequence)
            waiting[self._sequence] = place
        self._socket.send(b"".join(batch))
        failure: NetlinkError | None = None
        while waiting:
            for kind, flags, sequence, body in messages(self._socket.recv(_DATAGRAM)):
                if kind != NLMSG_ERROR or sequence not in waiting:
                    continue
                place = waiting.pop(sequence)
                code = -int(struct.unpack_from("=i", body)[0])
                if code and (failure is None or place < failure.place):
                    failure = NetlinkError(code, _kernel_words(flags, body), place)
        if failure is not None:
            raise failure

    def get(self, encoded: bytearray) -> bytes:
        """Ask for one thing and return its body. Raises NetlinkError where there is none."""
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        number_message(encoded, self._sequence)
        self._socket.send(encoded)
        while True:
            for kind, flags, sequence, body in messages(self._socket.recv(_DATAGRAM)):
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_ERROR:
                    raise NetlinkError(-int(struct.unpack_from("=i", body)[0]), _kernel_words(flags, body), 0)
                return body

    def dump(self, kind_and_body: bytearray) -> list[tuple[int, bytes]]:
        """Ask for a listing and return (type, body) of its entries.

        A listing that changed while it was read is read again. Raises NetlinkError.
        """
        for _ in range(_DUMP_TRIES):
            entries, interrupted = self._dump_once(kind_and_body)
            if not interrupted:
                return entries
        raise NetlinkError(errno.EINTR, "the listing kept changing while it was read", 0)

    def _dump_once(self, encoded: bytearray) -> tuple[list[tuple[int, bytes]], bool]:
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        number_message(encoded, self._sequence)
        self._socket.send(encoded)
        entries: list[tuple[int, bytes]] = []
        interrupted = False
        while True:
            for kind, flags, sequence, body in messages(self._socket.recv(_DATAGRAM)):
                if sequence != self._sequence:
                    continue
                interrupted |= bool(flags & NLM_F_DUMP_INTR)
                if kind == NLMSG_DONE:
                    return entries, interrupted
                if kind == NLMSG_ERROR:
                    code = -int(struct.unpack_from("=i", body)[0])
                    if code == 0:
                        return entries, interrupted
                    raise NetlinkError(code, _kernel_words(flags, body), 0)
                entries.append((kind, body))


def _kernel_words(flags: int, body: bytes) -> str:
    """Return what the kernel says about an error in its extended acknowledgement, or an empty text."""
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    # With NETLINK_CAP_ACK the offending message is cut to its header: 4 bytes of error and 16 of header come before.
    said = attributes(body, 20).get(_NLMSGERR_ATTR_MSG)
    return as_text(said) if said else ""
