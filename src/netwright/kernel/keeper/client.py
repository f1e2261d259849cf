"""The engine's end of the keeper: starting one, finding one that runs, asking it."""

import contextlib
import errno
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from netwright.errors import OperationFailed
from netwright.kernel.keeper import packets

SECONDS = 10.0
"""How long a keeper may take to answer. It answers in microseconds."""

SOCKET = "keeper.sock"
LOG = "keeper.log"
"""What a keeper that fails says, beside its socket."""

Target = tuple[str, int]


class KeeperGone(ConnectionError):
    """There is no keeper, or it ended; what it held is free again when this is raised."""


class Superseded(OperationFailed):
    """Another engine speaks to the keeper now."""


class KeeperClient:
    """A connection to a keeper, as its engine. Not for several threads at once.

    Every request raises KeeperGone where the keeper has ended, Superseded where another engine has taken over, and
    OperationFailed with the kernel's number where the keeper refuses.
    """

    def __init__(self, connection: socket.socket, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self._pidfd = -1
        self._superseded = False
        connection.settimeout(SECONDS)
        words = self._ask(f"hello {packets.VERSION}")[0].split(" ")
        self.version = int(words[1])
        self.pid = int(words[2])
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise KeeperGone(errno.ESRCH, "the keeper ended at once") from None

    @classmethod
    def find(cls, directory: Path) -> Self | None:
        """Return a connection to the keeper that runs, or None where none does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            connection.connect(str(directory / SOCKET))
            return cls(connection, directory)
        except (FileNotFoundError, ConnectionError):
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start a keeper and return a connection to it. Raises OperationFailed."""
        path = directory / SOCKET
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            # It listens before its process is there: nobody ever has to wait for a keeper to come up.
            with its, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(str(path))
                path.chmod(0o600)
                listener.listen()
                _spawn(listener, its, directory)
            return cls(ours, directory)
        except (OSError, subprocess.TimeoutExpired) as error:
            ours.close()
            raise OperationFailed(f"no keeper can be started at {path}: {error}{_said(directory)}") from error
        except BaseException:
            ours.close()
            raise

    def put(self, name: str, descriptor: int) -> None:
        """Have a descriptor held under a name, in place of what has it."""
        self._ask(f"put {name}", descriptor)

    def get(self, name: str) -> int:
        """Return a copy of what is held under a name."""
        self._send(f"get {name}", None)
        text, descriptor = self._receive()
        _checked(text, "get")
        assert descriptor is not None
        return descriptor

    def relay(self, name: str, target: Target) -> None:
        """Have what arrives at a held socket carried to a target."""
        self._ask(f"relay {name} {target[0]} {target[1]}")

    def drop(self, name: str) -> None:
        """Have a descriptor closed; content where none has the name."""
        self._ask(f"drop {name}")

    def held(self) -> dict[str, Target | None]:
        """Return the names of what is held, and what is relayed where."""
        found: dict[str, Target | None] = {}
        while True:
            lines = self._ask(f"list {len(found)}")[1:]
            for line in lines:
                name, address, port = line.split(" ")
                found[name] = None if address == "-" else (address, int(port))
            if len(lines) < packets.PAGE:
                return found

    def retire(self) -> None:
        """Have everything let go of; connections that are relayed may end by themselves."""
        self._ask("retire")

    def wait(self) -> None:
        """Return when the keeper has ended or hung up, or `hang_up` was called. Any thread may wait."""
        poll = select.poll()
        poll.register(self._connection, 0)
        poll.register(self._pidfd, select.POLLIN)
        poll.poll()

    def hang_up(self) -> None:
        """End the conversation; who waits returns."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; nobody may be waiting."""
        self._connection.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _ask(self, request: str, descriptor: int | None = None) -> list[str]:
        self._send(request, descriptor)
        text, _ = self._receive()
        return _checked(text, request)

    def _send(self, request: str, descriptor: int | None) -> None:
        if self._superseded:
            raise self._taken_over()
        try:
            packets.send(self._connection, request, descriptor)
        except ConnectionError:
            # Why it hung up may still be there to be read.
            self._receive()
            self._bury()

    def _receive(self) -> tuple[str, int | None]:
        try:
            text, descriptor = packets.receive(self._connection)
        except TimeoutError:
            self.hang_up()
            raise OperationFailed(
                f"the keeper (process {self.pid}) has not answered for {SECONDS:g} s: is it stopped?"
            ) from None
        except ConnectionError:
            text, descriptor = "", None
        if text == packets.SUPERSEDED:
            self._superseded = True
            raise self._taken_over()
        if not text:
            self._bury()
        return text, descriptor

    def _taken_over(self) -> Superseded:
        return Superseded(f"another engine has taken over the ports held at {self._directory / SOCKET}")

    def _bury(self) -> None:
        """Wait for the end of a keeper that has hung up, so that what it held is free; then say that it is gone."""
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if poll.poll(SECONDS * 1000):
                # It is our child where this process is the reaper of its orphans.
                with contextlib.suppress(ChildProcessError):
                    os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        raise KeeperGone(errno.ECONNRESET, f"the keeper has ended{_said(self._directory)}")


def _checked(text: str, request: str) -> list[str]:
    """Return the lines of a good answer. Raises OperationFailed for another."""
    lines = text.split("\n")
    word, _, rest = lines[0].partition(" ")
    if word != "ok":
        number, _, sentence = rest.partition(" ")
        raise OperationFailed(f"the keeper refuses {request!r}: {sentence}", errno=int(number))
    return lines


def _spawn(listener: socket.socket, its: socket.socket, directory: Path) -> None:
    """Run the keeper's program; what is started returns at once and leaves the keeper behind, nobody's child.

    Raises OSError.
    """
    program = Path(__file__).with_name("__main__.py")
    with (directory / LOG).open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(directory / SOCKET)],
            stdin=listener.fileno(),
            stdout=its.fileno(),
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath},
            timeout=SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise OSError(errno.ECHILD, f"its program ended with {done.returncode}")


def _said(directory: Path) -> str:
    """Return the last line that a keeper has left behind, for a message."""
    try:
        lines = (directory / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines else ""
