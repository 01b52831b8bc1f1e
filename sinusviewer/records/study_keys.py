"""Whose records a study's are: a study instance UID, and the patient where two came under the same one.

Whatever was kept stays under the plain UID and belongs to the patient whose it was; another patient under that UID gets a key of
its own in all tables, and so do all who come after. One of them is open at a time, and that one's key answers to the UID.
"""

import contextlib
import hashlib
import sqlite3
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sinusviewer.domain.image import Identity
from sinusviewer.domain.prior import may_be_two_people
from sinusviewer.errors import StorageError

SEPARATOR = "~"
"""In no UID (PS3.5 9.1): parts it from the mark of a second patient."""


class RecordsKey(str):
    """The key of one patient's records of a study; stays what it is, whoever is opened under the UID afterwards."""

    __slots__ = ()

    @property
    def mark(self) -> str:
        """What tells this patient from the one whose records bear the plain UID; empty for that one."""
        return self.partition(SEPARATOR)[2]


class Tables(Protocol):
    """What the keys need of the database."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...
    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]: ...


class StudyKeys:
    """The keys in force; one for each database."""

    def __init__(self, database: Tables) -> None:
        self._database = database
        self._claimed: dict[str, tuple[tuple[str, str], RecordsKey]] = {}

    def of(self, study_instance_uid: str) -> RecordsKey:
        """The key that a UID stands for now; a key stands for itself."""
        if isinstance(study_instance_uid, RecordsKey):
            return study_instance_uid
        claimed = self._claimed.get(study_instance_uid)
        return claimed[1] if claimed else RecordsKey(study_instance_uid)

    def claim(self, study_instance_uid: str, who: Identity) -> RecordsKey:
        """The key of this patient's records; from now on the UID stands for it. A new patient's is noted."""
        person = (who.patient_id, who.birth_date)
        claimed = self._claimed.get(study_instance_uid)
        if claimed is None or claimed[0] != person:
            claimed = person, self._key(study_instance_uid, who)
            self._claimed[study_instance_uid] = claimed
        return claimed[1]

    def forget(self, study_instance_uid: str) -> None:
        """Ask anew whose records a UID stands for: its owners have changed."""
        self._claimed.pop(study_instance_uid, None)

    def _key(self, uid: str, who: Identity) -> RecordsKey:
        owners = self._owners(uid)
        fitting = [key for key, owner in owners.items() if not may_be_two_people(owner, who)]
        same = [key for key in fitting if who.patient_id and owners[key].patient_id == who.patient_id]
        if len(same or fitting) == 1:
            key = (same or fitting)[0]
            known = owners[key]
            self._note(uid, key, known.patient_id or who.patient_id, known.birth_date or who.birth_date)
            return key
        mark = hashlib.sha256(f"{who.patient_id}\n{who.birth_date}".encode("utf-8", "surrogateescape")).hexdigest()[:12]
        key = RecordsKey(f"{uid}{SEPARATOR}{mark}" if owners else uid)
        self._note(uid, key, who.patient_id, who.birth_date)
        return key

    def _owners(self, uid: str) -> dict[RecordsKey, Identity]:
        """Who has records under a UID; those of earlier versions are of whoever the index names."""
        sql = "SELECT records_key, patient_id, birth_date FROM study_owner WHERE study_instance_uid=?"
        found = {
            RecordsKey(key): Identity(patient_id=number, birth_date=born)
            for key, number, born in self._database.query(sql, (uid,))
        }
        if not found:
            rows = self._database.query("SELECT patient_id FROM study WHERE study_instance_uid=?", (uid,))
            if rows:
                found = {RecordsKey(uid): Identity(patient_id=rows[0][0] or "")}
                self._note(uid, RecordsKey(uid), rows[0][0] or "", "")
        return found

    def _note(self, uid: str, key: RecordsKey, patient_id: str, birth_date: str) -> None:
        # A full disk must not keep two patients from being told apart; it is noted the next time.
        with contextlib.suppress(StorageError), self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO study_owner VALUES (?,?,?,?) ON CONFLICT (records_key) DO UPDATE SET"
                " patient_id=excluded.patient_id, birth_date=excluded.birth_date",
                (key, uid, patient_id, birth_date),
            )
