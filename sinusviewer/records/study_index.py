"""The study index: which studies were opened, from where, found again by patient, date and description."""

import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sinusviewer.domain.study import Study
from sinusviewer.records.database import Database
from sinusviewer.records.study_keys import SEPARATOR


@dataclass(frozen=True, slots=True, eq=False)
class IndexedStudy:
    """One line of the studies panel.

    ``study_instance_uid`` bears a mark behind the UID where another patient has that one now.
    """

    study_instance_uid: str
    patient_name: str
    patient_id: str
    study_date: str
    description: str
    modalities: str
    source: str
    series_count: int
    badge: str
    thumbnail_png: bytes | None = None


_COLUMNS = "study_instance_uid, patient_name, patient_id, study_date, description, modalities, source, series_count, badge, thumbnail"


def _folded(text: str) -> str:
    """Lower case without accents, so that a search for "muller" finds "Müller"."""
    decomposed = unicodedata.normalize("NFKD", text.replace("^", " "))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


class StudyIndex:
    """Stores and finds studies. Rebuildable: every row comes from the files at ``source``."""

    def __init__(self, database: Database) -> None:
        self._database, self._key = database, database.keys.of

    def add(self, study: Study, thumbnail_png: bytes | None = None) -> None:
        """Add a study or refresh it; its badge and (where none is given) its thumbnail stay."""
        who = study.identity
        modalities = "/".join(sorted({s.identity.modality for s in study.series if s.identity.modality}))
        text = _folded(" ".join((who.patient_name, who.patient_id, who.study_date, who.study_description, modalities)))
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO study (study_instance_uid, patient_name, patient_id, study_date, description, modalities, source,"
                " series_count, last_opened, thumbnail, search_text) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT (study_instance_uid) DO UPDATE SET patient_name=excluded.patient_name,"
                " patient_id=excluded.patient_id, study_date=excluded.study_date, description=excluded.description,"
                " modalities=excluded.modalities, source=excluded.source, series_count=excluded.series_count,"
                " last_opened=excluded.last_opened, thumbnail=COALESCE(excluded.thumbnail, study.thumbnail),"
                " search_text=excluded.search_text",
                (self._key(study.study_instance_uid), who.patient_name, who.patient_id, who.study_date, who.study_description,
                 modalities, study.source, len(study.series), time.time(), thumbnail_png, text),
            )  # fmt: skip

    def set_thumbnail(self, study_instance_uid: str, png: bytes) -> None:
        self._set("thumbnail", study_instance_uid, png)

    def set_badge(self, study_instance_uid: str, badge: str) -> None:
        """``new``, ``read``, ``withheld``, ``edited`` or ``signed``."""
        if badge not in ("new", "read", "withheld", "edited", "signed"):
            raise ValueError(f"unknown badge {badge!r}")
        self._set("badge", study_instance_uid, badge)

    def _set(self, column: str, study_instance_uid: str, value: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE study SET {column}=? WHERE study_instance_uid=?", (value, self._key(study_instance_uid))
            )

    def recent(self, limit: int = 50) -> tuple[IndexedStudy, ...]:
        """Last opened first."""
        return self._rows(f"SELECT {_COLUMNS} FROM study ORDER BY last_opened DESC LIMIT ?", (limit,))

    def search(self, text: str, limit: int = 200) -> tuple[IndexedStudy, ...]:
        """Studies that hold every word of ``text`` in name, ID, date (YYYYMMDD), description or modality."""
        words = _folded(text).replace("-", "").split() if text.replace("-", "").isdigit() else _folded(text).split()
        where = " AND ".join("search_text LIKE ? ESCAPE '\\'" for _ in words) or "1"
        patterns = tuple("%" + w.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for w in words)
        return self._rows(
            f"SELECT {_COLUMNS} FROM study WHERE {where} ORDER BY last_opened DESC LIMIT ?", (*patterns, limit)
        )

    def prior_studies(self, patient_id: str, except_uid: str) -> tuple[IndexedStudy, ...]:
        """Other studies of the same patient ID, newest first; none for an empty ID."""
        if not patient_id:
            return ()
        sql = f"SELECT {_COLUMNS} FROM study WHERE patient_id=? AND study_instance_uid<>? ORDER BY study_date DESC"
        return self._rows(sql, (patient_id, self._key(except_uid)))

    def studies_under(self, numbers: Iterable[str], birth_date: str, except_uid: str) -> tuple[IndexedStudy, ...]:
        """Studies that are kept under other numbers with this birth date, newest first; none without a birth date."""
        wanted = tuple(numbers)
        if not wanted or not birth_date:
            return ()
        columns = ", ".join(f"s.{name}" for name in _COLUMNS.split(", "))
        sql = (
            f"SELECT {columns} FROM study AS s JOIN study_owner AS o ON o.records_key = s.study_instance_uid"
            f" WHERE s.patient_id IN ({', '.join('?' for _ in wanted)}) AND o.birth_date=? AND s.study_instance_uid<>?"
            " ORDER BY s.study_date DESC"
        )
        return self._rows(sql, (*wanted, birth_date, self._key(except_uid)))

    def remove(self, study_instance_uid: str) -> None:
        """Forget the entry; the images and all findings stay."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM study WHERE study_instance_uid=?", (self._key(study_instance_uid),))

    def _rows(self, sql: str, parameters: tuple[object, ...]) -> tuple[IndexedStudy, ...]:
        rows = self._database.query(sql, parameters)
        return tuple(IndexedStudy(self._name(key), *row) for key, *row in rows)

    def _name(self, key: str) -> str:
        """The UID for the patient it stands for now, and for whoever had it first while it is not open; else the whole key."""
        uid = key.partition(SEPARATOR)[0]
        return uid if self._key(uid) == key else f"{uid}{SEPARATOR}{key.partition(SEPARATOR)[2]}"
