"""The store in one SQLite file.

Write-ahead log, full synchronisation: a commit is on disk when it returns. One thread owns the connection; commits that
wait while another is under way are written together and share its flush, each within a savepoint of its own, so that
one that fails does not harm the others.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

from netwright.errors import SystemFailure
from netwright.host.handover import hand_over, hand_over_failure
from netwright.store.api import Change, Delete, Put
from netwright.store.codec import decode, encode

T = TypeVar("T")

log = logging.getLogger(__name__)

APPLICATION = 0x4E575254
"""`application_id` of the file: the letters NWRT."""
LAYOUT = 1
"""`user_version` of the file: the layout of the table, not of the rows in it."""

ROOM = 4 << 20
"""Bytes of the log after which SQLite begins at its start again (`wal_autocheckpoint`: 1,000 pages)."""
PAUSE = 0.5
"""Seconds without a commit after which there is time to make room."""

_SCHEMA = "CREATE TABLE rows (kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (kind, key))"
_PUT = "INSERT INTO rows (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
_DELETE = "DELETE FROM rows WHERE kind = ? AND key = ?"

_Statement = tuple[str, tuple[str | bytes, ...]]
_Work = tuple[list[_Statement], "asyncio.Future[None]"]


class SqliteStore:
    """Rows of frozen dataclasses in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = self._open()
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._has_room = False
        self._writer = threading.Thread(target=self._write, name="store", daemon=True)
        self._writer.start()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o710, parents=True, exist_ok=True)
        try:
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=5)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._check_layout(connection)
        except (sqlite3.Error, OSError) as error:
            raise SystemFailure(f"the store {self._path} cannot be opened: {error}") from error
        return connection

    def _check_layout(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if application == 0 and layout == 0:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
            connection.execute("COMMIT")
        elif application != APPLICATION:
            raise SystemFailure(f"{self._path} is not a store of netwright")
        elif layout > LAYOUT:
            raise SystemFailure(f"the store {self._path} was written by a newer engine (layout {layout})")

    def load(self, kind: type[T]) -> dict[str, T]:
        """Return all rows of a kind by key, in the order of their first writing. Raises SystemFailure."""
        try:
            found = self._connection.execute(
                "SELECT key, body FROM rows WHERE kind = ? ORDER BY rowid", (kind.__name__,)
            ).fetchall()
        except sqlite3.Error as error:
            raise SystemFailure(f"the store {self._path} cannot be read: {error}") from error
        return {key: decode(kind, body) for key, body in found}

    def commit(self, changes: Sequence[Change]) -> Awaitable[None]:
        """Carry out all changes or none; they are on disk when this has been awaited. Raises SystemFailure."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            written.set_exception(SystemFailure(f"the store {self._path} is closed"))
        elif changes:
            self._queue.put(([_statement(change) for change in changes], written))
        else:
            written.set_result(None)
        return written

    def close(self) -> None:
        """Write what waits, and close."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._writer.join()
            self._connection.close()

    def _write(self) -> None:
        while (first := self._next()) is not None:
            works = [first]
            last = False
            while not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    last = True
                    break
                works.append(following)
            self._answer(works, [self._write_alone(first[0])] if len(works) == 1 else self._write_together(works))
            if last:
                return

    def _next(self) -> _Work | None:
        if not self._has_room:
            try:
                return self._queue.get(timeout=PAUSE)
            except queue.Empty:
                self._make_room(Path(f"{self._path}-wal"))
        return self._queue.get()

    def _make_room(self, wal: Path) -> None:
        """Let the log be as long now as it will be once; what lies behind its last commit means nothing to SQLite.

        A commit that lengthens it has the file system flush its own journal, too, a fifth of the time that it takes.
        """
        if not wal.exists():
            return
        self._has_room = True
        size = wal.stat().st_size
        try:
            with wal.open("r+b") as file:
                file.seek(size)
                file.write(bytes(max(0, ROOM - size)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.info("the log of the store stays short: %s", error)
            with contextlib.suppress(OSError):
                os.truncate(wal, size)

    def _write_alone(self, statements: Sequence[_Statement]) -> Exception | None:
        """Write one commit and return what failed. A single statement is a transaction of its own."""
        try:
            if len(statements) > 1:
                self._connection.execute("BEGIN IMMEDIATE")
            for statement, parameters in statements:
                self._connection.execute(statement, parameters)
            if len(statements) > 1:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return error
        return None

    def _write_together(self, works: Sequence[_Work]) -> Sequence[Exception | None]:
        """Write several commits in one transaction and return what failed of each."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._write_one(statements) for statements, _ in works]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return [error] * len(works)
        return outcomes

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _answer(self, works: Sequence[_Work], outcomes: Sequence[Exception | None]) -> None:
        for (_, written), outcome in zip(works, outcomes, strict=True):
            if outcome is None:
                hand_over(written, None)
            else:
                failure = SystemFailure(f"the store {self._path} could not be written: {outcome}")
                hand_over_failure(written, failure)

    def _write_one(self, statements: Sequence[_Statement]) -> Exception | None:
        self._connection.execute("SAVEPOINT one")
        try:
            for statement, parameters in statements:
                self._connection.execute(statement, parameters)
        except sqlite3.Error as error:
            if not self._connection.in_transaction:
                # Some failures (a full disk) end the whole transaction: then no commit of it has happened.
                raise
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            return error
        self._connection.execute("RELEASE one")
        return None


def _statement(change: Change) -> _Statement:
    match change:
        case Put(key, value):
            return _PUT, (type(value).__name__, key, encode(value))
        case Delete(kind, key):
            return _DELETE, (kind.__name__, key)
