"""A resolver of its own for each test, and a sandbox that it serves."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kernel.companion_lab import exec_root
from tests.kernel.names.names_lab import Sandbox, member, publish

from netwright.kernel.names import Names
from netwright.kernel.resolver.client import ResolverClient


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with exec_root(tmp_path, ResolverClient) as root:
        yield root


@pytest.fixture
def names(root: Path) -> Iterator[Names]:
    names = Names(str(root))
    yield names
    names.leave()


@pytest.fixture
def sandbox(root: Path) -> Iterator[Sandbox]:
    with contextlib.closing(Sandbox(root / "netns" / "box")) as sandbox:
        yield sandbox


@pytest.fixture
def box(sandbox: Sandbox, names: Names) -> Sandbox:
    """Give a sandbox that is served and knows `web`."""
    sandbox.serve(names)
    publish(names, [member("web", "web")])
    return sandbox
