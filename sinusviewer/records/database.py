"""One SQLite file in the user's data folder: WAL, checked on opening, set aside and rebuilt where it is damaged."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sinusviewer.errors import StorageError
from sinusviewer.records.study_keys import StudyKeys

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    study_instance_uid TEXT PRIMARY KEY, patient_name TEXT, patient_id TEXT, study_date TEXT, description TEXT,
    modalities TEXT, source TEXT, series_count INTEGER, last_opened REAL, thumbnail BLOB, badge TEXT DEFAULT 'new',
    search_text TEXT);
CREATE INDEX IF NOT EXISTS study_by_patient ON study (patient_id);
CREATE INDEX IF NOT EXISTS study_by_opening ON study (last_opened);
CREATE TABLE IF NOT EXISTS finding_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, reader TEXT NOT NULL, study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL, sop_instance_uid TEXT NOT NULL, finding_id TEXT NOT NULL, action TEXT NOT NULL,
    content TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS finding_event_by_study ON finding_event (study_instance_uid, number);
CREATE INDEX IF NOT EXISTS corrected_numbers ON finding_event (action) WHERE action = 'number_corrected';
CREATE TABLE IF NOT EXISTS study_note (
    study_instance_uid TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, name));
CREATE TABLE IF NOT EXISTS study_owner (
    records_key TEXT PRIMARY KEY, study_instance_uid TEXT NOT NULL, patient_id TEXT NOT NULL, birth_date TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS study_owner_by_study ON study_owner (study_instance_uid);
CREATE TABLE IF NOT EXISTS kept_reading (
    number INTEGER PRIMARY KEY AUTOINCREMENT, study_instance_uid TEXT NOT NULL, reading_key TEXT NOT NULL,
    created TEXT NOT NULL, content TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS kept_reading_by_study ON kept_reading (study_instance_uid, reading_key, number);
CREATE TABLE IF NOT EXISTS signed_report (
    number INTEGER PRIMARY KEY AUTOINCREMENT, study_instance_uid TEXT NOT NULL, at TEXT NOT NULL, reader TEXT NOT NULL,
    addendum_to INTEGER, content TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS signed_report_is_immutable BEFORE UPDATE ON signed_report
    BEGIN SELECT RAISE(ABORT, 'a signed report cannot be changed'); END;
CREATE TRIGGER IF NOT EXISTS signed_report_stays BEFORE DELETE ON signed_report
    BEGIN SELECT RAISE(ABORT, 'a signed report cannot be deleted'); END;
CREATE TRIGGER IF NOT EXISTS finding_event_is_immutable BEFORE UPDATE ON finding_event
    BEGIN SELECT RAISE(ABORT, 'the history of findings cannot be changed'); END;
"""


class _DamagedError(sqlite3.DatabaseError):
    """The file is readable and its content is not sound."""


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is damaged; one that is locked, or on a disk that takes nothing, is whole."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _DamagedError) or (
        isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    )


def _why(error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "Another window of this program is writing to them. Wait a moment and start again."
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return "Their folder cannot be written to: check its rights."
    return "Check the folder of the records, and that the disk is not full."


class Database:
    """A SQLite file shared by the stores of this package; safe to use from several threads.

    Parameters
    ----------
    path
        The file; its folder must exist. A damaged file (never one that is locked, or cannot be written) is renamed to
        ``*.damaged-<time>`` and a new one is begun (``was_damaged`` is then True): the index is rebuildable from the images,
        and nothing is thrown away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.was_damaged = False
        self._lock = threading.RLock()
        self._joined = False
        self.keys = StudyKeys(self)
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise StorageError("The records cannot be opened.", _why(error)) from error
            self.was_damaged = True
            self._set_aside()
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as second:
                raise StorageError("The records cannot be opened.", _why(second)) from second

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, check_same_thread=False, timeout=10)
        except sqlite3.OperationalError as error:
            raise StorageError("The database cannot be opened.", f"Check the folder of {self.path.name}.") from error
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise _DamagedError("quick_check failed")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.commit()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _set_aside(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                file.rename(file.with_name(f"{file.name}.damaged-{stamp}"))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit on success, roll back on failure; a full disk or a locked file becomes a StorageError."""
        with self._lock:
            try:
                if self._joined:
                    with self._part():
                        yield self._connection
                    return
                with self._connection:
                    yield self._connection
            except sqlite3.IntegrityError:
                raise
            except sqlite3.DatabaseError as error:
                raise StorageError("The database could not be written.", "Check that the disk is not full.") from error

    @contextmanager
    def _part(self) -> Iterator[None]:
        """A transaction within a joined one: undone by itself where it fails."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write to the disk once for all transactions within: of two thousand studies each would wait for the disk by itself.

        All or nothing: a failure that ends it, or a disk that is full at the end, takes back what had been written. So only for what
        the next opening makes anew, or what must not stand alone.
        """
        with self._lock:
            if self._joined:
                yield
                return
            with self.transaction() as connection:
                connection.execute("BEGIN")
                self._joined = True
                try:
                    yield
                finally:
                    self._joined = False

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return list(self._connection.execute(sql, parameters))
            except sqlite3.DatabaseError as error:
                raise StorageError("The database could not be read.") from error

    def close(self) -> None:
        with self._lock:
            self._connection.close()
