"""Masks that nobody judged do not teach, unless the recipe says so, and the trainer says how many it left out."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_ct import toy_ct_folder

from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.judged_masks import nobody_judged_masks
from sinustrainer.data.manifest import Case, Manifest, load_manifest
from sinustrainer.tasks.endotype import EndotypeTask
from sinustrainer.tasks.recurrence import RecurrenceTask
from sinustrainer.tasks.segmentation import SegmentationTask
from sinustrainer.train import train
from sinustrainer.train_recipe import TrainRecipe, parse_recipe
from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing
from sinusviewer.jobs.events import JobMessage
from sinusviewer.jobs.runner import Progress
from sinusviewer.report.training_data import write_ct_case

GRID = AxialPreprocessing(spacing_mm=3.0, size=64)
TASKS: dict[str, Any] = {
    "sinus_segmentation": (SegmentationTask, {"base": 4}),
    "ecrs": (EndotypeTask, {"network": "mobilenetv3_small_050", "weights": "none"}),
    "recurrence": (RecurrenceTask, {"base": 4, "depth": 2, "shape": [16, 16, 16]}),
}


def recipe(task: str, **options: object) -> TrainRecipe:
    return parse_recipe({
        "task": task, "name": "toy", "validation_share": 0.0, "loop": {"steps": 1, "batch": 2},
        "options": {"spacing_mm": 3.0, **({} if task == "recurrence" else {"size": 64}), **TASKS[task][1], **options},
    })  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_ct_folder(tmp_path_factory.mktemp("ct") / "data", 12)


def exported(folder: Path, *states: str) -> Manifest:
    """The folder's manifest as if its first training cases were exported from a window with masks of these states."""
    content = json.loads((folder / "manifest.json").read_text())
    training = [entry for entry in content["cases"] if entry["split"] == "train"]
    for entry in content["cases"]:
        entry.pop("masks", None)
    for entry, state in zip(training, states, strict=False):
        entry["masks"] = {"state": state, "edited_by_reader": state == "edited"}
    (folder / "manifest.json").write_text(json.dumps(content))
    return load_manifest(folder)


@pytest.mark.parametrize(
    ("masks", "doubtful"),
    [
        ({}, False),  # simulated, or the hospital's own
        ({"state": "confirmed", "edited_by_reader": False}, False),
        ({"state": "edited", "edited_by_reader": True}, False),
        ({"state": "network", "edited_by_reader": False}, True),
        ({"edited_by_reader": False}, True),  # exported before the state was noted
        ({"edited_by_reader": True}, False),
    ],
)
def test_only_masks_that_a_network_drew_and_nobody_judged_are_doubtful(
    masks: dict[str, object], doubtful: bool
) -> None:
    case = Case("c", "p", "", "train", {"labels": Path("labels.nii.gz")}, {}, masks=masks)
    assert nobody_judged_masks(case) is doubtful


@pytest.mark.parametrize("task", list(TASKS))
def test_every_ct_task_leaves_out_masks_that_nobody_judged_unless_the_recipe_takes_them(
    folder: Path, task: str
) -> None:
    whole = TASKS[task][0](recipe(task), exported(folder))
    assert whole.notes == ()
    manifest = exported(folder, "network", "confirmed", "edited", "network")
    fewer = TASKS[task][0](recipe(task), manifest)
    assert fewer.cases["training"] == whole.cases["training"] - 2
    assert fewer.notes[0].startswith(f"2 of {whole.cases['training']} cases have masks that a network drew")
    assert "left out" in fewer.notes[0]
    taken = TASKS[task][0](recipe(task, unjudged_masks=True), manifest)
    assert taken.cases["training"] == whole.cases["training"]
    assert "taken all the same" in taken.notes[0]


def test_a_segmentation_model_labels_cases_anew_whose_masks_nobody_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinustrainer.tasks.recurrence.segment_with", lambda _: (lambda volume: volume, "other"))
    task = RecurrenceTask(recipe("recurrence", segmentation_model="model"), exported(folder, "network", "confirmed"))
    prepared = {case.masks["state"]: case for case in task.source.cases.cases if case.masks}
    assert "labels" not in prepared["network"].files
    assert "labels" in prepared["confirmed"].files
    assert "labels them anew" in task.notes[0]


def test_without_any_judged_masks_the_refusal_says_why(folder: Path) -> None:
    with pytest.raises(InputError, match="no reader confirmed or edited"):
        SegmentationTask(recipe("sinus_segmentation"), exported(folder, *["network"] * 12))


def test_the_trainer_says_in_one_line_how_many_it_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinustrainer.export.write_export", lambda spec, to: to)
    exported(folder, "network")
    said: list[object] = []
    train(recipe("sinus_segmentation"), folder, tmp_path / "run", Progress("train", said.append))
    (line,) = [event.text for event in said if isinstance(event, JobMessage)]
    assert line.startswith("1 of ")
    assert "left out" in line


def test_masks_corrected_and_exported_anew_are_prepared_anew(tmp_path: Path) -> None:
    voxels = np.full((12, 40, 40), 40, np.int16)
    voxels[:, 4:36, 4:36] = 0
    who = Identity("", "P", modality="CT", study_instance_uid="1.2", series_instance_uid="1.2.3")
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    folder = tmp_path / "data"
    found = []
    for stop in (20, 28):
        labels = np.zeros(voxels.shape, np.uint8)
        labels[4:8, 10:20, 10:stop] = Structure.RIGHT_MAXILLARY
        masks = Segmentation(labels, affine, labels > 40)
        reading = SeriesReading("1.2.3", "CT", SeriesStatus.READ, segmentation=masks)
        write_ct_case(folder, Volume(voxels, affine, who), reading, confirmed=True)
        os.utime(next(folder.rglob("labels.nii.gz")), ns=(stop, stop))  # as written at another moment, on any disk
        cases = CtCases(folder, load_manifest(folder).cases, GRID)
        found.append(int((np.asarray(cases.stack(0).labels) == Structure.RIGHT_MAXILLARY).sum()))
    assert found[1] > 1.5 * found[0] > 0
