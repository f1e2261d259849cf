"""Where output goes."""

import os
import sys
from typing import TextIO


class Console:
    """The two outputs of the command line; what is piped is never cut to fit."""

    def __init__(self, output: TextIO | None = None, errors: TextIO | None = None) -> None:
        self._output = output or sys.stdout
        self._errors = errors or sys.stderr

    def line(self, text: str = "") -> None:
        """Write a line to stdout."""
        self._output.write(f"{text}\n")

    def note(self, text: str) -> None:
        """Write a line to stderr: progress, warnings, failures."""
        self._output.flush()
        self._errors.write(f"{text}\n")
        self._errors.flush()

    def write(self, stream: int, data: bytes) -> None:
        """Write a container's output as it is: to stderr where `stream` is 2, else to stdout."""
        target = self._errors if stream == 2 else self._output
        target.flush()
        target.buffer.write(data)
        target.buffer.flush()

    def ask(self, question: str) -> bool:
        """Ask a question that is answered with yes or no; no answer is no."""
        self._output.write(f"{question} [y/N] ")
        self._output.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def flush(self) -> None:
        """Send on what is buffered. Raises BrokenPipeError where nobody reads it."""
        self._output.flush()

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal."""
        return self._output.isatty()

    @property
    def width(self) -> int | None:
        """How many columns fit, or None where nothing is to be cut because stdout is no terminal."""
        if not self.is_terminal:
            return None
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdigit() else os.get_terminal_size(self._output.fileno()).columns or None
