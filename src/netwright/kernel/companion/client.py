"""The engine's end of a companion: starting one, finding one that runs, asking it."""

import contextlib
import errno
import logging
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from netwright.errors import OperationFailed
from netwright.kernel.companion import packets

log = logging.getLogger(__name__)

SECONDS = 10.0
"""How long a companion may take to answer. It answers in microseconds."""

_OWED = 64
"""How many answers may wait in the connection, which has room for more of them."""


class Gone(ConnectionError):
    """There is no companion, or it ended; what it held is free again when this is raised."""


class Superseded(OperationFailed):
    """Another engine speaks to the companion now."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of companion: what it is called, its program, and what another engine that speaks to it has taken over."""

    noun: str
    program: Path
    charge: str

    @property
    def socket(self) -> str:
        """The name of its socket."""
        return f"{self.noun}.sock"

    @property
    def log(self) -> str:
        """The name of the file, beside its socket, where one that fails says why."""
        return f"{self.noun}.log"


class Companion:
    """A connection to a companion, as its engine. Not for several threads at once.

    Every request raises Gone where the companion has ended, Superseded where another engine has taken over, and
    OperationFailed with the kernel's number where it refuses.
    """

    KIND: ClassVar[Kind]
    VERSION: ClassVar[int]

    def __init__(self, connection: socket.socket, directory: Path) -> None:
        self._connection = connection
        self._directory = directory
        self._pidfd = -1
        self._superseded = False
        self._owed: list[str] = []
        connection.settimeout(SECONDS)
        words = self._ask(f"hello {self.VERSION}")[0].split(" ")
        self.version = int(words[1])
        self.pid = int(words[2])
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise Gone(errno.ESRCH, f"the {self.KIND.noun} ended at once") from None

    @classmethod
    def find(cls, directory: Path) -> Self | None:
        """Return a connection to the one that runs, or None where none does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            connection.connect(str(directory / cls.KIND.socket))
            return cls(connection, directory)
        except (FileNotFoundError, ConnectionError):
            connection.close()
            return None
        except BaseException:
            connection.close()
            raise

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Start one and return a connection to it. Raises OperationFailed."""
        path = directory / cls.KIND.socket
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            # It listens before its process is there: nobody ever has to wait for one to come up.
            with its, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(str(path))
                path.chmod(0o600)
                listener.listen()
                _spawn(cls.KIND, listener, its, directory)
            return cls(ours, directory)
        except (OSError, subprocess.TimeoutExpired) as error:
            ours.close()
            said = cls._said(directory)
            raise OperationFailed(f"no {cls.KIND.noun} can be started at {path}: {error}{said}") from error
        except BaseException:
            ours.close()
            raise

    def wait(self, pipe: int = -1) -> bool:
        """Return True when it has ended or hung up, or `hang_up` was called; False when there is something in a pipe.

        Any thread may wait.
        """
        poll = select.poll()
        poll.register(self._connection, 0)
        poll.register(self._pidfd, select.POLLIN)
        if pipe >= 0:
            poll.register(pipe, select.POLLIN)
        return any(descriptor != pipe for descriptor, _ in poll.poll())

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

    def _ask(self, request: str, descriptors: Sequence[int] = ()) -> list[str]:
        """Return the lines of the answer to a request."""
        self._settle()
        self._send(request, descriptors)
        text, came = self._receive()
        for descriptor in came:
            os.close(descriptor)
        return self._checked(text, request)

    def _tell(self, requests: Sequence[str]) -> None:
        """Put requests and do not wait for what is answered, which is looked at later.

        Only for what is refused by nobody who is what we take it for: a refusal is logged.
        """
        while self._owed and (len(self._owed) >= _OWED or self._has_answered()):
            self._settle_one()
        for request in requests:
            self._send(request)
            self._owed.append(request)

    def _settle(self) -> None:
        """Wait for the answers to what was told, and look at them."""
        while self._owed:
            self._settle_one()

    def _settle_one(self) -> None:
        text, came = self._receive()
        for descriptor in came:
            os.close(descriptor)
        try:
            self._checked(text, self._owed.pop(0))
        except OperationFailed as failure:
            log.error("%s", failure)

    def _has_answered(self) -> bool:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(0))

    def _ask_for(self, request: str) -> list[int]:
        """Return the descriptors that come with the answer to a request."""
        self._settle()
        self._send(request)
        text, descriptors = self._receive()
        self._checked(text, request)
        return descriptors

    def _send(self, request: str, descriptors: Sequence[int] = ()) -> None:
        if self._superseded:
            raise self._taken_over()
        try:
            packets.send(self._connection, request, descriptors)
        except ConnectionError:
            # Why it hung up may still be there to be read.
            self._receive()
            self._bury()

    def _receive(self) -> tuple[str, list[int]]:
        descriptors: list[int] = []
        try:
            text, descriptors = packets.receive(self._connection)
        except TimeoutError:
            self.hang_up()
            raise OperationFailed(
                f"the {self.KIND.noun} (process {self.pid}) has not answered for {SECONDS:g} s: is it stopped?"
            ) from None
        except ConnectionError:
            text = ""
        if text == packets.SUPERSEDED:
            self._superseded = True
            raise self._taken_over()
        if not text:
            self._bury()
        return text, descriptors

    def _taken_over(self) -> Superseded:
        return Superseded(
            f"another engine has taken over the {self.KIND.charge} at {self._directory / self.KIND.socket}"
        )

    def _bury(self) -> None:
        """Wait for the end of one that has hung up, so that what it held is free; then say that it is gone."""
        if self._pidfd >= 0:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if poll.poll(SECONDS * 1000):
                # It is our child where this process is the reaper of its orphans.
                with contextlib.suppress(ChildProcessError):
                    os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        raise Gone(errno.ECONNRESET, f"the {self.KIND.noun} has ended{self._said(self._directory)}")

    def _checked(self, text: str, request: str) -> list[str]:
        """Return the lines of a good answer. Raises OperationFailed for another."""
        lines = text.split("\n")
        word, _, rest = lines[0].partition(" ")
        if word != "ok":
            number, _, sentence = rest.partition(" ")
            first = request.partition("\n")[0]
            raise OperationFailed(f"the {self.KIND.noun} refuses {first!r}: {sentence}", errno=int(number))
        return lines

    @classmethod
    def _said(cls, directory: Path) -> str:
        """Return the last line that one has left behind, for a message."""
        try:
            lines = (directory / cls.KIND.log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return f" ({lines[-1]})" if lines else ""


def _spawn(kind: Kind, listener: socket.socket, its: socket.socket, directory: Path) -> None:
    """Run a companion's program; what is started returns at once and leaves the companion behind, nobody's child.

    Raises OSError.
    """
    with (directory / kind.log).open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(kind.program), str(directory / kind.socket)],
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
