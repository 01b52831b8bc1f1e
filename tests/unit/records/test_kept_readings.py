import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import Detection, Heatmap, ModelReference, Segmentation
from sinusviewer.domain.image import ImageWarning
from sinusviewer.domain.reading import (
    AirMeasurement,
    EndotypeReading,
    LundMackay,
    Provenance,
    Reason,
    RecurrenceReading,
    SeriesReading,
    SeriesStatus,
    SideScore,
    SinusMeasurement,
    SliceProbability,
    WatersLabel,
    WatersReading,
)
from sinusviewer.records.database import Database
from sinusviewer.records.readings import InputMark, KeptReading, MasksFile, ReadingStore, kept_reading

MODEL = ModelReference("m", "1.2", "ab" * 32, "Trained on simulated patients only (no clinical images).")
MARK = InputMark("uids", "right_is_left=True", "pixels")
FULL = SeriesReading(
    "1.2.3", "CT", SeriesStatus.READ, None, (ImageWarning("code", "Words – ß"),), "1.2.3.4",
    WatersReading(
        WatersLabel.UNVERIFIED,
        (SideScore(ImageSide.IMAGE_LEFT, 0.1234567890123, True, "cyst", 0.2), SideScore(ImageSide.IMAGE_RIGHT, 0.0, False)),
        (1.5, 2.0, 3.0, 4.0), (Detection((1.0, 2.0, 3.0, 4.5), 0.999, Side.LEFT),), 0.43, MODEL, MODEL, "somewhere",
    ),
    (
        SinusMeasurement(Sinus.FRONTAL, Side.LEFT, None, 0.82, -412.5, 1, True),
        SinusMeasurement(Sinus.MAXILLARY, Side.LEFT, 9.0, 0.5, -400.0, 1, True, air_fluid_level=True),
    ),
    LundMackay(3, None, 0, 2, ostiomeatal_by_reader=True),
    EndotypeReading(
        0.7, (SliceProbability("1.2", 0.3, 4),), (MODEL,), 0.5, 0.6, 0.1, None, "here",
        heat_if_even=0.1, mean_probability=0.6, patient_model="somebody", reasons=(Reason("nose", 0.3, above_usual=True),),
    ),
    RecurrenceReading(0.5, None, (0.1, 0.9), ("asthma",), {"dlr": 12.5}, None, MODEL, "cohort", 0.4),
    segmentation_model=MODEL,
    provenance=Provenance("2026-11-20T10:00:00+00:00", "S 1", "CPU", {"a": 1.5}, ("1.2.3.4",), "because"),
    air=AirMeasurement("By rule.", -400.0, None, 1.5, 2.5),
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path / "records.sqlite")
    yield opened
    opened.close()


def test_every_number_of_a_reading_comes_back_exactly(database):
    store = ReadingStore(database)
    store.keep("study", "1.2.3/1.2.3.4", kept_reading(FULL, MARK, MasksFile("a.npz", "cd")))
    recalled = store.recall("study").readings["1.2.3/1.2.3.4"]
    back = recalled.reading()
    for field in fields(SeriesReading):
        assert getattr(back, field.name) == getattr(FULL, field.name), field.name
    assert (recalled.mark, recalled.masks) == (MARK, MasksFile("a.npz", "cd"))
    assert isinstance(back.waters.sides[0].side, ImageSide)
    assert isinstance(back.waters.boxes[0].side, Side)


def test_of_a_reading_kept_before_levels_were_looked_for_none_is_claimed(database):
    before = kept_reading(FULL, MARK).model_dump(mode="json")
    for sinus in before["sinuses"]:
        del sinus["air_fluid_level"]
    assert [s.air_fluid_level for s in KeptReading.model_validate(before).reading().sinuses] == [None, None]


def test_all_of_a_reading_but_its_arrays_is_kept():
    said = set(KeptReading.model_fields) - {"form", "mark", "masks"}
    assert said | {"segmentation", "heatmaps", "recurrence_heat"} == {f.name for f in fields(SeriesReading)}


def test_arrays_never_reach_the_database(database):
    masks = Segmentation(np.ones((2, 2, 2), np.uint8), np.eye(4))
    heat = (Heatmap(np.ones((2, 2), np.float32), "method", "layer"),)
    ReadingStore(database).keep("s", "k", kept_reading(replace(FULL, segmentation=masks, heatmaps=heat), MARK))
    back = ReadingStore(database).recall("s").readings["k"].reading()
    assert back.segmentation is None
    assert back.heatmaps == ()


def test_the_newest_reading_counts_and_the_earlier_one_stays(database):
    store = ReadingStore(database)
    for day in ("20", "21"):
        made = replace(FULL.provenance, created=f"2026-11-{day}T10:00:00+00:00")
        store.keep("s", "k", kept_reading(replace(FULL, provenance=made), MARK))
    assert store.recall("s").readings["k"].provenance.created.startswith("2026-11-21")
    assert database.query("SELECT COUNT(*) FROM kept_reading")[0][0] == 2
    assert store.recall("another").readings == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE kept_reading SET content=replace(content, '0.43', '0.10')",
        "UPDATE kept_reading SET content=substr(content, 1, 200)",
        "UPDATE kept_reading SET content='{}', sha256='44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'",
        "UPDATE kept_reading SET content='null', sha256='74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b'",
        "UPDATE kept_reading SET content=x'00ff80'",
        "UPDATE kept_reading SET content=7",
    ],
)
def test_a_damaged_reading_is_dropped_and_named_never_shown(database, damage):
    store = ReadingStore(database)
    store.keep("s", "k", kept_reading(FULL, MARK))
    store.keep("s", "good", kept_reading(FULL, MARK))
    with database.transaction() as connection:
        connection.execute(damage + " WHERE reading_key='k'")
    recalled = store.recall("s")
    assert recalled.damaged == ("k",)
    assert list(recalled.readings) == ["good"]
    assert store.recall("s").damaged == ()


def test_a_reading_survives_a_kill_right_after_it_was_kept(tmp_path):
    folder = Path(__file__).resolve().parent
    code = (
        "import importlib.util, os, signal, sys; from pathlib import Path\n"
        f"spec = importlib.util.spec_from_file_location('kept', {str(folder / 'test_kept_readings.py')!r})\n"
        "kept = importlib.util.module_from_spec(spec); spec.loader.exec_module(kept)\n"
        f"store = kept.ReadingStore(kept.Database(Path({str(tmp_path / 'records.sqlite')!r})))\n"
        "store.keep('s', 'k', kept.kept_reading(kept.FULL, kept.MARK))\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    again = Database(tmp_path / "records.sqlite")
    assert ReadingStore(again).recall("s").readings["k"].reading().waters == FULL.waters
    again.close()


def test_readings_of_earlier_versions_follow_todays_rules_for_the_endotype():
    part = ImageWarning("endotype_of_a_part", "Not wholly on this CT: left maxillary.")
    withheld = kept_reading(replace(FULL, warnings=(part,)), MARK).reading().endotype
    assert withheld.probability_ecrs is None
    assert withheld.withheld == part.message
    heat = ImageWarning("heat_outside_sinuses", "Only 3 % of the heat lies within nose and sinuses.")
    doubtful = kept_reading(replace(FULL, warnings=(heat,)), MARK).reading().endotype
    assert (doubtful.probability_ecrs, doubtful.doubts) == (0.7, (heat.message,))
