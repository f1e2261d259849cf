"""Threads that work off what the event loop hands them."""

import threading
from functools import partial

import pytest

from netwright.host.threads import Threads


def test_works_are_taken_in_their_order() -> None:
    threads, done = Threads(1, "test"), list[int]()
    for number in range(100):
        threads.submit(partial(done.append, number))
    threads.close()
    assert done == list(range(100))


def test_no_more_threads_are_started_than_are_of_use() -> None:
    threads, seen = Threads(3, "test"), list[str]()

    def work(over: threading.Event) -> None:
        seen.append(threading.current_thread().name)
        over.set()

    for _ in range(5):
        over = threading.Event()
        threads.submit(partial(work, over))
        over.wait()
        while threads._free != len(threads._threads):
            pass  # it says that it is free a moment later
    threads.close()
    assert seen == ["test-0"] * 5


def test_works_that_wait_for_each_other_have_a_thread_each() -> None:
    threads, together = Threads(3, "test"), threading.Barrier(3)
    for _ in range(3):
        threads.submit(lambda: together.wait(60))
    threads.close()
    assert not together.broken


def test_a_work_waits_where_all_threads_are_busy() -> None:
    threads, gate, done = Threads(1, "test"), threading.Event(), list[str]()
    threads.submit(gate.wait)
    threads.submit(lambda: done.append("second"))
    assert done == []
    gate.set()
    threads.close()
    assert done == ["second"]


def test_a_work_that_fails_is_logged_and_keeps_nobody_from_theirs(caplog: pytest.LogCaptureFixture) -> None:
    threads, done = Threads(1, "test"), list[str]()

    def fail() -> None:
        raise ValueError("unforeseen")

    threads.submit(fail)
    threads.submit(lambda: done.append("next"))
    threads.close()
    assert done == ["next"]
    assert "unforeseen" in caplog.text


def test_nothing_is_taken_when_the_threads_have_ended() -> None:
    threads = Threads(1, "test")
    threads.close()
    with pytest.raises(RuntimeError, match="test have ended"):
        threads.submit(lambda: None)
