"""The door: `netwright ...`."""

import os
import sys
from collections.abc import Sequence

_READER_GONE = 141
"""What a shell reports of a program that SIGPIPE ended."""


def main() -> int:
    """Run the command line of this process and return its exit code.

    `netwright daemon ...` is the engine itself: it is handed over before anything of the command line is imported.
    """
    words = sys.argv[1:]
    if words[:1] == ["daemon"]:
        from netwright.frontends.daemon import main as run_daemon

        return run_daemon(words[1:])
    return run(words)


def run(words: Sequence[str]) -> int:
    """Run a command line given as words and return its exit code."""
    from netwright.frontends.cli.dispatch import dispatch

    try:
        code = dispatch(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the output has gone (`netwright ps | head -1`). Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return code
