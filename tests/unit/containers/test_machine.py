from pathlib import Path

import pytest

from netwright.containers.machine import choose_runtime
from netwright.errors import SystemFailure


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a PATH with both runtimes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("runc", "crun"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def cgroups(tmp_path: Path, **files: str) -> Path:
    """Make the files that tell which version of cgroups a machine has."""
    for name, text in files.items():
        path = tmp_path / "cgroup" / name / "cgroup.controllers"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "cgroup"


def test_crun_is_taken_where_all_controllers_are_of_version_2(tmp_path: Path, programs: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "cgroup.controllers").write_text("cpu memory")

    assert choose_runtime("auto", whole) == str(programs / "crun")
    assert choose_runtime("auto", cgroups(tmp_path, unified="")) == str(programs / "runc")


def test_crun_is_refused_where_controllers_belong_to_both_versions(tmp_path: Path, programs: Path) -> None:
    with pytest.raises(SystemFailure, match="--default-runtime=runc"):
        choose_runtime("crun", cgroups(tmp_path / "both", unified="pids\n"))
    assert choose_runtime("crun", cgroups(tmp_path / "one", unified="\n")) == str(programs / "crun")
    assert choose_runtime("runc", cgroups(tmp_path / "other", unified="pids\n")) == str(programs / "runc")


def test_a_runtime_that_is_not_installed_is_named(tmp_path: Path, programs: Path) -> None:
    (programs / "crun").unlink()

    with pytest.raises(SystemFailure, match="looked for kata: install runc"):
        choose_runtime("kata", tmp_path)
