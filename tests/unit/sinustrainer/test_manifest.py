"""Data folders: what is refused, and how patients are divided."""

import json
from pathlib import Path
from typing import Any

import pytest

from sinustrainer.data.manifest import folds, hold_out, load_manifest
from sinusviewer.errors import InputError


def write(folder: Path, cases: list[dict[str, Any]]) -> Path:
    content = {"schema_version": 1, "task": "ct", "simulated": False, "statement": "", "cases": cases}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def case(number: int, patient: str, split: str = "train", **labels: object) -> dict[str, Any]:
    return {"case_id": f"c{number}", "patient_id": patient, "site": "a", "split": split, "files": {}, "labels": labels}


def test_a_patient_in_two_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Patient p is in two splits, train and test"):
        load_manifest(write(tmp_path, [case(1, "p"), case(2, "q"), case(3, "p", "test")]))


def test_a_case_that_appears_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="appears twice"):
        load_manifest(write(tmp_path, [case(1, "p"), case(1, "p")]))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"task": "ct", "cases": [{"case_id": 1}]}'])
def test_a_malformed_manifest_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"not valid"):
        load_manifest(tmp_path)


def test_all_images_of_a_patient_are_held_out_together_and_always_the_same(tmp_path: Path) -> None:
    cases = load_manifest(write(tmp_path, [case(i, f"p{i // 3}") for i in range(60)])).cases
    kept, away = hold_out(cases, 0.25, seed=4)
    assert {c.patient_id for c in kept}.isdisjoint({c.patient_id for c in away})
    assert len({c.patient_id for c in away}) == 5
    assert hold_out(tuple(reversed(cases)), 0.25, seed=4)[1] == tuple(reversed(away))


def test_folds_are_stratified_and_divide_by_patient(tmp_path: Path) -> None:
    cases = load_manifest(write(tmp_path, [case(i, f"p{i}", recurrence=int(i < 20)) for i in range(50)])).cases
    parts = folds(cases, 5, "recurrence", seed=0)
    assert [len(p) for p in parts] == [10] * 5
    assert [sum(c.labels["recurrence"] for c in p) for p in parts] == [4] * 5
    assert len({c.case_id for p in parts for c in p}) == 50
