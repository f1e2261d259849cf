"""What the tests without a machine share."""

from hypothesis import settings
from tests.daemon_loop import pytest_asyncio_loop_factories  # noqa: F401 - pytest looks for it here

# How long an example takes says how busy the machine is: times belong to the benchmarks.
settings.register_profile("here", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("here")
