"""What the tests of the command line share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.frontends.cli.fake_engine import FakeEngine, running


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    """Run a fake engine for a test."""
    with running(tmp_path / "engine.sock") as fake:
        yield fake
