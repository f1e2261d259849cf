"""The sockets on which the API is offered."""

import os
import socket
import stat
from pathlib import Path

import pytest

from netwright.config import Config, Listen
from netwright.errors import Conflict, InvalidInput, SystemFailure
from netwright.frontends.daemon_sockets import doors


def config(*paths: Path, group: str = "") -> Config:
    return Config(hosts=tuple(Listen("unix", str(path)) for path in paths), group=group)


def test_several_unix_sockets_listen_and_are_for_owner_and_group_only(tmp_path: Path) -> None:
    paths = [tmp_path / "a.sock", tmp_path / "deep" / "b.sock"]
    with doors(config(*paths)) as opened:
        assert [str(door.where) for door in opened] == [f"unix://{path}" for path in paths]
        for path in paths:
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
    assert not any(path.exists() for path in paths)


def test_the_group_may_be_a_name_or_a_number(tmp_path: Path) -> None:
    own = os.getegid()
    with doors(config(tmp_path / "s", group=str(own))):
        assert (tmp_path / "s").stat().st_gid == own


def test_an_unknown_group_is_refused_with_the_cure(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match="groupadd no-such-group"),
        doors(config(tmp_path / "s", group="no-such-group")),
    ):
        pass
    assert not (tmp_path / "s").exists()


def test_the_socket_of_a_killed_engine_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    with doors(config(tmp_path / "s")) as opened:
        assert len(opened) == 1


def test_a_socket_that_somebody_serves_is_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        with pytest.raises(Conflict, match="another program listens"), doors(config(tmp_path / "free", tmp_path / "s")):
            pass
        assert (tmp_path / "s").exists()
    assert not (tmp_path / "free").exists()


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(Conflict, match="no socket"), doors(config(tmp_path / "s")):
        pass
    assert (tmp_path / "s").read_text() == "precious"


def test_a_socket_that_was_replaced_meanwhile_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with doors(config(path)):
        path.rename(tmp_path / "moved")
        path.write_text("of somebody else")
    assert path.exists()


def test_a_path_that_is_too_long_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="cannot listen on unix://"), doors(config(tmp_path / ("x" * 200))):
        pass


def test_fd_without_systemd_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    with pytest.raises(InvalidInput, match="needs sockets from systemd"), doors(Config(hosts=(Listen("fd", ""),))):
        pass


def test_unusable_certificates_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "pem"
    empty.write_text("")
    tls = Config(hosts=(Listen("tcp", "127.0.0.1", 0),), tlsverify=True, tlscacert=empty, tlscert=empty, tlskey=empty)
    with pytest.raises(InvalidInput, match="cannot be used"), doors(tls):
        pass
