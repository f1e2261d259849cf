"""docker run -it and attach on a real terminal, through the unmodified docker command line."""

import os
import pty
import select
import subprocess
import time
from types import TracebackType
from typing import Self

from machine import Engine, docker_clients

IMAGE = "busybox:latest"
SECONDS = 20


class Terminal:
    """A docker command on a terminal of its own."""

    def __init__(self, engine: Engine, *argv: str) -> None:
        self._master, slave = pty.openpty()
        words = engine.machine.host.enter(docker_clients()[-1], "-H", f"unix://{engine.socket}", *argv)
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._master)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def expect(self, text: str) -> None:
        """Wait until a text has been shown."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} was not shown, but {self.seen!r}")
            try:
                self.seen += os.read(self._master, 4096).decode(errors="replace")
            except OSError:
                raise AssertionError(f"{text!r} was not shown before the end, but {self.seen!r}") from None


def test_a_shell_on_a_terminal_is_typed_into(engine: Engine) -> None:
    with Terminal(engine, "run", "-it", "--rm", IMAGE, "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo sum: $((40 + 2)); tty\n")
        terminal.expect("sum: 42")
        terminal.expect("/dev/pts/0")
        terminal.type("exit 5\n")

        assert terminal.process.wait(SECONDS) == 5


def test_a_terminal_is_left_with_keys_and_joined_again(engine: Engine) -> None:
    with Terminal(engine, "run", "-it", "--name", "shell", IMAGE, "sh") as terminal:
        terminal.expect("# ")
        terminal.type("\x10\x11")

        assert terminal.process.wait(SECONDS) == 0

    with Terminal(engine, "attach", "shell") as again:
        again.type("echo still $((40 + 2))\n")
        again.expect("still 42")
        again.type("exit\n")

        assert again.process.wait(SECONDS) == 0


def test_exec_gives_a_terminal_in_a_running_container(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")

    with Terminal(engine, "exec", "-it", "box", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo in $(hostname | wc -c)\n")
        terminal.expect("in 13")
        terminal.type("exit 4\n")

        assert terminal.process.wait(SECONDS) == 4
