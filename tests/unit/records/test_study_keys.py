"""Two patients under one study instance UID: each keeps what is theirs, and nobody loses what was kept before."""

import sqlite3

import pytest

from sinusviewer.domain.image import Identity
from sinusviewer.domain.study import Study
from sinusviewer.errors import StorageError
from sinusviewer.records.database import Database
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.study_index import StudyIndex

ANNA, BERTA = Identity("Anna", "1", "19700101"), Identity("Berta", "2", "19500505")


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "records.sqlite")
    yield opened
    opened.close()


def notes_of(database, who: Identity):
    store = FindingStore(database)
    store.claim("1.2", who)
    return store.note("1.2", "clinical"), [e.action for e in store.history("1.2")], len(store.signed_reports("1.2"))


def keep_all(database, who: Identity, text: str) -> None:
    store = FindingStore(database)
    store.claim("1.2", who)
    store.set_note("1.2", "clinical", {"text": text})
    store.record("1.2", "s", "i", "f", "accepted", {})
    store.sign("1.2", {"text": text})


def test_each_patient_has_their_own_notes_history_and_signature(database):
    keep_all(database, ANNA, "Anna's")
    assert notes_of(database, BERTA) == (None, [], 0)
    keep_all(database, BERTA, "Berta's")
    assert notes_of(database, ANNA) == ({"text": "Anna's"}, ["accepted"], 1)
    assert notes_of(database, BERTA) == ({"text": "Berta's"}, ["accepted"], 1)


def test_what_an_earlier_version_kept_is_still_its_patients_and_nobody_elses(tmp_path):
    path = tmp_path / "records.sqlite"
    old = Database(path)
    StudyIndex(old).add(Study("1.2", ANNA, ()))
    keep_all(old, Identity(), "from before")
    old.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE study_owner")
    connection.close()
    database = Database(path)
    assert notes_of(database, BERTA) == (None, [], 0)
    assert notes_of(database, ANNA) == ({"text": "from before"}, ["accepted"], 1)
    database.close()


def test_a_birth_date_that_comes_later_is_the_same_person_and_a_differing_one_is_not(database):
    keep_all(database, Identity("Anna", "1"), "Anna's")
    assert notes_of(database, ANNA)[2] == 1
    assert notes_of(database, Identity("Anna", "1", "19990909"))[2] == 0
    assert notes_of(database, Identity("Anna", "1"))[2] == 0, "two people bear that number now: neither is guessed"


def test_files_without_any_number_take_the_records_of_the_only_patient_and_of_no_other(database):
    keep_all(database, ANNA, "Anna's")
    assert notes_of(database, Identity())[2] == 1
    keep_all(database, BERTA, "Berta's")
    assert notes_of(database, Identity())[2] == 0


def test_the_list_has_a_line_for_each_and_the_badge_goes_to_whoever_is_open(database):
    index, store = StudyIndex(database), FindingStore(database)
    for who, badge in ((ANNA, "signed"), (BERTA, "read")):
        store.claim("1.2", who)
        index.add(Study("1.2", who, ()))
        index.set_badge("1.2", badge)
    lines = {line.patient_name: line for line in index.recent()}
    assert {name: line.badge for name, line in lines.items()} == {"Anna": "signed", "Berta": "read"}
    assert lines["Berta"].study_instance_uid == "1.2", "she is open"
    assert lines["Anna"].study_instance_uid != "1.2"


def test_a_key_stays_its_patients_whoever_comes_after_and_whatever_the_disk_says(database, monkeypatch):
    store = FindingStore(database)
    annas = store.claim("1.2", ANNA)
    with monkeypatch.context() as full:
        full.setattr(database, "transaction", lambda: (_ for _ in ()).throw(StorageError("full")))
        assert store.claim("1.2", BERTA) != annas
    store.set_note(annas, "clinical", {"text": "late"})
    assert store.note("1.2", "clinical") is None
    assert notes_of(database, ANNA)[0] == {"text": "late"}
