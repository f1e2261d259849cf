"""The files of names that a container sees: changed in place, and only where they have to be."""

import errno
import os
from pathlib import Path

import pytest

from netwright.containers.files import Former, edit

BEFORE = "the text before\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(BEFORE)
    return path


@pytest.mark.parametrize("text", ["shorter\n", "a text that is longer than the one before\n", ""])
def test_a_file_is_changed_in_place_whatever_its_length(path: Path, text: str) -> None:
    mounted, former = path.stat().st_ino, list[Former]()

    edit(str(path), lambda _: text, former)

    assert path.read_text() == text
    assert path.stat().st_ino == mounted
    assert former == [(str(path), BEFORE, text)]


def test_a_file_that_is_right_is_not_touched(path: Path) -> None:
    before, former = path.stat().st_mtime_ns, list[Former]()

    edit(str(path), lambda text: text, former)

    assert path.stat().st_mtime_ns == before
    assert former == []


def test_a_file_that_is_missing_is_made(tmp_path: Path) -> None:
    edit(str(tmp_path / "hosts"), lambda text: f"{text}new\n", [])

    assert (tmp_path / "hosts").read_text() == "new\n"


def test_a_disk_that_takes_little_at_a_time_gets_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, place: whole(descriptor, data[:3], place))

    edit(str(path), lambda _: "more than three octets\n", [])

    assert path.read_text() == "more than three octets\n"


def test_what_was_before_is_noted_before_the_disk_refuses(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    former: list[Former] = []

    with pytest.raises(OSError, match="No space left"):
        edit(str(path), lambda _: "new\n", former)

    assert former == [(str(path), BEFORE, "new\n")]
