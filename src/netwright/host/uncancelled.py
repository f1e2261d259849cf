"""Work that is not to be cut short by a cancellation of whoever waits for it."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


async def to_the_end(work: Awaitable[T]) -> T:
    """Carry work out as a whole, however often the caller is cancelled meanwhile, and return what it returns.

    Raises CancelledError where the caller was cancelled, which holds until the work is done; else what the work raises.
    """
    task = asyncio.ensure_future(work)
    cancellation = await outlasted(task)
    if cancellation is None:
        return task.result()
    failure = None if task.cancelled() else task.exception()
    if failure is not None:
        log.error("whoever asked is gone and does not hear of it: %s", failure)
    raise cancellation from failure


async def outlasted(task: "asyncio.Future[Any]", seconds: float | None = None) -> asyncio.CancelledError | None:
    """Wait for a task through cancellations, for some time at most; return the last that came."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    last: asyncio.CancelledError | None = None
    while not task.done():
        left = None if deadline is None else deadline - loop.time()
        if left is not None and left <= 0:
            break
        ended: asyncio.Future[None] = loop.create_future()
        wake = partial(_wake, ended)
        task.add_done_callback(wake)
        timer = None if left is None else loop.call_later(left, wake, task)
        try:
            await ended
        except asyncio.CancelledError as cancellation:
            last = cancellation
        finally:
            task.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
    return last


def _wake(ended: "asyncio.Future[None]", _: object) -> None:
    if not ended.done():
        ended.set_result(None)
