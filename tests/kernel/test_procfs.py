"""Sysctls of namespaces, by a procfs of our own: whose they are, and that it never remembers many of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.kernel import netns, procfs, sysctl
from netwright.kernel.procfs import Procfs

pytestmark = pytest.mark.kernel

KEY = "net/ipv6/conf/default/disable_ipv6"


@pytest.fixture
def own() -> Iterator[Procfs]:
    """Give a procfs of our own."""
    own = Procfs()
    yield own
    own.close()
    own.close()


@pytest.fixture
def home() -> Iterator[int]:
    """Give a descriptor of this thread's namespace."""
    descriptor = netns.current()
    yield descriptor
    os.close(descriptor)


def test_a_sysctl_is_that_of_the_namespace_that_is_visited(own: Procfs, home: int, tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("one", "other")]
    try:
        for path, value in zip(paths, "10", strict=True):
            root = own.root()
            netns.create(path, home, lambda v=value, r=root: sysctl.write(KEY, v, optional=False, procfs=r))  # type: ignore[misc]

        assert [_seen(path, home, own.root()) for path in paths] == ["1", "0"]
        assert sysctl.read(KEY) == Path("/proc/sys", KEY).read_text().strip()
    finally:
        for path in paths:
            netns.delete(path)


def _seen(path: str, home: int, root: int) -> str | None:
    descriptor = netns.open_pinned(path)
    try:
        with netns.visit(descriptor, home):
            return sysctl.read(KEY, procfs=root)
    finally:
        os.close(descriptor)


def test_it_is_exchanged_before_it_remembers_many(own: Procfs) -> None:
    devices = [os.fstat(own.root()).st_dev for _ in range(2 * Procfs.RENEWED_AFTER)]

    first, second = devices[: Procfs.RENEWED_AFTER], devices[Procfs.RENEWED_AFTER :]
    assert len(set(first)) == len(set(second)) == 1
    assert first != second
    assert Path("/proc").stat().st_dev not in devices


@pytest.mark.parametrize("refused", ["_FSOPEN", "_FSCONFIG", "_FSMOUNT"])
def test_where_none_may_be_made_it_is_the_machines(own: Procfs, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    monkeypatch.setattr(procfs, refused, 0x7FFF)  # no system call has this number
    before = _open_files()

    root = own.root()

    assert os.fstat(root).st_dev == Path("/proc").stat().st_dev
    assert sysctl.read(KEY, procfs=root) == sysctl.read(KEY)
    own.close()
    assert _open_files() == before


def _open_files() -> set[str]:
    return {file.name for file in Path("/proc/self/fd").iterdir()}
