"""The event loop that the daemon runs on, for tests: those beside and below a `conftest.py` that imports it run so."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what is asynchronous on the event loop that the daemon runs on."""
    return {"uvloop": uvloop.new_event_loop}
