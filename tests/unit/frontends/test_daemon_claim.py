"""One engine a data-root and an exec-root."""

import os
from pathlib import Path

import pytest

from netwright.config import Config
from netwright.errors import Conflict, SystemFailure
from netwright.frontends.daemon_claim import LOCK, abandon, claim


def config(folder: Path, *, data: str = "data", run: str = "exec") -> Config:
    return Config(data_root=folder / data, exec_root=folder / run, pidfile=folder / run / "netwright.pid")


def test_the_pidfile_is_there_while_the_engine_is(tmp_path: Path) -> None:
    ours = config(tmp_path)
    with claim(ours):
        assert ours.pidfile.read_text() == f"{os.getpid()}\n"
        assert sorted(path.name for path in ours.exec_root.iterdir()) == [LOCK, "netwright.pid"]
    assert not ours.pidfile.exists()


@pytest.mark.parametrize(("data", "run", "flag"), [("data", "other", "--data-root"), ("other", "exec", "--exec-root")])
def test_a_second_engine_on_a_root_is_refused_by_name_of_the_first(
    tmp_path: Path, data: str, run: str, flag: str
) -> None:
    ours, second = config(tmp_path), config(tmp_path, data=data, run=run)
    with claim(ours):
        with pytest.raises(Conflict) as caught, claim(second):
            pass
        assert ours.pidfile.exists()
    message = caught.value.message
    assert f"process {os.getpid()} (pidfile {ours.pidfile})" in message
    assert message.endswith(f"another {flag}")
    with claim(second):
        assert second.pidfile.exists()


def test_what_a_killed_engine_left_keeps_nobody_off(tmp_path: Path) -> None:
    ours = config(tmp_path)
    ours.data_root.mkdir()
    (ours.data_root / LOCK).write_text("4711 /gone.pid\n and a longer rest than ours will ever be, left by a crash\n")
    with claim(ours):
        assert (ours.data_root / LOCK).read_text() == f"{os.getpid()} {ours.pidfile}\n"


def test_a_root_that_cannot_be_made_is_one_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SystemFailure, match="cannot be used"), claim(config(tmp_path)):
        pass


def test_abandoning_leaves_nothing_of_ours_and_all_of_others(tmp_path: Path) -> None:
    ours = config(tmp_path)
    with claim(ours):
        (ours.data_root / "foreign").write_text("")
        left = abandon(ours)
    assert left == (f"{ours.data_root} is left: foreign in it is not the engine's",)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert [path.name for path in ours.data_root.iterdir()] == ["foreign"]
