"""Threads that work off what the event loop hands them.

They do what a `ThreadPoolExecutor` does, without what nobody asks for here: a second future for each work, with its
locks and conditions, which can be cancelled and waited for by threads. One change hands over three works.
"""

import logging
import queue
import threading
from collections.abc import Callable

Work = Callable[[], object]

log = logging.getLogger(__name__)


class Threads:
    """Some threads, each started when it is first of use. They take works in the order in which they come.

    What comes of a work is handed over by itself (`host.handover`).
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin without any thread: a fork takes none along."""
        self._threads: list[threading.Thread] = []
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._free = 0
        """How many threads have nothing to do, less the works that wait for one."""
        self._has_ended = False
        self._lock = threading.Lock()

    def submit(self, work: Work) -> None:
        """Have a work done by the next thread that is free. Raises RuntimeError where they have ended."""
        if self._has_ended:
            raise RuntimeError(f"the threads of {self._name} have ended")
        with self._lock:
            if self._free <= 0 and len(self._threads) < self._count:
                self._start()
            self._free -= 1
        self._waiting.put(work)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)
        self._free += 1

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except BaseException:
                log.exception("a work has failed that nobody waits for")
            with self._lock:
                self._free += 1

    def close(self) -> None:
        """Wait until all is done, and end the threads."""
        self._has_ended = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
