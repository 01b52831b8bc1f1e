"""Age and sex from an image's header, where the reader gave none."""

import csv

import pydicom
import pytest

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.header_clinical import from_header, header_clinical, with_header
from sinusviewer.domain.image import Identity
from sinusviewer.paths import resources_dir


@pytest.mark.parametrize(
    ("age", "born", "study", "expected"),
    [
        ("044Y", "", "", 44.0),
        ("018M", "", "", 1.5),
        ("", "19811105", "20260120", 44.0),  # the birthday of that year is still to come
        ("", "19810105", "20260120", 45.0),
        ("046Y", "19710713", "20180713", 46.0),  # a year apart: written before the birthday
        ("", "", "20260120", None),
        ("", "20270101", "20260120", None),
        ("999Y", "", "", None),
        ("old", "1981", "2026", None),
    ],
)
def test_the_age_is_the_written_one_or_follows_from_the_birth_date(
    age: str, born: str, study: str, expected: float | None
) -> None:
    found = header_clinical(Identity(age=age, birth_date=born, study_date=study))
    assert (found.data.age, found.problem) == (expected, "")


def test_an_age_that_its_birth_date_contradicts_is_not_taken_and_said() -> None:
    found = header_clinical(Identity(age="044Y", birth_date="19511105", study_date="20260120", sex="F"))
    assert found.data == ClinicalData(female=True)
    assert "contradict" in found.problem


@pytest.mark.parametrize(("sex", "female"), [("F", True), ("M", False), ("O", None), ("", None)])
def test_only_a_sex_that_the_standard_names_is_taken(sex: str, female: bool | None) -> None:
    assert header_clinical(Identity(sex=sex)).data.female is female


def test_what_the_reader_gave_goes_before_the_header() -> None:
    who = Identity(age="044Y", sex="M")
    given = ClinicalData(female=True, asthma=True)
    assert with_header(given, who) == ClinicalData(age=44.0, female=True, asthma=True)
    assert from_header(given, who) == ("age",)


def test_the_sample_patients_age_fits_the_birth_date_in_every_file() -> None:
    sample = resources_dir() / "sample"
    files = [sample / "waters.dcm", min((sample / "ct").iterdir())]
    ages = []
    for path in files:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        years = (int(ds.StudyDate) - int(ds.PatientBirthDate)) // 10000
        assert ds.PatientAge == f"{years:03d}Y"
        ages.append(years)
    (row,) = csv.DictReader((sample / "clinical.csv").read_text(encoding="utf-8").splitlines())
    assert float(row["age"]) == ages[1] == 44
    assert row["female"] == "0"
