"""Two works side by side: rows on their way to the disk, and the machine that follows them.

A flush of the disk takes as long as the kernel takes for an endpoint, and neither needs the other's end. Whatever a
crash leaves in between is told apart at the next start: what no row names is swept, what a row names is made.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Wait until both have ended, however they end, and return what they return; raise what the first of them raised.

    Whoever has to take something back must know that nothing of it goes on: so a cancellation waits for both, too.
    """
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("tuple[A, B]", tuple(results))
