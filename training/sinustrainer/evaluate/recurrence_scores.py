"""DLR-scores and Dice of a recurrence model's own ONNX graph on the cases of a data folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sinustrainer.cross_validation import FoldScore
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import Case
from sinustrainer.export import GRAPH_FILE, GRAPH_SPEC
from sinustrainer.run_folder import load_run
from sinustrainer.tasks.segment_model import segment_with
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess_ct import BoxPreprocessing, box_input, settings_from_card
from sinusviewer.inference.model_card import CARD_FILE, load_card, verify_weights
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.segmentation import dice

SHIFTS_MM = 6.0


@dataclass(frozen=True, slots=True)
class CaseScore:
    """One patient's CT.

    Attributes
    ----------
    dlr
        None where the network only segments.
    dlr_shift_sd
        Standard deviation of the score when the box moves by 6 mm along each axis, either way.
    dice
        Of nose and sinuses as one region, on the network's grid; None where it does not segment or there is no mask.
    """

    case_id: str
    patient_id: str
    y: int
    dlr: float | None
    dlr_shift_sd: float | None
    dice: float | None


@dataclass(frozen=True, slots=True)
class SplitScores:
    """One score of one split: ``y`` and ``scores`` in the order of ``ids``."""

    ids: tuple[str, ...]
    y: tuple[int, ...]
    scores: tuple[float, ...]
    folds: tuple[int, ...] = ()


def of_cases(cases: Sequence[Case], scores: npt.ArrayLike, folds: tuple[int, ...] = ()) -> SplitScores:
    """One score of each case, with what the manifest knows of the outcome."""
    return SplitScores(
        tuple(case.case_id for case in cases),
        tuple(int(case.labels["recurrence"]) for case in cases),
        tuple(float(s) for s in np.asarray(scores, np.float64)),
        folds,
    )


def of_rows(rows: Sequence[CaseScore]) -> SplitScores:
    """The scores of a network that gives one."""
    known = [(row.case_id, row.y, row.dlr) for row in rows if row.dlr is not None]
    return SplitScores(tuple(r[0] for r in known), tuple(r[1] for r in known), tuple(r[2] for r in known))


def of_folds(oof: Sequence[FoldScore]) -> SplitScores:
    """Out-of-fold scores of a network that gives one."""
    known = [(row.case_id, row.y, row.dlr, row.fold) for row in oof if row.dlr is not None]
    ids, y = tuple(r[0] for r in known), tuple(r[1] for r in known)
    return SplitScores(ids, y, tuple(r[2] for r in known), tuple(r[3] for r in known))


class RecurrenceGraph:
    """A run's ``graph.onnx`` or a model folder's ``model.onnx``, with what is needed to feed it."""

    def __init__(self, folder: Path) -> None:
        if (folder / CARD_FILE).is_file():
            card = load_card(folder)
            path = verify_weights(card, folder)
            spec, names = card.input.preprocessing, [o.name for o in card.outputs]
            recipe = card.training.get("recipe", {})
            self.threshold = card.threshold
        else:
            given, summary = load_run(folder)
            path = folder / GRAPH_FILE
            try:
                graph = json.loads((folder / GRAPH_SPEC).read_text(encoding="utf-8"))
            except OSError as error:
                raise InputError(f"“{folder.name}” holds no exported graph.", "Train to the end first.") from error
            spec, names = graph["input"]["preprocessing"], [o["name"] for o in graph["outputs"]]
            recipe = given.model_dump()
            self.threshold = summary.threshold
        self.settings = settings_from_card(BoxPreprocessing, spec)
        # the margin of the training, so that its prepared boxes are used again
        self.margin = int((recipe.get("options") or {}).get("margin", 8))
        self.names = names
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(self, hu: npt.NDArray[np.int16]) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name for one box of the network's own shape."""
        values = self._session.run(self.names, {"image": box_input(hu, self.settings)[None]})
        return dict(zip(self.names, (np.asarray(v) for v in values), strict=True))

    @property
    def grid(self) -> BoxPreprocessing:
        """The box that is cut from a volume; the windows come later, so that networks share prepared boxes."""
        return BoxPreprocessing(spacing_mm=self.settings.spacing_mm, shape=self.settings.shape)

    def cases(self, folder: Path, cases: tuple[Case, ...]) -> CtCases:
        """The cases on this network's grid, a margin around, the box placed by the masks people drew."""
        return CtCases(folder, cases, self.grid, self.margin)

    def cases_as_read(self, folder: Path, cases: tuple[Case, ...], segmentation: Path) -> CtCases:
        """The cases with the box placed as reading does, by a segmentation model and without any mask."""
        segment, name = segment_with(segmentation)
        bare = tuple(replace(c, files={k: v for k, v in c.files.items() if k == "image"}) for c in cases)
        return replace(self.cases(folder, bare), segment=segment, segment_name=name)

    def part(self, shift: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...]:
        """The network's box within the larger prepared one, moved by some voxels (never beyond the margin)."""
        moved = [self.margin + max(-self.margin, min(self.margin, s)) for s in shift]
        return tuple(slice(o, o + n) for o, n in zip(moved, self.settings.shape, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class SeenBox:
    """One case as the network read it: HU ``[z, y, x]``, nose and sinuses true and found (Figure 4)."""

    case_id: str
    dice: float
    hu: npt.NDArray[np.int16]
    truth: npt.NDArray[np.bool_]
    found: npt.NDArray[np.bool_]


def score_cases(
    graph: RecurrenceGraph,
    cases: CtCases,
    progress: Progress,
    token: CancelToken,
    *,
    shifts: bool = True,
    seen: list[SeenBox] | None = None,
) -> list[CaseScore]:
    """Read every case once, and six times with its box moved where ``shifts`` is set; ``seen`` gathers what is to be drawn."""
    rows: list[CaseScore] = []
    for index, case in enumerate(cases.cases):
        token.raise_if_cancelled()
        progress("Reading test patients", index / len(cases))
        prepared = cases.box(index)
        part = graph.part()
        outputs = graph.run(np.asarray(prepared.hu[part]))
        overlap = None
        if "segmentation" in outputs:
            found = outputs["segmentation"][0].argmax(axis=0) > 0
            truth = np.asarray(prepared.labels[part]) > 0
            overlap = dice(truth, found)
            if seen is not None:
                seen.append(SeenBox(case.case_id, overlap, np.array(prepared.hu[part]), truth, found))
        score, spread = None, None
        if "score" in outputs:
            score = float(outputs["score"][0, 0])
            spread = _shift_sd(graph, prepared.hu) if shifts else None
        rows.append(CaseScore(case.case_id, case.patient_id, int(case.labels["recurrence"]), score, spread, overlap))
    return rows


def _shift_sd(graph: RecurrenceGraph, hu: npt.NDArray[np.int16]) -> float:
    step = round(SHIFTS_MM / graph.settings.spacing_mm)
    scores: list[float] = []
    for axis in range(3):
        for sign in (-1, 1):
            shift = [0, 0, 0]
            shift[axis] = sign * step
            moved = graph.run(np.asarray(hu[graph.part((shift[0], shift[1], shift[2]))]))
            scores.append(float(moved["score"][0, 0]))
    return float(np.std(scores))
