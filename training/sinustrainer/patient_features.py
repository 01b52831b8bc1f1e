"""What a patient model reads of a CT: by masks of the segmentation network, as the window reads, or, to fit quickly, labelled ones.

Read once and kept as a table, so that an interrupted reading goes on and anyone can fit again.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import load_case_labels, load_case_opacified, load_case_volume
from sinustrainer.data.manifest import Case
from sinusviewer.analysis import sinus_extent
from sinusviewer.errors import GeometryError, InputError
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    BoxPreprocessing,
    axial_stack,
    box_center,
    box_input,
    labels_on_stack,
    settings_from_card,
    sinus_box,
)
from sinusviewer.imaging.resample import canonical, reorient_array
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import ModelTask, load_card, verify_weights
from sinusviewer.inference.patient_model import NETWORK, SLICES, log_odds
from sinusviewer.inference.segmenter import segment_with_opacity
from sinusviewer.jobs.runner import CancelToken, Progress

FEATURES = {ModelTask.ECRS: (SLICES, *sinus_extent.FEATURES), ModelTask.RECURRENCE: (NETWORK, *sinus_extent.FEATURES)}
"""What the patient model of a task reads. Attention says nothing that the slices do not (their log odds would get opposite weights)."""
_HEAD = ("case_id", "positive", "score")


@dataclass(frozen=True, slots=True)
class PatientFeatures:
    """One patient: truth (ECRS; recurrence), the network's own probability (uncalibrated) and the inputs by name."""

    case_id: str
    positive: bool
    score: float
    values: dict[str, float | None]


def truth_of(case: Case, task: ModelTask) -> bool | None:
    """Whether the patient has what the task looks for; None where nobody knows."""
    if task is ModelTask.RECURRENCE:
        outcome = case.labels.get("recurrence")
        return bool(outcome) if outcome in (0, 1) else None
    kind = case.labels.get("endotype")
    return kind == "ecrs" if kind in ("ecrs", "necrs") else None


class _Masks:
    """The segmentation network as a function of slices."""

    def __init__(self, folder: Path, options: onnxruntime.SessionOptions) -> None:
        self.card = load_card(folder)
        if not self.card.parameters.get("opacity_channel"):
            raise InputError(f"{self.card.name} does not say what is opacified.", "A patient model needs that.")
        self._session = onnxruntime.InferenceSession(verify_weights(self.card, folder), options)

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(self._session.run(["probabilities"], {self.card.input.name: images})[0])


class PatientReader:
    """Opens its networks once; one thread, so that two processes can share a machine.

    ``segmentation`` None takes the labelled masks.
    """

    def __init__(self, model: Path, segmentation: Path | None) -> None:
        self._card = load_card(model)
        if self._card.task not in FEATURES:
            raise InputError(f"{self._card.name} reads no patients with a CT.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._network = onnxruntime.InferenceSession(verify_weights(self._card, model), options)
        self._masks = None if segmentation is None else _Masks(segmentation, options)

    @property
    def task(self) -> ModelTask:
        return self._card.task

    def __call__(self, case: Case) -> PatientFeatures | None:
        """The inputs of one patient; None where no head, no mask or nothing to read is found."""
        volume, positive = load_case_volume(case), truth_of(case, self._card.task)
        labels: npt.NDArray[np.uint8]
        opacified: npt.NDArray[np.bool_] | None
        if self._masks is None:
            labels, opacified = load_case_labels(case, volume), load_case_opacified(case, volume)
        else:
            try:
                labels, opacified = segment_with_opacity(self._masks, volume, self._masks.card)
            except GeometryError:
                return None
        if opacified is None or not labels.any() or positive is None:
            return None
        measured = sinus_extent.measure_extent(volume.voxels, labels, opacified, volume.affine).features()
        on_canonical = reorient_array(labels, volume.affine)
        if self._card.task is ModelTask.RECURRENCE:
            settings = settings_from_card(BoxPreprocessing, self._card.input.preprocessing)
            box = sinus_box(volume, box_center(on_canonical), settings)
            score = float(self._outputs(box_input(box.hu, settings)[None])["score"].ravel()[0])
            return PatientFeatures(case.case_id, positive, score, measured | {NETWORK: log_odds(score)})
        stack = axial_stack(canonical(volume), settings_from_card(AxialPreprocessing, self._card.input.preprocessing))
        found = classify(self._outputs, stack, labels_on_stack(on_canonical, stack), self._card)
        if found.probability is None:
            return None
        values = measured | {SLICES: log_odds(found.probability)}
        return PatientFeatures(case.case_id, positive, found.probability, values)

    def _outputs(self, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        names = [output.name for output in self._card.outputs]
        return dict(zip(names, self._network.run(names, {self._card.input.name: images}), strict=True))


def read_patients(
    reader: PatientReader, cases: Sequence[Case], table: Path, progress: Progress, token: CancelToken
) -> tuple[PatientFeatures, ...]:
    """Read those that ``table`` lacks, and write it on as they come; in the order of ``cases``."""
    known = {row.case_id: row for row in load_features(table)} if table.is_file() else {}
    unread: set[str] = set()
    for number, case in enumerate(cases):
        token.raise_if_cancelled()
        if case.case_id not in known:
            row = reader(case)
            if row is None:
                unread.add(case.case_id)
                continue
            known[case.case_id] = row
            _append(table, row)
        progress("Reading patients", (number + 1) / len(cases))
    return tuple(known[c.case_id] for c in cases if c.case_id not in unread)


def load_features(table: Path) -> tuple[PatientFeatures, ...]:
    """A table that :func:`read_patients` wrote.

    Raises
    ------
    InputError
        Where it is none.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return tuple(
            PatientFeatures(
                r["case_id"], {"0": False, "1": True}[r["positive"]], float(r["score"]),
                {name: float(r[name]) if r[name] else None for name in r if name not in _HEAD},
            )
            for r in rows
        )  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{table.name} is no table of patient features.", "Delete it; it is made anew.") from error


def _append(table: Path, row: PatientFeatures) -> None:
    new = not table.is_file()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow([*_HEAD, *row.values])
        values = ["" if value is None else repr(float(value)) for value in row.values.values()]
        writer.writerow([row.case_id, int(row.positive), repr(row.score), *values])
