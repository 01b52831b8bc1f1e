import json
from pathlib import Path

import pytest

from sinusviewer.analysis import clinical_table
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.errors import InputError


def table(tmp_path: Path, text: str, name: str = "clinical.csv") -> clinical_table.ClinicalTable:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8"))
    return clinical_table.load(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_row_is_found_by_study_then_by_patient(separator: str, tmp_path: Path) -> None:
    lines = ["\ufeffpatient_id,study_instance_uid,Age,asthma,eosinophils_per_ul", "P1,,40,1,350", ",1.2.3,50,no,", ""]
    found = table(tmp_path, "\r\n".join(lines).replace(",", separator))
    assert found.find("9", "P1") == ClinicalData(age=40, asthma=True, eosinophils_per_ul=350)
    assert found.find("1.2.3", "P1") == ClinicalData(age=50, asthma=False)
    assert found.find("9", "P2") == ClinicalData()


def test_json_takes_a_list_or_one_object(tmp_path: Path) -> None:
    row = {"patient_id": "P1", "asthma": True, "age": None}
    for number, content in enumerate((row, [row])):
        found = table(tmp_path, json.dumps(content), f"{number}.json")
        assert found.find("", "P1") == ClinicalData(asthma=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_id,age\nP1,forty\n", "row 2: age is no number"),
        ("patient_id,age\nP1,140\n", "between 0 and 120"),
        ("patient_id,age\nP1,nan \nP2,inf\n", "row 3: age must lie"),
        ("patient_id,eosinophils_per_ul\nP1,-5\n", "between 0"),
        ("patient_id,eosinophils_per_ul\nP1,0.35\n", "10⁹/L"),
        ("patient_id,asthma\nP1,maybe\n", "asthma must be 0 or 1"),
        ("patient_id,asthma\nP1,2\n", "asthma must be 0 or 1"),
        ("patient_id,asthma\nP1,1\nP1,0\n", "comes twice"),
        ("name,asthma\nx,1\n", "neither a study_instance_uid nor a patient_id"),
        ("patient_id,asthma\n,1\n", "no study_instance_uid and no patient_id"),
        ("patient_id,asthma,asthma\nP1,1,0\n", "twice"),
    ],
)
def test_what_cannot_be_is_named_and_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        table(tmp_path, text)
    assert "P1" not in caught.value.message


@pytest.mark.parametrize("name", ["broken.json", "list.json"])
def test_a_json_file_that_is_no_table_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        table(tmp_path, "{" if name == "broken.json" else "[1, 2]", name)


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("x.csv", "absent.csv"):
        with pytest.raises(InputError):
            clinical_table.load(tmp_path / name)


def test_a_count_a_thousand_times_too_large_asks_for_its_unit(tmp_path: Path) -> None:
    path = tmp_path / "clinical.csv"
    path.write_text("patient_id,eosinophils_per_ul\nP1,350000\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2: eosinophils_per_ul") as refused:
        clinical_table.load(path)
    assert "unit" in refused.value.hint
