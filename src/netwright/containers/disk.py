"""Work on files: in a thread of its own, and what the disk refuses is said as whatever the machine refuses."""

import asyncio
import atexit
import os
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from netwright.errors import SystemFailure
from netwright.host.handover import carry_out
from netwright.host.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = Threads(16, "disk")
"""For all files: whoever waits for a slow disk, or for a large image, keeps nobody else from theirs."""

os.register_at_fork(after_in_child=_THREADS.begin_anew)
# What is written when the engine ends is written to its end.
atexit.register(_THREADS.close)


def begun_on_disk(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> "asyncio.Future[T]":
    """Begin work on files in a thread, and return what will come of it: an OSError where the disk refuses it."""
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    _THREADS.submit(partial(carry_out, done, partial(work, *arguments, **named)))
    return done


async def on_disk(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do work on files without blocking. Raises SystemFailure where the disk refuses it: it is full, or broken."""
    try:
        return await begun_on_disk(work, *arguments, **named)
    except OSError as error:
        raise SystemFailure.of(error) from error
