"""A patient whose number was put right: who had the records of a study before, and giving them to the corrected number.

Hospitals correct numbers (a duplicate is merged, an emergency admission gets its own). The same study UID, the same name and the
same birth date under another number are most likely one person; only a person can know, so nothing here happens by itself.
"""

import json
from dataclasses import dataclass

from sinusviewer.domain.image import Identity
from sinusviewer.domain.prior import same_name
from sinusviewer.records.database import Database
from sinusviewer.records.study_keys import RecordsKey

_TABLES = ("finding_event", "study_note", "kept_reading", "signed_report")

_CORRECTED = "SELECT content FROM finding_event WHERE action = 'number_corrected'"


@dataclass(frozen=True, slots=True)
class FormerOwner:
    """Under which number the records of a study were kept, and their key."""

    key: RecordsKey
    patient_id: str


class FormerOwners:
    """Asks and changes the owners of records; call only from the GUI thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, study_instance_uid: str, who: Identity) -> FormerOwner | None:
        """Records of the study under another number, of the same name and birth date; None where there is any doubt.

        None as well once a reader did anything under the present number: two people's work is never joined.
        """
        here = self._database.keys.of(study_instance_uid)
        if not (who.patient_name and who.birth_date and who.patient_id) or self._worked_on(here):
            return None
        rows = self._database.query(
            "SELECT o.records_key, o.patient_id, s.patient_name FROM study_owner AS o JOIN study AS s"
            " ON s.study_instance_uid = o.records_key WHERE o.study_instance_uid=? AND o.records_key<>?"
            " AND o.patient_id<>'' AND o.patient_id<>? AND o.birth_date=?",
            (study_instance_uid, here, who.patient_id, who.birth_date),
        )
        found = [
            FormerOwner(RecordsKey(key), number) for key, number, name in rows
            if name and same_name(name, who.patient_name) and self._anything(RecordsKey(key))
        ]  # fmt: skip
        return found[0] if len(found) == 1 else None

    def former_numbers(self, patient_id: str) -> frozenset[str]:
        """Numbers from which readers carried a study over to this one, or to one that was corrected to it."""
        if not patient_id:
            return frozenset()
        corrected = [
            (str(c.get("former_patient_id", "")), str(c.get("patient_id", "")))
            for c in (json.loads(content) for (content,) in self._database.query(_CORRECTED))
        ]
        found = {patient_id}
        while more := {old for old, new in corrected if new in found and old} - found:
            found |= more
        return frozenset(found - {patient_id})

    def hand_over(self, study_instance_uid: str, former: FormerOwner, who: Identity) -> None:
        """From now on the former owner's records are those of the corrected number; what the program alone kept since is dropped.

        Raises
        ------
        StorageError
            Where the disk is full; then nothing has changed.
        """
        here = self._database.keys.of(study_instance_uid)
        with self._database.transaction() as connection:
            connection.execute("UPDATE study_owner SET patient_id=? WHERE records_key=?", (who.patient_id, former.key))
            for table, column in (("study_owner", "records_key"), ("study", "study_instance_uid"),
                                  ("kept_reading", "study_instance_uid")):  # fmt: skip
                connection.execute(f"DELETE FROM {table} WHERE {column}=?", (here,))
        self._database.keys.forget(study_instance_uid)

    def _anything(self, key: RecordsKey) -> bool:
        return any(
            self._database.query(f"SELECT 1 FROM {table} WHERE study_instance_uid=? LIMIT 1", (key,))
            for table in _TABLES
        )

    def _worked_on(self, key: RecordsKey) -> bool:
        """Whether a reader did anything; what a network proposed is no work."""
        sql = "SELECT 1 FROM finding_event WHERE study_instance_uid=? AND action NOT IN ('proposed', 'undone') LIMIT 1"
        others = ("study_note", "signed_report")
        return bool(self._database.query(sql, (key,))) or any(
            self._database.query(f"SELECT 1 FROM {table} WHERE study_instance_uid=? LIMIT 1", (key,))
            for table in others
        )
