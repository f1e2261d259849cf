"""From a worker thread back to the event loop, by the shortest way.

A future of `concurrent.futures` that the event loop waits for takes three turns of the loop and as many locks; work
that the loop has handed to a thread of ours needs neither.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def hand_over(future: "asyncio.Future[T]", result: T) -> None:
    """Give the event loop's future what a thread has come to, for that thread; nobody need wait for it any more."""
    # A loop that is closed has nobody who waits.
    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(_settle, future, result)


def hand_over_failure(future: "asyncio.Future[T]", error: BaseException) -> None:
    """Give the event loop's future the failure that a thread has come to, in the same way."""
    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(_fail, future, error)


def carry_out(future: "asyncio.Future[T]", work: Callable[[], T]) -> None:
    """Do work in a thread, and give the event loop's future what comes of it, whatever that is."""
    try:
        hand_over(future, work())
    except BaseException as error:
        hand_over_failure(future, error)


def _settle(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
