"""Tending a companion: the one that runs is found, one that dies is replaced by another that knows as much."""

import contextlib
import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from netwright.errors import OperationFailed
from netwright.kernel.companion.client import Companion, Gone

C = TypeVar("C", bound=Companion)
T = TypeVar("T")

PAUSE = 1.0
"""Seconds after one companion was replaced in which the next that dies is not, until something is asked of it."""

log = logging.getLogger(__name__)


class Tending(ABC, Generic[C]):
    """The engine's side of a companion and of what was asked of it. Blocks; for worker threads, any of them.

    Who derives from it says how one is handed everything by another, what it is told, and what is lost without it; it
    calls `_ask` and `_connect` with `_lock` held. All methods raise OperationFailed.
    """

    LOSS: ClassVar[str]
    """What may be so while there is no companion, for the log."""

    def __init__(self, kind: type[C], exec_root: str) -> None:
        self._kind = kind
        self._noun = kind.KIND.noun
        self._directory = Path(exec_root)
        self._lock = threading.Lock()
        self._client: C | None = None
        self._watcher: threading.Thread | None = None
        self._mended = -PAUSE
        self._left = False

    @abstractmethod
    def _take_over(self, old: C) -> C:
        """Have one of another version hand everything to a new one, which is returned."""

    @abstractmethod
    def _fill(self, new: C) -> None:
        """Tell one that knows nothing what the last one knew."""

    @abstractmethod
    def _probe(self, companion: C) -> object:
        """Ask something that changes nothing."""

    def _found(self, companion: C) -> None:
        """Note what the one that runs has kept for us."""

    def _listen(self, companion: C) -> int:  # noqa: ARG002 most have nothing to say
        """Return a pipe whose lines are to be logged, or -1; it is closed when the companion has ended."""
        return -1

    def leave(self) -> None:
        """Leave the companion to itself: it ends where it is of no use to anybody."""
        with self._lock:
            self._left = True
            if self._client is not None:
                self._client.hang_up()
        if self._watcher is not None:
            self._watcher.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def _ask(self, request: Callable[[C], T]) -> T:
        """Put a request to the companion; to another, where the one that was there turns out to be gone."""
        try:
            return request(self._client or self._start())
        except Gone as error:
            log.error("%s: starting another", error.strerror)
        self._client = None
        try:
            return request(self._start())
        except Gone as error:
            raise OperationFailed(f"{error.strerror}, and so has the next") from error

    def _connect(self) -> bool:
        """Find the companion that runs; tell whether there is one."""
        if self._client is not None:
            return True
        found = self._kind.find(self._directory)
        if found is None:
            return False
        if found.version != self._kind.VERSION:
            log.info("the %s (process %d) is of version %d: replacing it", self._noun, found.pid, found.version)
            found = self._take_over(found)
        self._found(found)
        self._adopt(found)
        return True

    def _start(self) -> C:
        """Return a connection to the companion that runs, or to a new one that is told what the last one knew."""
        if not self._connect():
            new = self._kind.start(self._directory)
            self._adopt(new)
            self._fill(new)
        assert self._client is not None
        return self._client

    def _adopt(self, companion: C) -> None:
        self._client = companion
        arguments = (companion, self._listen(companion))
        self._watcher = threading.Thread(target=self._watch, args=arguments, name=f"{self._noun}-watch", daemon=True)
        self._watcher.start()

    def _watch(self, companion: C, heard: int) -> None:
        """Log what a companion has to say until its end, and have another one in its place then."""
        while not companion.wait(heard):
            _log_what_is_in(heard)
        if heard >= 0:
            _log_what_is_in(heard)
            os.close(heard)
        with self._lock:
            try:
                if self._client is companion and not self._left:
                    self._mend()
            except OperationFailed as failure:
                log.error("%s: %s", self.LOSS, failure)
            finally:
                companion.close()

    def _mend(self) -> None:
        now = time.monotonic()
        if now - self._mended < PAUSE:
            log.error("one %s ends after the other; another is started when it is needed", self._noun)
            self._client = None
        else:
            self._mended = now
            self._ask(self._probe)


def _log_what_is_in(pipe: int) -> None:
    """Log the lines that lie in a pipe; content where there are none."""
    with contextlib.suppress(BlockingIOError):
        for line in os.read(pipe, 1 << 16).decode(errors="replace").splitlines():
            log.warning("%s", line)
