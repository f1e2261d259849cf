"""What is asynchronous runs on the event loop of the daemon."""

from tests.daemon_loop import pytest_asyncio_loop_factories  # noqa: F401 - pytest looks for it here
