"""Two works side by side: rows on their way to the disk, and the machine that follows them.

A flush of the disk takes as long as the kernel takes for an endpoint, and neither needs the other's end. Whatever a
crash leaves in between is told apart at the next start: what no row names is swept, what a row names is made.
"""

import contextlib
from collections.abc import Awaitable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Wait until both have ended, however they end, and return what they return; raise what the first of them raised.

    Both are under way already and come to an end by themselves. Whoever has to take something back must know that
    nothing of it goes on: so a cancellation, which reaches the one that is being waited for, waits for both, too.
    """
    try:
        result = await first
    except BaseException:
        with contextlib.suppress(Exception):
            await second
        raise
    return result, await second
