"""What an OCI runtime says when it fails, in Docker's words and with Docker's exit codes. Pure."""

import json
import re
from dataclasses import dataclass

from netwright.errors import InvalidInput, NetwrightError, SystemFailure

NOT_FOUND = 127
NOT_EXECUTABLE = 126
UNKNOWN = 128

_LOGFMT = re.compile(r'msg=("(?:[^"\\]|\\.)*")')
_CRUN_NOT_FOUND = re.compile(r"executable file [`'\"]?([^`'\"]+)[`'\"]? not found in \$PATH")
_MISSING = ("executable file not found", "no such file or directory", "system cannot find the file specified")
_REFUSED = ("permission denied", "is a directory", "exec format error")


@dataclass(frozen=True, slots=True)
class StartFailure:
    """A failed start: the error for the client, and the exit code that the container or execution keeps."""

    error: NetwrightError
    code: int


def plain(text: str) -> str:
    """Return the sentence in a runtime's output: the last message where it is in log form."""
    messages = _LOGFMT.findall(text)
    sentence = str(json.loads(messages[-1])) if messages else text
    sentence = sentence.strip()
    if (missing := _CRUN_NOT_FOUND.search(sentence)) is not None:
        return f'exec: "{missing.group(1)}": executable file not found in $PATH'
    return sentence


def of_create(text: str) -> StartFailure:
    """Return what a failed creation means, as dockerd's `translateContainerdStartErr` reads it."""
    return _judged(
        f"failed to create task for container: failed to create shim task: OCI runtime create failed: {plain(text)}"
    )


def of_exec(text: str) -> StartFailure:
    """Return what a failed execution means."""
    return _judged(f"OCI runtime exec failed: {plain(text)}")


def _judged(message: str) -> StartFailure:
    lowered = message.lower()
    if "not a directory" in lowered:
        cure = (
            "Are you trying to mount a directory onto a file (or vice-versa)? "
            "Check if the specified host path exists and is the expected type"
        )
        return StartFailure(InvalidInput(f"{message}: unknown: {cure}"), NOT_FOUND)
    if any(words in lowered for words in _MISSING):
        return StartFailure(InvalidInput(f"{message}: unknown"), NOT_FOUND)
    if any(words in lowered for words in _REFUSED):
        return StartFailure(InvalidInput(f"{message}: unknown"), NOT_EXECUTABLE)
    return StartFailure(SystemFailure(f"{message}: unknown"), UNKNOWN)
