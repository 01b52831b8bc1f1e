"""``sinusviewer read`` and ``sinustrainer evaluate`` say the same of every film: same code, same figures, film by film."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from made_dicom import ROOT, write_film

from sinustrainer.data.manifest import load_manifest
from sinustrainer.evaluate.waters_films import read_films, write_films
from sinusviewer.inference.registry import ModelRegistry
from sinusviewer.jobs.runner import CancelToken, silent_progress
from sinusviewer.report.batch import read_paths

ROWS, COLUMNS = 240, 200


def pixels(right: float, left: float, *, upside_down: bool = False) -> np.ndarray:
    """A smooth film, brighter above, with halves of their own brightness; the tiny networks call bright diseased."""
    rows = np.repeat(600 * np.linspace(1.0, 0.25, ROWS)[:, None], COLUMNS, axis=1)
    rows[:, : COLUMNS // 2] += right
    rows[:, COLUMNS // 2 :] += left
    return (rows[::-1] if upside_down else rows).astype(np.uint16)


FILMS = {  # pixels, PatientOrientation, photometric interpretation
    "normal": (pixels(0, 0), "L\\F", "MONOCHROME2"),
    "right": (pixels(400, 0), "L\\F", "MONOCHROME2"),
    "left": (pixels(0, 300), "L\\F", "MONOCHROME2"),
    "mirrored": (pixels(0, 300), "R\\F", "MONOCHROME2"),
    "unproved": (pixels(350, 0), None, "MONOCHROME2"),
    "inverted": (2000 - pixels(250, 0), "L\\F", "MONOCHROME1"),
    "upside_down": (pixels(0, 300, upside_down=True), "L\\F", "MONOCHROME2"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    cases = []
    for number, (name, (image, orientation, photometric)) in enumerate(FILMS.items()):
        shape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
        write_film(
            folder / name / "film.dcm", image, orientation, study=f"{ROOT}.77.{number}",
            PhotometricInterpretation=photometric, PresentationLUTShape=shape,
        )  # fmt: skip
        boxes = [
            {"side": "right", "xyxy": [20, 90, 80, 190], "diseased": True, "subclass": "cyst"},
            {"side": "left", "xyxy": [120, 90, 180, 190], "diseased": False, "subclass": ""},
        ]
        labels = {"label": "right", "face_box": [4, 24, 196, 216], "antra": boxes}
        cases.append({"case_id": name, "patient_id": name, "site": "toy", "split": "test", "labels": labels,
                      "files": {"image": f"{name}/film.dcm"}})  # fmt: skip
    content = {"schema_version": 1, "task": "waters", "simulated": True, "statement": "Toy films.", "cases": cases}
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_every_film_has_the_same_scores_boxes_and_label_in_both(data: Path, tmp_path: Path) -> None:
    models = tiny_models.waters_models(tmp_path / "models")
    registry = ModelRegistry(models, tmp_path / "own", threads=1)
    batch = read_paths([str(data)], tmp_path / "read", ["waters"], registry=registry)
    films = read_films(
        models / "waters_patch", models / "waters_sinusitis", load_manifest(data), silent_progress(), CancelToken()
    )
    write_films(films, tmp_path / "films.csv")
    with (tmp_path / "films.csv").open(encoding="utf-8", newline="") as file:
        table = {row["case_id"]: row for row in csv.DictReader(file)}
    assert set(table) == set(FILMS)
    folders = dict(batch.studies)
    for number, name in enumerate(FILMS):
        path = tmp_path / "read" / folders[f"{ROOT}.77.{number}"] / "reading.json"
        (series,) = json.loads(path.read_text(encoding="utf-8"))["series"]
        row = table[name]
        if row["refused"]:
            assert series["status"] == "refused"
            assert series["reason"] == row["refused"].removeprefix("Read against the input check: ")
            assert "waters" not in series
            continue
        waters = series["waters"]
        scores = {s["side"]: (s["score"], s["positive"]) for s in waters["sides"]}
        if row["unverified"] == "True":
            assert waters["label"] == "unverified"
            scores = {"right": scores["image-left"], "left": scores["image-right"]}
        else:
            assert waters["label"] == row["found"]
        for side, (score, positive) in scores.items():
            assert score == pytest.approx(float(row[f"{side}_score"]), abs=1e-4)
            assert str(positive) == row[f"{side}_positive"]
    assert {name for name, row in table.items() if row["refused"]} == {"upside_down"}


def test_what_is_read_is_read_the_same_again(data: Path, tmp_path: Path) -> None:
    registry = ModelRegistry(tiny_models.waters_models(tmp_path / "models"), tmp_path / "own", threads=1)
    readings = []
    for run in ("first", "second"):
        read_paths([str(data / "right"), str(data / "unproved")], tmp_path / run, ["waters"], registry=registry)
        found = [json.loads(p.read_text(encoding="utf-8")) for p in sorted((tmp_path / run).glob("*/reading.json"))]
        readings.append([[s.get("waters") for s in r["series"]] for r in found])
    assert len(readings[0]) == 2
    assert readings[0] == readings[1]
