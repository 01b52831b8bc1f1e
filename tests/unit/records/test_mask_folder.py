"""Masks of readings on disk: what nothing refers to goes, what people relied on stays, whenever the program is killed."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from sinusviewer.actions.mask_folder import MaskFolder
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.records.database import Database
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.readings import InputMark, ReadingStore, kept_reading

MARK = InputMark("uids", "oriented=True", "pixels")


class Kept:
    """A data folder with readings of two studies."""

    def __init__(self, folder):
        self.database = Database(folder / "records.sqlite")
        self.store, self.findings = ReadingStore(self.database), FindingStore(self.database, "reader")
        self.folder = folder / "masks"
        self.masks = MaskFolder(self.folder)

    def written(self, fill: int, *, age_days: float = 2.0):
        labels = np.full((3, 4, 5), fill, np.uint8)
        reading = SeriesReading("1.2", "CT", SeriesStatus.READ, segmentation=Segmentation(labels, np.eye(4)))
        file = self.masks.write(reading)
        then = time.time() - age_days * 86_400
        os.utime(self.folder / file.name, (then, then))
        return reading, file

    def keep(self, fill: int, study: str = "study", key: str = "series"):
        reading, file = self.written(fill)
        self.store.keep(study, key, kept_reading(replace(reading, segmentation=None), MARK, file))
        return file.name

    def sweep(self) -> set[str]:
        self.masks.sweep(self.store.mask_files_needed)
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def kept(tmp_path):
    made = Kept(tmp_path)
    yield made
    made.database.close()


def test_only_the_newest_reading_of_each_series_keeps_its_masks(kept):
    old, new, other = kept.keep(1), kept.keep(2), kept.keep(3, key="series-b")
    assert old not in (left := kept.sweep())
    assert left == {new, other}
    assert set(kept.store.recall("study").readings) == {"series", "series-b"}


def test_the_same_masks_read_again_stay(kept):
    name = kept.keep(1)
    kept.keep(2)
    assert kept.keep(1) == name
    assert name in kept.sweep()


@pytest.mark.parametrize("action", ["added", "edited", "accepted", "geometry_accepted", "scored", "override"])
def test_masks_that_a_reader_corrected_or_decided_on_stay_for_ever(kept, action):
    names = {kept.keep(1), kept.keep(2)}
    kept.findings.record("study", "series", "", f"series#decision-{action}", action, {})
    assert kept.sweep() == names


def test_all_masks_of_a_signed_study_stay_and_those_of_another_do_not(kept):
    names = {kept.keep(1), kept.keep(2)}
    gone, newest = kept.keep(3, study="other"), kept.keep(4, study="other")
    kept.findings.sign("study", {"text": "read"})
    assert kept.sweep() == names | {newest}
    assert gone not in names


def test_a_file_whose_row_is_still_to_come_stays_and_what_a_kill_left_goes(kept):
    _, young = kept.written(7, age_days=0.0)
    _, killed = kept.written(8)
    part = kept.folder / ".abc.npz.12.part"
    part.write_bytes(b"half")
    os.utime(part, (1.0, 1.0))
    assert kept.sweep() == {young.name}
    assert killed.name != young.name


def test_a_file_that_is_written_again_is_young_again(kept):
    reading, file = kept.written(5)
    assert kept.masks.write(reading) == file
    assert kept.sweep() == {file.name}


def test_a_reading_kept_while_the_sweep_runs_keeps_its_masks(kept):
    reading, file = kept.written(6)

    def needed() -> frozenset[str]:
        kept.store.keep("study", "series", kept_reading(replace(reading, segmentation=None), MARK, file))
        return kept.store.mask_files_needed()

    assert kept.masks.sweep(needed) == 0
    assert (kept.folder / file.name).is_file()


def test_a_damaged_row_still_protects_its_masks(kept):
    name = kept.keep(1)
    with kept.database.transaction() as connection:
        connection.execute("UPDATE kept_reading SET content = content || 'x'")
    assert kept.sweep() == {name}
