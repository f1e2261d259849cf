"""The files of names that a container sees: changed in place, and only where they have to be."""

from pathlib import Path

import pytest

from netwright.containers.files import rewrite


@pytest.mark.parametrize("text", ["shorter\n", "a text that is longer than the one before\n", ""])
def test_a_file_is_changed_in_place_whatever_its_length(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts"
    path.write_text("the text before\n")
    mounted = path.stat().st_ino

    rewrite(path, text, path.read_text())

    assert path.read_text() == text
    assert path.stat().st_ino == mounted


def test_a_file_that_is_right_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("as it is\n")
    before = path.stat().st_mtime_ns

    rewrite(path, "as it is\n", "as it is\n")

    assert path.stat().st_mtime_ns == before


def test_a_file_that_is_missing_is_made(tmp_path: Path) -> None:
    rewrite(tmp_path / "hosts", "", "")

    assert (tmp_path / "hosts").read_text() == ""
