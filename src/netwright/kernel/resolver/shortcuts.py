"""Answers that the kernel gives by itself, in sandboxes that ask very often.

Where a sandbox asks for many names a program is put to its loopback device (`shortcut_program`, by tcx: Linux 6.6 and
later), and told what has been answered to which bytes. It then answers the same bytes the same way, in a microsecond
and without waking anybody; several addresses by chance in one of the orders that the resolver tells in turn. It knows
nothing else: what is new, comes from elsewhere or is asked by TCP goes to the sockets, and everything does so where the
sandbox has a firewall or the kernel no such program. Programs hang on descriptors of this process and end with it,
however it ends.

Putting one there and taking it away lets the kernel wait for all its processors while nobody else may change a network
device. So a thread does that, for one sandbox after the other.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from netwright.errors import OperationFailed
from netwright.kernel import bpf
from netwright.kernel.btf import Types
from netwright.kernel.resolver import shortcut_program
from netwright.kernel.resolver.batch import Prepared
from netwright.kernel.resolver.board import Board, Epoch
from netwright.kernel.resolver.inside import inside
from netwright.kernel.resolver.shortcut_program import LONGEST_ANSWER, LONGEST_QUERY, SLOTS, Layout

MANY = 1000
"""Queries of a sandbox within `SECONDS` that are many."""
SECONDS = 1.0

ANSWERS = 4096
"""How many answers the kernel keeps for all sandboxes together; then the one that was given longest ago goes."""

_LOOPBACK = 1
"""The number of every namespace's loopback device."""
_UDP_FIELDS = 4
"""Bytes that lie before a prepared answer."""


class Shortcut:
    """The program in one sandbox."""

    def __init__(self, answers: int, board: Board, slot: int) -> None:
        self.slot = slot
        self.link = -1
        self.closed = False
        self._answers = answers
        self._board = board
        self._counted = board.answered(slot)
        self._epoch: Epoch = (0, 0)
        self._kept: set[bytes] = set()

    def keep(self, said: int, tail: bytes, answers: Sequence[Prepared]) -> None:
        """Have the kernel answer a query by itself from now on, by one of some answers that chance decides.

        `said` is the engine's half of the epoch from before its word was last heard: what it has said since is not in
        this answer. Content where query or answer are too long.
        """
        epoch = (said, self._board.epoch[1])
        if epoch != self._epoch:
            self._epoch = epoch
            self._kept.clear()
        if self.closed or tail in self._kept:
            return
        self._kept.add(tail)
        if len(tail) > LONGEST_QUERY or answers[0].size > LONGEST_ANSWER:
            return
        # Where the kernel has no room for it just now, it is answered by the sockets.
        with contextlib.suppress(OperationFailed):
            # The first comes last: it is what says how many there are.
            for order, answer in reversed(list(enumerate(answers))):
                kept = shortcut_program.value(epoch, len(answers), bytes(answer.kept[_UDP_FIELDS:]))
                bpf.put(self._answers, shortcut_program.key(self.slot, order, tail), kept)

    def news(self) -> int:
        """Return how many queries the kernel has answered since this was last asked."""
        before, self._counted = self._counted, self._board.answered(self.slot)
        return self._counted - before

    def look_again(self) -> None:
        """Have the kernel told again what it may have dropped to make room."""
        self._kept.clear()


class Shortcuts:
    """The programs in all sandboxes."""

    def __init__(self, home: int) -> None:
        self._home = home
        self._page = self._answers = -1
        self._board: Board | None = None
        self._lock = threading.Lock()
        self._layout: Layout | None = None
        self._free = list(range(SLOTS))
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._worker: threading.Thread | None = None
        self._failure = ""
        self._possible = True
        """Whether this kernel has not turned out to lack something yet."""

    def share(self) -> int | None:
        """Return the board's descriptor for an engine, or None where there can be none.

        There are no shortcuts before an engine has asked for it: it has to say what changes.
        """
        if self._board is None and self._possible:
            try:
                self._page = bpf.create_map(bpf.MapType.ARRAY, 4, shortcut_program.BOARD, 1, bpf.MAPPABLE)
                self._board = Board(self._page)
            except (OperationFailed, OSError):
                self._possible = False
        return None if self._board is None else self._page

    @property
    def said(self) -> int:
        """The engine's half of the epoch."""
        return 0 if self._board is None else self._board.epoch[0]

    def open(self, namespace: int) -> Shortcut | None:
        """Begin to put a program into a sandbox; None where there can be none. The descriptor stays the caller's."""
        if self._board is None or not self._can_answer() or not self._free:
            return None
        shortcut = Shortcut(self._answers, self._board, self._free.pop())
        # Nothing holds that was told of whoever had this slot before.
        self.forget()
        self._later(partial(self._attach, shortcut, os.dup(namespace)))
        return shortcut

    def _later(self, act: Callable[[], None]) -> None:
        """Have the thread do something, which is not to raise anything."""
        if self._worker is None:
            self._worker = threading.Thread(target=self._work_on, name="shortcuts", daemon=True)
            self._worker.start()
        self._work.put(act)

    def _work_on(self) -> None:
        while True:
            self._work.get()()

    def _can_answer(self) -> bool:
        """Make the map of answers, which takes a millisecond and two megabytes, when the first sandbox needs it."""
        if self._answers < 0 and self._possible:
            try:
                self._answers = bpf.create_map(
                    bpf.MapType.LRU_HASH, shortcut_program.KEY, shortcut_program.VALUE, ANSWERS
                )
            except OperationFailed:
                self._possible = False
        return self._possible

    def _attach(self, shortcut: Shortcut, namespace: int) -> None:
        link = -1
        try:
            link = self._attached(shortcut, namespace)
        except bpf.Unsupported:
            self._possible = False
        except (OperationFailed, OSError) as error:
            self._failure = f"the kernel does not answer names by itself in a sandbox that asks often: {error}"
        finally:
            os.close(namespace)
        with self._lock:
            if link >= 0 and not shortcut.closed:
                shortcut.link = link
                return
            shortcut.closed = True
        self._detach(shortcut.slot, link)

    def _attached(self, shortcut: Shortcut, namespace: int) -> int:
        if self._layout is None:
            self._layout = Layout.of(Types.of_kernel())
        code = shortcut_program.program(shortcut.slot, self._answers, self._page, self._layout)
        program = bpf.load(bpf.ProgramType.SCHED_CLS, bpf.Attach.TCX_EGRESS, code)
        try:
            with inside(namespace, self._home):
                return bpf.link(program, _LOOPBACK, bpf.Attach.TCX_EGRESS)
        finally:
            os.close(program)

    def close(self, shortcut: Shortcut) -> None:
        """Have the kernel answer nothing in a sandbox any more, at once."""
        self.forget()
        with self._lock:
            shortcut.closed = True
            link, shortcut.link = shortcut.link, -1
        # Where there is no link yet, who makes it sees to that.
        if link >= 0:
            self._later(partial(self._detach, shortcut.slot, link))

    def _detach(self, slot: int, link: int) -> None:
        """Take a program away; only then another sandbox may be given its slot, whose names it would tell."""
        if link >= 0:
            os.close(link)
        self._free.append(slot)

    def forget(self) -> None:
        """Let nothing hold that the kernel was told."""
        if self._board is not None:
            self._board.hear()

    def complaint(self) -> str:
        """Return once why a sandbox has no program, where that is not for want of the kernel's."""
        failure, self._failure = self._failure, ""
        return failure
