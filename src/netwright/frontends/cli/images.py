"""Names of images, and the progress of what fetches them."""

from collections.abc import Iterable
from typing import NamedTuple

from netwright.frontends.cli.console import Console
from netwright.frontends.cli.document import decode, number, text
from netwright.frontends.cli.failures import CommandFailed
from netwright.frontends.cli.quantities import decimal_size


class Reference(NamedTuple):
    """An image's name: `repository` with its registry, and a tag or a digest."""

    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}{'@' if ':' in self.tag else ':'}{self.tag}"


def parse_reference(written: str) -> Reference:
    """Return the whole name of `busybox`, `busybox:1.36`, `host:5000/a/b@sha256:...`. Raises CommandFailed."""
    name, at, digest = written.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon was that of a registry's port
        repository, tag = name, ""
    if not repository or repository != repository.lower():
        reason = "repository name must be lowercase" if repository else "it is empty"
        raise CommandFailed(f"invalid reference format: {reason}")
    return Reference(_with_registry(repository), digest if at else tag or "latest")


def _with_registry(repository: str) -> str:
    first, slash, _ = repository.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return repository
    return f"docker.io/{repository}" if slash else f"docker.io/library/{repository}"


def split_name(written: str) -> tuple[str, str]:
    """Return the repository and tag of a name as written; the tag is empty where none is."""
    repository, colon, tag = written.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (written, "")


class Progress:
    """Shows the engine's messages: one line for each layer that changes in place, or on a pipe one for each step."""

    def __init__(self, console: Console, *, to_errors: bool = False, quiet: bool = False) -> None:
        self._console = console
        self._to_errors = to_errors
        self._quiet = quiet
        self._places: list[str] = []
        self._said: dict[str, str] = {}

    def follow(self, lines: Iterable[bytes]) -> None:
        """Show messages until they end. Raises CommandFailed where one is an error."""
        for line in lines:
            message = decode(line)
            if reason := text(message, "errorDetail", "message") or text(message, "error"):
                raise CommandFailed(f"Error response from daemon: {reason}")
            self._show(text(message, "id"), text(message, "status") or text(message, "stream").rstrip("\n"), message)

    def _show(self, layer: str, status: str, message: object) -> None:
        if self._quiet or not status:
            return
        fields = message if isinstance(message, dict) else {}
        if not layer or not self._console.is_terminal or self._to_errors:
            if not layer or self._said.get(layer) != status:
                self._say(f"{layer}: {status}" if layer else status)
            self._said[layer] = status
            return
        total = number(fields, "progressDetail", "total")
        current = number(fields, "progressDetail", "current")
        part = f" {decimal_size(current)}/{decimal_size(total)}" if total else ""
        self._in_place(layer, f"{layer}: {status}{part}")

    def _in_place(self, layer: str, line: str) -> None:
        if layer not in self._places:
            self._places.append(layer)
            self._say(line)
            return
        up = len(self._places) - self._places.index(layer)
        # up, to the beginning, erase, write, and back down
        self._say(f"\x1b[{up}A\r\x1b[2K{line}\x1b[{up}B\r", end="")

    def _say(self, line: str, end: str = "\n") -> None:
        if self._to_errors:
            self._console.note(line)
        else:
            self._console.line(line) if end else self._console.write(1, line.encode())
