"""Each test of a host runs on each kind of machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.rigs import KINDS, Rig, rig_of
from tests.daemon_loop import pytest_asyncio_loop_factories  # noqa: F401 - pytest looks for it here


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with rig_of(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture
def inside(rig: Rig) -> str:
    """Give the path of a namespace that is yet to be made."""
    return f"{rig.directory}/netns/inside"
