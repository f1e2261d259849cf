"""The store on disk: what it refuses to open, and what it does when the disk refuses."""

import asyncio
import errno
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from netwright.controller.firewall.forwarding import HostChange
from netwright.errors import SystemFailure
from netwright.store import sqlite
from netwright.store.api import Put
from netwright.store.sqlite import LAYOUT, ROOM, SqliteStore


def put(key: str, before: str = "0") -> Put:
    return Put(key, HostChange(id=key, before=before))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("PRAGMA application_id = 7")
    other.close()
    with pytest.raises(SystemFailure, match="is not a store of netwright"):
        SqliteStore(tmp_path / "other.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("words " * 200)
    with pytest.raises(SystemFailure, match="cannot be opened"):
        SqliteStore(tmp_path / "text")


def test_a_file_of_a_newer_engine_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "state.db").close()
    with sqlite3.connect(tmp_path / "state.db") as newer:
        newer.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    newer.close()
    with pytest.raises(SystemFailure, match="was written by a newer engine"):
        SqliteStore(tmp_path / "state.db")


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "data" / "state.db").close()
    assert (tmp_path / "data" / "state.db").stat().st_mode & 0o077 == 0


async def test_after_its_end_nothing_is_taken(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.close()
    with pytest.raises(SystemFailure, match="is closed"):
        await store.commit([put("a")])


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    waiting = [store.commit([put(str(number))]) for number in range(20)]
    store.close()
    await asyncio.gather(*waiting)
    again = SqliteStore(tmp_path / "state.db")
    assert len(again.load(HostChange)) == 20
    again.close()


async def test_a_disk_that_is_full_is_told_to_each_and_harms_nothing_that_was_there(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    await store.commit([put("a")])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    outcomes = await asyncio.gather(
        *(store.commit([put(str(number), "x" * 100_000)]) for number in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [SystemFailure] * 3
    assert list(store.load(HostChange)) == ["a"]
    store._connection.execute("PRAGMA max_page_count = 100000")
    await store.commit([put("b", "x" * 100_000)])
    assert list(store.load(HostChange)) == ["a", "b"]
    store.close()


async def test_a_log_that_was_given_room_keeps_all_of_it_through_a_kill(tmp_path: Path) -> None:
    store, copy = SqliteStore(tmp_path / "state.db"), tmp_path / "as it was"
    wal = tmp_path / "state.db-wal"
    await store.commit([put("before")])
    store._make_room(wal)
    await store.commit([put("after")])

    copy.mkdir()
    for name in ("state.db", "state.db-wal"):  # what a kill at this moment leaves
        shutil.copyfile(tmp_path / name, copy / name)
    again = SqliteStore(copy / "state.db")

    assert wal.stat().st_size == ROOM
    assert list(again.load(HostChange)) == ["before", "after"]
    again.close()
    store.close()


async def test_a_log_without_commits_for_a_while_is_given_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = threading.Event(), list[Path]()

    def make_room(_: SqliteStore, wal: Path) -> None:
        given.append(wal)
        made.set()

    monkeypatch.setattr(sqlite, "PAUSE", 0.0)
    monkeypatch.setattr(SqliteStore, "_make_room", make_room)
    store = SqliteStore(tmp_path / "state.db")
    assert made.wait(60)
    await store.commit([put("a")])
    store.close()
    assert set(given) == {tmp_path / "state.db-wal"}


async def test_a_full_disk_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, wal = SqliteStore(tmp_path / "state.db"), tmp_path / "state.db-wal"
    await store.commit([put("before")])
    size = wal.stat().st_size

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    store._make_room(wal)
    await store.commit([put("after")])

    assert size < wal.stat().st_size < ROOM
    assert list(store.load(HostChange)) == ["before", "after"]
    store.close()
