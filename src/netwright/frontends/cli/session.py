"""A session: this terminal or these pipes, joined to a process in a container.

One loop, no threads: output is written as it comes; input is read only while the process keeps up with it, so that
neither side can hold the other up for ever; signals arrive through a pipe and are carried out between two reads.
"""

import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import NamedTuple

from netwright.frontends.cli import keys, terminal
from netwright.frontends.cli.client import Upgraded
from netwright.frontends.cli.console import Console
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.multiplex import Demultiplexer, Frame

_PIECE = 32768
_FULL = 65536
"""How many bytes of input may wait for the process before no more is read."""

_KEPT = frozenset(
    {
        signal.SIGCHLD,
        signal.SIGPIPE,
        signal.SIGURG,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGWINCH,
        signal.SIGCONT,
        # faults of this program itself
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
        signal.SIGPROF,
        signal.SIGVTALRM,
        signal.SIGALRM,
    }
)
"""Signals that are not handed on to the process."""

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

_ENOUGH = 3
"""How many SIGINT or SIGTERM end the command line where the process heeds none of them (Docker's rule)."""


class Wishes(NamedTuple):
    """How a session is to be.

    `stdin` says whether input is sent, `tty` whether the process has a terminal. `resize` tells the engine the
    terminal's size, `proxy` hands a signal on by its name; None where the session does not do that.
    """

    stdin: bool
    tty: bool
    detach_keys: str = ""
    resize: Callable[[terminal.Size], None] | None = None
    proxy: Callable[[str], None] | None = None


def refuse_without_terminal(wishes: Wishes) -> None:
    """Refuse `-it` where stdin is no terminal, in Docker's words. Raises CommandFailed."""
    if wishes.stdin and wishes.tty and not os.isatty(sys.stdin.fileno()):
        raise CommandFailed("the input device is not a TTY")


def run(upgraded: Upgraded, wishes: Wishes, console: Console, begin: Callable[[], None] | None = None) -> bool:
    """Join both sides until the process has ended; return whether it was the user who left it by the detach keys.

    `begin` is called first, with signals and terminal in place: it starts the process where that is still to be done.
    """
    with upgraded.sock, _signals(wishes) as arrived:
        joint = _Joint(upgraded, wishes, console, keys.parse(wishes.detach_keys), arrived)
        if begin is not None:
            begin()
        if wishes.tty:
            joint.resize()
        with terminal.raw(sys.stdin.fileno()) if wishes.stdin and wishes.tty else nullcontext():
            joint.show(upgraded.early)
            return joint.loop()


class _Joint:
    """The loop and what it knows."""

    def __init__(
        self, upgraded: Upgraded, wishes: Wishes, console: Console, sequence: bytes, arrived: "_Arrived"
    ) -> None:
        self._sock = upgraded.sock
        self._wishes = wishes
        self._console = console
        self._arrived = arrived
        self._demultiplexer = None if wishes.tty else Demultiplexer()
        self._detacher = keys.Detacher(sequence) if wishes.tty else None
        self._stdin = sys.stdin.fileno() if wishes.stdin else None
        self._waiting = bytearray()
        self._interrupts = 0

    def loop(self) -> bool:
        """Carry bytes until the process ends (False) or the user leaves (True)."""
        self._sock.setblocking(False)
        if self._stdin is None:
            self._half_close()
        while True:
            readable, writable = self._ready()
            if self._arrived.reader in readable:
                self._handle_signals()
            if writable:
                self._send()
            if self._stdin is not None and self._stdin in readable:
                self._read_input()
                if self._detacher is not None and self._detacher.detached:
                    return True
            if self._sock.fileno() in readable and not self._receive():
                return False

    def show(self, data: bytes) -> None:
        """Write output where it belongs."""
        frames = [Frame(1, data)] if self._demultiplexer is None else self._demultiplexer.feed(data)
        for stream, piece in frames:
            if piece:
                self._console.write(stream, piece)

    def resize(self) -> None:
        """Tell the engine the terminal's size; a process that has just ended has no size to set."""
        size = terminal.size()
        if self._wishes.resize is not None and size is not None:
            with suppress(CommandFailed):
                self._wishes.resize(size)

    def _ready(self) -> tuple[list[int], bool]:
        reading = [self._sock.fileno(), self._arrived.reader]
        if self._stdin is not None and len(self._waiting) < _FULL:
            reading.append(self._stdin)
        writing = [self._sock.fileno()] if self._waiting else []
        readable, writable, _ = select.select(reading, writing, [])
        return readable, bool(writable)

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(_PIECE)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.show(data)
        return bool(data)

    def _read_input(self) -> None:
        if self._stdin is None:
            return
        try:
            typed = os.read(self._stdin, _PIECE)
        except OSError:
            typed = b""  # a terminal that has gone
        if not typed:
            self._stdin = None
            if not self._waiting:
                self._half_close()
            return
        self._waiting += typed if self._detacher is None else self._detacher.pass_on(typed)
        self._send()

    def _send(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._sock.send(self._waiting)]
        except BlockingIOError:
            return
        except ConnectionError:
            # The process reads no more input; its output may still come.
            self._waiting.clear()
            self._stdin = None
            return
        if self._stdin is None:
            self._half_close()

    def _half_close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _handle_signals(self) -> None:
        for number in self._arrived.take():
            if number == signal.SIGWINCH:
                self.resize()
            elif self._wishes.proxy is None:
                raise CommandFailed("", code=128 + number)
            else:
                self._hand_on(signal.Signals(number))

    def _hand_on(self, which: signal.Signals) -> None:
        if which in {signal.SIGINT, signal.SIGTERM}:
            self._interrupts += 1
            if self._interrupts >= _ENOUGH:
                raise CommandFailed(f"got {_ENOUGH} SIGTERM/SIGINTs, forcefully exiting", code=1)
        if self._wishes.proxy is not None:
            with suppress(CommandFailed):  # it has ended in the meantime
                self._wishes.proxy(which.name.removeprefix("SIG"))


class _Arrived:
    """Signals that have arrived, as bytes in a pipe whose `reader` end can be waited for."""

    def __init__(self, reader: int) -> None:
        self.reader = reader

    def take(self) -> bytes:
        try:
            return os.read(self.reader, 256)
        except BlockingIOError:
            return b""


@contextmanager
def _signals(wishes: Wishes) -> Iterator[_Arrived]:
    """Collect signals to hand on, and with a terminal its changes of size and what would end us with it still raw."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    wanted = {signal.SIGWINCH, *_ENDING} if wishes.tty else set()
    if wishes.proxy is not None:
        wanted |= {number for number in signal.valid_signals() if number not in _KEPT and number < signal.SIGRTMIN}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield _Arrived(reader)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)
