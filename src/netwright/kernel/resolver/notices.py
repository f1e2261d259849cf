"""What the resolver has to say to whoever reads the engine's log."""

import os
from collections import deque

KEPT = 200
"""How many lines are kept while there is no engine to take them; then the oldest goes."""


class Notices:
    """Lines for the log, written to a pipe of the engine, and kept while there is none."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=KEPT)
        self._pipe = -1

    def lead_to(self, pipe: int) -> None:
        """Write to another pipe from now on, which is ours to close."""
        self._close()
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._flush()

    def say(self, line: str) -> None:
        """Say one line, of less than a pipe takes at once."""
        self._waiting.append(" ".join(line.split())[:1000])
        self._flush()

    def _flush(self) -> None:
        while self._pipe >= 0 and self._waiting:
            try:
                os.write(self._pipe, self._waiting[0].encode() + b"\n")
            except BlockingIOError:
                return
            except OSError:
                # The engine is gone; the next one gives another pipe.
                self._close()
                return
            self._waiting.popleft()

    def _close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
