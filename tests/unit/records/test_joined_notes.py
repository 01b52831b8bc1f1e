"""Two windows over one file of records: neither takes back what the other wrote."""

import pytest

from sinusviewer.records.database import Database
from sinusviewer.records.findings import ASIDE, FindingStore


@pytest.fixture
def two(tmp_path):
    databases = [Database(tmp_path / "records.sqlite") for _ in range(2)]
    stores = [FindingStore(d, "Dr. Lee") for d in databases]
    for store in stores:
        store.told = []
        store.on_joined = lambda name, aside, store=store: store.told.append((name, aside))
    yield stores
    for database in databases:
        database.close()


def item(identifier: str, x: float = 0.0) -> dict[str, object]:
    return {"identifier": identifier, "points": [[x, 0.0]]}


def items(*found) -> dict[str, object]:
    return {"items": list(found)}


def test_measurements_of_both_windows_stay(two):
    one, other = two
    name = "measurements s/f"
    for store in two:
        store.show_note("u", name, None)
    one.set_note("u", name, items(item("a")))
    other.set_note("u", name, items(item("b")))
    assert other.note("u", name) == items(item("b"), item("a"))
    assert other.told == [(name, None)]
    one.set_note("u", name, items(item("a"), item("c")))
    assert {i["identifier"] for i in one.note("u", name)["items"]} == {"a", "b", "c"}
    other.set_note("u", name, items())
    assert {i["identifier"] for i in one.note("u", name)["items"]} == {"a", "c"}, "only its own are taken away"


def test_what_one_window_moved_is_not_moved_back_by_the_other(two):
    one, other = two
    name = "measurements s/f"
    one.set_note("u", name, items(item("a")))
    other.show_note("u", name, one.note("u", name))
    one.set_note("u", name, items(item("a", 9.0)))
    other.set_note("u", name, items(item("a"), item("b")))
    assert other.note("u", name) == items(item("a", 9.0), item("b"))


def test_one_window_alone_writes_what_it_shows_and_nobody_is_told(two):
    one, other = two
    one.set_note("u", "measurements s/f", items(item("a"), item("b")))
    one.set_note("u", "measurements s/f", items(item("b")))
    assert other.note("u", "measurements s/f") == items(item("b"))
    other.show_note("u", "measurements s/f", other.note("u", "measurements s/f"))
    other.set_note("u", "measurements s/f", items())
    assert one.note("u", "measurements s/f") == items()
    assert not one.told
    assert not other.told


def test_clinical_data_of_both_windows_are_joined_field_by_field(two):
    one, other = two
    for store in two:
        store.show_note("u", "clinical", None)
    one.set_note("u", "clinical", {"asthma": True, "eosinophils_per_ul": None})
    other.show_note("u", "clinical", {"asthma": None, "eosinophils_per_ul": None})
    other.set_note("u", "clinical", {"asthma": None, "eosinophils_per_ul": 300.0})
    assert one.note("u", "clinical") == {"asthma": True, "eosinophils_per_ul": 300.0}


def test_a_text_that_another_window_wrote_is_kept_beside_the_last_one(two):
    one, other = two
    for store in two:
        store.show_note("u", "report_text", None)
    one.set_note("u", "report_text", {"text": "Theirs."})
    other.set_note("u", "report_text", {"text": "Mine."})
    assert one.note("u", "report_text") == {"text": "Mine."}
    assert list(one.notes("u", f"{ASIDE}report_text").values()) == [{"text": "Theirs."}]
    assert other.told == [("report_text", {"text": "Theirs."})]


def test_strokes_of_both_windows_stay_in_force(two):
    one, other = two
    for store in two:
        store.show_note("u", "masks s", None)
    one.set_note("u", "masks s", {"in_force": ["p1"], "drawn_alone": False})
    other.set_note("u", "masks s", {"in_force": ["p2"], "drawn_alone": False})
    assert other.note("u", "masks s")["in_force"] == ["p2", "p1"]


def test_what_another_window_did_is_told_once_and_not_with_every_change_here(two):
    one, other = two
    name = "measurements s/f"
    for store in two:
        store.show_note("u", name, None)
    one.set_note("u", name, items(item("a")))
    other.set_note("u", name, items(item("b")))
    other.set_note("u", name, items(item("b"), item("c")))
    assert {i["identifier"] for i in other.note("u", name)["items"]} == {"a", "b", "c"}
    assert other.told == [(name, None)]
    one.set_note("u", name, items(item("a", 9.0)))
    other.set_note("u", name, items(item("b")))
    assert other.told == [(name, None), (name, None)], "news is told again"


@pytest.mark.parametrize("damaged", ["{", "[1]"])
def test_a_damaged_note_is_kept_aside_and_stops_no_writing(two, damaged):
    one, _ = two
    one.show_note("u", "clinical", None)
    with one._database.transaction() as connection:
        connection.execute("INSERT INTO study_note VALUES ('u', 'clinical', ?, '')", (damaged,))
    one.set_note("u", "clinical", {"asthma": True})
    assert one.note("u", "clinical") == {"asthma": True}
    assert list(one.notes("u", f"{ASIDE}clinical").values()) == [{"damaged": damaged}]
    assert not one.told, "no other window did that"
