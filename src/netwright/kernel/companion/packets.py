"""What engine and companion say to each other: one packet asks, one packet answers.

A packet is text; descriptors may ride along. The first line of a request is words, a verb and its arguments; more lines
may follow. An answer begins with `ok`, or is `error` with an error number and a sentence.

    hello VERSION                    ok VERSION PID      first of all; from now on this connection is the engine's

There is one writer: a connection that says hello takes the place of the one before, which is told so and closed. All
other verbs are a companion's own.
"""

import socket
from collections.abc import Sequence

PACKET = 1 << 16
ATTACHED = 250
"""How many descriptors may ride along with one packet; the kernel's limit is 253 (SCM_MAX_FD)."""

SUPERSEDED = "superseded"
"""What a companion says to an engine whose place another has taken, before it hangs up."""


def send(to: socket.socket, text: str, descriptors: Sequence[int] = ()) -> None:
    """Send one packet. Raises OSError."""
    socket.send_fds(to, [text.encode()], list(descriptors))


def receive(source: socket.socket) -> tuple[str, list[int]]:
    """Receive one packet and the descriptors that came with it, which are the caller's to close.

    The text is empty where the other end has hung up. Raises OSError, and UnicodeDecodeError for what is no text.
    """
    data, descriptors, _, _ = socket.recv_fds(source, PACKET, ATTACHED, socket.MSG_CMSG_CLOEXEC)
    return data.decode(), descriptors
