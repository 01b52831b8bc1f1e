"""The history of findings, study notes and signed reports: written at once, appended to, never overwritten.

Every accept, edit and reject is a row of its own with reader and time, committed before the screen changes; after a kill the
rows are replayed. The network's original stays as the first row of its finding.
"""

import getpass
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sinusviewer.domain.image import Identity
from sinusviewer.records.database import Database
from sinusviewer.records.joined_notes import join
from sinusviewer.records.study_keys import RecordsKey

if TYPE_CHECKING:
    from collections.abc import Callable

ASIDE = "aside "
"""Begins the name of what another window wrote and could not be joined."""
_NOTE = "SELECT content FROM study_note WHERE study_instance_uid=? AND name=?"
_PUT_NOTE = (
    "INSERT INTO study_note VALUES (?,?,?,?) ON CONFLICT (study_instance_uid, name)"
    " DO UPDATE SET content=excluded.content, at=excluded.at"
)


@dataclass(frozen=True, slots=True)
class FindingEvent:
    """One step in the life of a finding; ``content`` is the finding as plain data after that step."""

    number: int
    at: str
    reader: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    finding_id: str
    action: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report that can no longer change; a later one may be an addendum to it."""

    number: int
    at: str
    reader: str
    addendum_to: int | None
    content: dict[str, Any]


def _event(row: tuple[Any, ...]) -> FindingEvent:
    number, at, reader, study, series, sop, finding, action, content = row
    return FindingEvent(number, at, reader, study, series, sop, finding, action, json.loads(content))


def _report(row: tuple[Any, ...]) -> SignedReport:
    number, at, reader, addendum_to, content = row
    return SignedReport(number, at, reader, addendum_to, json.loads(content))


def current_reader() -> str:
    """The account's name, as far as the system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no account database (containers, some Windows services)
        return "unknown"


def _sound(text: str) -> dict[str, Any] | None:
    """A note's content; None where it is damaged."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class FindingStore:
    """Appends to and replays the history."""

    ACTIONS = (
        "proposed",
        "added",
        "accepted",
        "edited",
        "rejected",
        "restored",
        "side_confirmed",
        "override",
        "undone",
        "redone",
        "viewed_only",
        "geometry_accepted",
        "scored",
        "turned",
        "film_confirmed",
        "film_unconfirmed",
        "masks_confirmed",
        "masks_unconfirmed",
        "number_corrected",
        "kept_apart",
    )

    def __init__(self, database: Database, reader: str | None = None) -> None:
        self._database, self._key = database, database.keys.of
        self.reader = reader or current_reader()
        self._shown: dict[tuple[RecordsKey, str], dict[str, Any]] = {}
        self._left: dict[tuple[RecordsKey, str], dict[str, Any]] = {}  # notes as this window left them, joined ones too
        self.on_joined: Callable[[str, dict[str, Any] | None], None] = lambda *_: None
        """Told of a note that another window had changed too: its name, and what could not be joined and is kept aside."""

    def key_of(self, study_instance_uid: str) -> RecordsKey:
        """Whose records a UID stands for now; what is written later, by this key, is still theirs."""
        return self._key(study_instance_uid)

    def together(self) -> AbstractContextManager[None]:
        """Write all of what is noted within, or nothing; see :meth:`Database.together`."""
        return self._database.together()

    def claim(self, study_instance_uid: str, who: Identity) -> RecordsKey:
        """From now on the UID stands for this patient's records."""
        return self._database.keys.claim(study_instance_uid, who)

    def record(
        self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, finding_id: str, action: str,
        content: dict[str, Any],
    ) -> int:  # fmt: skip
        """Append one event; returns its number. On disk when this returns."""
        if action not in self.ACTIONS:
            raise ValueError(f"unknown action {action!r}")
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO finding_event (at, reader, study_instance_uid, series_instance_uid, sop_instance_uid, finding_id,"
                " action, content) VALUES (?,?,?,?,?,?,?,?)",
                (_now(), self.reader, self._key(study_instance_uid), series_instance_uid, sop_instance_uid, finding_id, action,
                 json.dumps(content)),
            )  # fmt: skip
        return int(cursor.lastrowid or 0)

    def history(self, study_instance_uid: str) -> tuple[FindingEvent, ...]:
        """All events of a study, oldest first."""
        rows = self._database.query(
            "SELECT number, at, reader, study_instance_uid, series_instance_uid, sop_instance_uid, finding_id, action, content"
            " FROM finding_event WHERE study_instance_uid=? ORDER BY number",
            (self._key(study_instance_uid),),
        )
        return tuple(_event(row) for row in rows)

    def latest(self, study_instance_uid: str) -> dict[str, FindingEvent]:
        """The last event of every finding: what a replay after a kill restores."""
        return {event.finding_id: event for event in self.history(study_instance_uid)}

    def show_note(self, study_instance_uid: str, name: str, content: dict[str, Any] | None) -> None:
        """Remember a note as this window shows it (None: there is none): what is written next is a change of that."""
        self._shown[self._key(study_instance_uid), name] = content or {}

    def set_note(self, study_instance_uid: str, name: str, content: dict[str, Any]) -> None:
        """Save plain data with a study (clinical data, key images, confirmed side), replacing the note of that name.

        What another window wrote into it since this one looked is joined, or else kept beside it, and ``on_joined`` is told.
        """
        key = self._key(study_instance_uid)
        with self._database.transaction() as connection:
            if not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")  # nobody may write between the look and the writing
            row = connection.execute(_NOTE, (key, name)).fetchone()
            theirs = _sound(row[0]) if row else None
            result = join(name, self._shown.get((key, name)), theirs, content)
            connection.execute(_PUT_NOTE, (key, name, json.dumps(result.content), _now()))
            aside = {"damaged": row[0]} if row and theirs is None else result.aside
            if aside is not None:
                connection.execute(_PUT_NOTE, (key, f"{ASIDE}{name} {_now()}", json.dumps(aside), _now()))
        news = theirs != self._left.get((key, name))
        self._left[key, name] = json.loads(json.dumps(result.content))
        self._shown[key, name] = json.loads(json.dumps(content))  # not the other's part: it is not on screen here
        if (result.both and news) or result.aside is not None:
            self.on_joined(name, result.aside)

    def note(self, study_instance_uid: str, name: str) -> dict[str, Any] | None:
        rows = self._database.query(_NOTE, (self._key(study_instance_uid), name))
        return cast(dict[str, Any], json.loads(rows[0][0])) if rows else None

    def notes(self, study_instance_uid: str, prefix: str) -> dict[str, dict[str, Any]]:
        """All notes of a study whose name begins with ``prefix``, by the rest of the name."""
        sql = "SELECT name, content FROM study_note WHERE study_instance_uid=? AND substr(name, 1, ?)=?"
        rows = self._database.query(sql, (self._key(study_instance_uid), len(prefix), prefix))
        return {name[len(prefix) :]: cast(dict[str, Any], json.loads(content)) for name, content in rows}

    def sign(self, study_instance_uid: str, content: dict[str, Any], addendum_to: int | None = None) -> int:
        """Store a report for good. The first is the report, every later one an addendum to an earlier one."""
        signed = {report.number for report in self.signed_reports(study_instance_uid)}
        if addendum_to is None and signed:
            raise ValueError("the study has a signed report: a change is an addendum")
        if addendum_to is not None and addendum_to not in signed:
            raise ValueError("an addendum names a signed report of the same study")
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO signed_report (study_instance_uid, at, reader, addendum_to, content) VALUES (?,?,?,?,?)",
                (self._key(study_instance_uid), _now(), self.reader, addendum_to, json.dumps(content)),
            )
        return int(cursor.lastrowid or 0)

    def signed_keys(self) -> frozenset[str]:
        """Keys of all studies with a signed report."""
        return frozenset(
            key for (key,) in self._database.query("SELECT DISTINCT study_instance_uid FROM signed_report")
        )

    def signed_reports(self, study_instance_uid: str) -> tuple[SignedReport, ...]:
        rows = self._database.query(
            "SELECT number, at, reader, addendum_to, content FROM signed_report WHERE study_instance_uid=? ORDER BY number",
            (self._key(study_instance_uid),),
        )
        return tuple(_report(row) for row in rows)
