"""Work on files: in a thread of its own, and what the disk refuses is said as whatever the machine refuses."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from netwright.errors import SystemFailure

P = ParamSpec("P")
T = TypeVar("T")


async def on_disk(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do work on files without blocking. Raises SystemFailure where the disk refuses it: it is full, or broken."""
    try:
        return await asyncio.to_thread(work, *arguments, **named)
    except OSError as error:
        raise SystemFailure.of(error) from error
