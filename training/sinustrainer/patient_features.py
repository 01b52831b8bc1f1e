"""What a patient model reads of a CT, made as the window makes it: masks by the segmentation network, never the labelled ones.

Read once and kept as a table, so that an interrupted reading goes on and anyone can fit again.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.data.ct_cases import load_case_volume
from sinustrainer.data.manifest import Case
from sinusviewer.analysis.sinus_extent import measure_extent
from sinusviewer.domain.anatomy import Sinus
from sinusviewer.errors import GeometryError, InputError
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, axial_stack, labels_on_stack, settings_from_card
from sinusviewer.imaging.resample import canonical, reorient_array
from sinusviewer.inference.classifier import classify
from sinusviewer.inference.model_card import load_card, verify_weights
from sinusviewer.inference.patient_model import ATTENTION, SLICES, network_values
from sinusviewer.inference.segmenter import segment_with_opacity
from sinusviewer.jobs.runner import CancelToken, Progress

MEASURED = (*(name for s in Sinus for name in (s.value, f"{s.value}_unlike")), "nose", "content_hu")
FEATURES = (SLICES, ATTENTION, *MEASURED)
_HEAD = ("case_id", "ecrs", "mean", "attention_probability", *FEATURES)


@dataclass(frozen=True, slots=True)
class PatientFeatures:
    """One patient: truth, the network's two probabilities (uncalibrated) and the inputs by name."""

    case_id: str
    ecrs: bool
    mean: float
    attention: float
    values: dict[str, float | None]


class PatientReader:
    """Opens both networks once; one thread, so that two processes can share a machine."""

    def __init__(self, classifier: Path, segmentation: Path) -> None:
        self._card, self._masks = load_card(classifier), load_card(segmentation)
        if not self._masks.parameters.get("opacity_channel"):
            raise InputError(f"{self._masks.name} does not say what is opacified.", "A patient model needs that.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._classify = onnxruntime.InferenceSession(verify_weights(self._card, classifier), options)
        self._segment = onnxruntime.InferenceSession(verify_weights(self._masks, segmentation), options)

    def __call__(self, case: Case) -> PatientFeatures | None:
        """The inputs of one patient; None where no head, no mask or no slice with lesion is found."""
        volume = load_case_volume(case)
        try:
            labels, opacified = segment_with_opacity(self._probabilities, volume, self._masks)
        except GeometryError:
            return None
        if opacified is None or not labels.any():
            return None
        measured = measure_extent(volume.voxels, labels, opacified).features()
        stack = axial_stack(canonical(volume), settings_from_card(AxialPreprocessing, self._card.input.preprocessing))
        on_stack = labels_on_stack(reorient_array(labels, volume.affine), stack)
        score = classify(self._outputs, stack, on_stack, self._card)
        if score.probability is None or score.attention_probability is None:
            return None
        values = measured | network_values(score.probability, score.attention_probability)
        sick = case.labels["endotype"] == "ecrs"
        return PatientFeatures(case.case_id, sick, score.probability, score.attention_probability, values)

    def _probabilities(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(self._segment.run(["probabilities"], {self._masks.input.name: images})[0])

    def _outputs(self, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        names = [output.name for output in self._card.outputs]
        return dict(zip(names, self._classify.run(names, {self._card.input.name: images}), strict=True))


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
                r["case_id"], r["ecrs"] == "1", float(r["mean"]), float(r["attention_probability"]),
                {name: float(r[name]) if r[name] else None for name in FEATURES},
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
            writer.writerow(_HEAD)
        values = ["" if (v := row.values[name]) is None else repr(float(v)) for name in FEATURES]
        writer.writerow([row.case_id, int(row.ecrs), repr(row.mean), repr(row.attention), *values])
