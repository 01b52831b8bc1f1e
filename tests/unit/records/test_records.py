import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sinusviewer.domain.image import Identity
from sinusviewer.domain.study import Series, SeriesKind, Study
from sinusviewer.errors import StorageError
from sinusviewer.records.database import Database
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.study_index import StudyIndex


def study(uid: str, name: str = "Müller^Anna", patient_id: str = "7", date: str = "20240105") -> Study:
    who = Identity(
        patient_name=name, patient_id=patient_id, study_date=date, study_description="CT Sinus_1", modality="CT"
    )
    return Study(uid, who, (Series(who, SeriesKind.VOLUME, ()),), source="/nowhere")


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path / "records.sqlite")
    yield opened
    opened.close()


@pytest.mark.parametrize("text", ["muller", "ANNA mül", "2024-01-05", "20240105", "sinus_1", "7 ct", ""])
def test_a_study_is_found_by_name_id_date_and_description(database, text):
    index = StudyIndex(database)
    index.add(study("1.2"))
    assert [s.study_instance_uid for s in index.search(text)] == ["1.2"]


@pytest.mark.parametrize("text", ["schmidt", "%", "sinus_2", "sinusx1", "anna schmidt"])
def test_a_search_that_fits_nothing_finds_nothing(database, text):
    index = StudyIndex(database)
    index.add(study("1.2"))
    assert index.search(text) == ()


def test_opening_a_study_again_keeps_its_badge_and_thumbnail(database):
    index = StudyIndex(database)
    index.add(study("1.2"), b"png")
    index.set_badge("1.2", "signed")
    index.add(study("1.2"))
    (again,) = index.recent()
    assert (again.badge, again.thumbnail_png) == ("signed", b"png")


def test_priors_are_other_studies_of_the_same_patient_only(database):
    index = StudyIndex(database)
    for uid, patient in (("1", "7"), ("2", "7"), ("3", "8"), ("4", "")):
        index.add(study(uid, patient_id=patient))
    assert [s.study_instance_uid for s in index.prior_studies("7", "1")] == ["2"]
    assert index.prior_studies("", "4") == ()


def test_a_damaged_database_is_set_aside_and_a_new_one_begun(tmp_path):
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    database = Database(path)
    StudyIndex(database).add(study("1.2"))
    database.close()
    assert database.was_damaged
    assert [p for p in tmp_path.iterdir() if "damaged" in p.name]


def test_a_finding_keeps_its_original_beside_every_later_step(database):
    store = FindingStore(database, reader="reader A")
    store.record("1.2", "1.2.3", "1.2.3.4", "f1", "proposed", {"xyxy": [0, 0, 5, 5]})
    store.record("1.2", "1.2.3", "1.2.3.4", "f1", "edited", {"xyxy": [1, 1, 6, 6]})
    assert [e.action for e in store.history("1.2")] == ["proposed", "edited"]
    assert store.history("1.2")[0].content == {"xyxy": [0, 0, 5, 5]}
    assert store.latest("1.2")["f1"].content == {"xyxy": [1, 1, 6, 6]}


def test_the_history_of_findings_cannot_be_rewritten(database):
    FindingStore(database).record("1.2", "", "", "f1", "accepted", {})
    with pytest.raises(sqlite3.IntegrityError, match="cannot be changed"), database.transaction() as connection:
        connection.execute("UPDATE finding_event SET action='rejected'")


def test_a_signed_report_is_immutable_and_a_change_is_an_addendum(database):
    store = FindingStore(database)
    first = store.sign("1.2", {"text": "clear"})
    with pytest.raises(ValueError, match="addendum"):
        store.sign("1.2", {"text": "other"})
    store.sign("1.2", {"text": "a cyst after all"}, addendum_to=first)
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as connection:
        connection.execute("DELETE FROM signed_report")
    assert [r.addendum_to for r in store.signed_reports("1.2")] == [None, first]


def test_an_edit_survives_a_kill_right_after_it(tmp_path):
    path = tmp_path / "records.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from sinusviewer.records.database import Database;"
        "from sinusviewer.records.findings import FindingStore;"
        "FindingStore(Database(Path(sys.argv[1]))).record('1.2', '', '', 'f1', 'edited', {'n': 1}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    database = Database(path)
    assert FindingStore(database).latest("1.2")["f1"].content == {"n": 1}
    database.close()


def test_a_disk_that_takes_no_new_records_after_damaged_ones_is_said_in_words(tmp_path, monkeypatch):
    (tmp_path / "records.sqlite").write_bytes(b"no database at all" * 100)
    codes = iter((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR))

    def refuse(self):
        error = sqlite3.DatabaseError("no")
        error.sqlite_errorcode = next(codes)
        raise error

    monkeypatch.setattr(Database, "_open", refuse)
    with pytest.raises(StorageError, match="cannot be opened"):
        Database(tmp_path / "records.sqlite")


def test_records_that_another_window_writes_to_are_never_taken_for_damaged(tmp_path, monkeypatch):
    path = tmp_path / "records.sqlite"
    first = Database(path)
    first.transaction().__enter__().execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.05}))
    with pytest.raises(StorageError) as caught:
        Database(path)
    assert "Another window" in caught.value.hint
    assert not [p for p in tmp_path.iterdir() if "damaged" in p.name], "the records stay where they are"
    first._connection.rollback()
    first.close()


def delete_and_fail(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("DELETE FROM study")
        raise sqlite3.OperationalError("disk I/O error")


def test_many_studies_are_noted_in_one_writing_and_a_failed_part_takes_no_other_with_it(tmp_path):
    database = Database(tmp_path / "records.sqlite")
    index, other = StudyIndex(database), sqlite3.connect(tmp_path / "records.sqlite")

    def on_disk() -> int:
        return int(other.execute("SELECT COUNT(*) FROM study").fetchone()[0])

    with database.together():
        for number in range(3):
            index.add(Study(f"1.{number}", Identity(patient_id=f"P{number}"), ()))
        with pytest.raises(StorageError):
            delete_and_fail(database)
        assert on_disk() == 0, "nothing waits for the disk meanwhile"
    assert on_disk() == 3
    other.close()
    database.close()
