"""The table of a CT as CSV, alone and beside a prior, and its masks as files."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sinusviewer.actions.reporting import Reporting, sinus_table
from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import ModelReference, Segmentation
from sinusviewer.domain.reading import SeriesReading, SeriesStatus, SinusMeasurement
from sinusviewer.errors import StorageError
from sinusviewer.jobs.runner import CancelToken
from sinusviewer.session import Session


def ct(fraction: float | None, score: int | None) -> SeriesReading:
    sinus = SinusMeasurement(Sinus.MAXILLARY, Side.RIGHT, 10.0, fraction, -300.0, score, True)
    return SeriesReading("1.2", "CT", SeriesStatus.READ, sinuses=(sinus,))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_table_without_a_prior_has_no_columns_for_one() -> None:
    (row,) = rows(sinus_table(ct(0.5, 1)))
    assert (row["opacified_fraction"], row["lund_mackay"]) == ("0.5", "1")
    assert not any(name.startswith("prior") for name in row)


def test_the_table_says_what_the_prior_had_and_what_changed() -> None:
    (row,) = rows(sinus_table(ct(0.5, 1), ct(0.2, 1), "20160110"))
    assert row["prior_date"] == "2016-01-10"
    assert (row["prior_opacified_fraction"], row["opacified_fraction_change"]) == ("0.2", "0.3")
    (unknown,) = rows(sinus_table(ct(None, None), ct(0.2, 1), "20160110"))
    assert unknown["opacified_fraction_change"] == ""


@pytest.mark.parametrize(("level", "cell"), [(True, "True"), (False, "False"), (None, "")])
def test_the_table_says_where_an_air_fluid_level_is_and_was(level: bool | None, cell: str) -> None:
    now = ct(0.5, 1)
    now = replace(now, sinuses=(replace(now.sinuses[0], air_fluid_level=level),))
    (row,) = rows(sinus_table(now, ct(0.2, 1), "20160110"))
    assert (row["side"], row["air_fluid_level"], row["prior_air_fluid_level"]) == ("right", cell, "")
    (row,) = rows(sinus_table(ct(0.2, 1), now, "20160110"))
    assert (row["air_fluid_level"], row["prior_air_fluid_level"]) == ("", cell)


def test_a_table_that_travels_alone_says_whose_it_is_and_what_it_is_not() -> None:
    network = ModelReference("sinus_segmentation", "1.3.0", "ab" * 32, "Trained on simulated patients only.")
    (row,) = rows(sinus_table(replace(ct(0.5, 1), segmentation_model=network), ct(0.2, 1), "20160110"))
    assert row["series_instance_uid"] == "1.2"
    assert row["model"] == "sinus_segmentation 1.3.0"
    assert row["statement"] == "Research use only. Not for diagnostic use. Trained on simulated patients only."


class AtOnce:
    """A desk that does the work where it is handed in."""

    def submit(self, _lane: str, _title: str, work: Any, _then: Any) -> Any:
        return work(lambda *_: None, CancelToken())


def masked(uid: str, code: int) -> SeriesReading:
    labels = np.full((4, 4, 4), code, np.uint8)
    return replace(ct(0.5, 1), series_instance_uid=uid, segmentation=Segmentation(labels, np.eye(4), labels > 0))


def exported(reading: SeriesReading, folder: Path) -> None:
    reporting = Reporting(Session(), AtOnce(), None, None)  # type: ignore[arg-type]
    reporting.export_masks(reading, folder)


def test_masks_of_two_patients_in_one_folder_never_replace_each_other(tmp_path: Path) -> None:
    exported(masked("1.2.1", 1), tmp_path)
    exported(masked("1.2.2", 2), tmp_path)
    exported(masked("1.2.1", 3), tmp_path)  # the first patient's again, edited
    listed = json.loads((tmp_path / "labels.json").read_text("utf-8"))["files"]
    assert {entry["path"] for entry in listed} == {path.name for path in tmp_path.glob("*.nii.gz")}
    first = {entry["series_instance_uid"]: entry["path"] for entry in listed if entry["holds"] == "labels"}
    for uid, code in (("1.2.1", 3), ("1.2.2", 2)):
        assert gzip.decompress((tmp_path / first[uid]).read_bytes())[352:].strip(bytes([code])) == b""


def test_somebody_elses_list_of_labels_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"labels": ["dog"]}')
    with pytest.raises(StorageError, match="no list of masks"):
        exported(masked("1.2.1", 1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]


def test_masks_say_whether_their_sides_are_proved(tmp_path: Path) -> None:
    unproved = masked("1.2.1", 1)
    sinuses = tuple(replace(s, side=ImageSide.IMAGE_LEFT) for s in unproved.sinuses)
    exported(replace(unproved, sinuses=sinuses), tmp_path)
    written = json.loads((tmp_path / "labels.json").read_text("utf-8"))
    assert written["research_use_only"] is True
    assert not any(entry["side_verified"] for entry in written["files"])
