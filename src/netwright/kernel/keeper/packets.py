"""What engine and keeper say to each other: one packet asks, one packet answers.

A packet is text. The first line is words: a request's verb and arguments, or `ok` with what was asked for, or `error`
with an error number and a sentence. A descriptor may ride along.

    hello VERSION                    ok VERSION PID      first of all; from now on this connection is the engine's
    put NAME + descriptor            ok                  hold it, in place of what has that name
    get NAME                         ok + descriptor     a copy, to hand over
    relay NAME ADDRESS PORT          ok                  carry what arrives at a held socket there
    drop NAME                        ok                  close it, end its relay and its connections; content if absent
    list FROM                        ok, then lines      `NAME ADDRESS PORT`, or `NAME - -` where nothing is relayed
    retire                           ok                  close all, with relayed connections left to end by themselves

There is one writer: a connection that says hello takes the place of the one before, which is told so and closed.
`hello`, `list`, `get` and `retire` stay as they are in every version: with them an engine takes over from an older
keeper.
"""

import socket

VERSION = 1
"""Rises with every change of what the keeper says or does, so that an engine replaces a keeper that lacks it."""

PACKET = 1 << 16
PAGE = 256
"""How many held descriptors one answer lists."""

SUPERSEDED = "superseded"
"""What a keeper says to an engine whose place another has taken, before it hangs up."""


def send(to: socket.socket, text: str, descriptor: int | None = None) -> None:
    """Send one packet. Raises OSError."""
    socket.send_fds(to, [text.encode()], [] if descriptor is None else [descriptor])


def receive(source: socket.socket) -> tuple[str, int | None]:
    """Receive one packet and the descriptor that came with it, which is the caller's to close.

    The text is empty where the other end has hung up. Raises OSError.
    """
    data, descriptors, _, _ = socket.recv_fds(source, PACKET, 1, socket.MSG_CMSG_CLOEXEC)
    return data.decode(), descriptors[0] if descriptors else None
