"""A card's patient model judged on patients it was not fitted on, read as the window reads them: masks by the segmentation network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate.feature_tables import features_table, read_features
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.jobs.runner import CancelToken, Progress


@dataclass(frozen=True, slots=True, eq=False)
class PatientModelScores:
    """Truth and probability of the patients that could be read, and the network's mean over their slices beside it."""

    ids: tuple[str, ...]
    truth: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]


def score_patient_model(
    folder: Path,
    card: ModelCard,
    segmentation: Path | None,
    cases: Sequence[Case],
    out: Path,
    progress: Progress,
    token: CancelToken,
) -> PatientModelScores | None:
    """Read all cases; None where the card has no patient model. What was read is kept in ``out``.

    ``segmentation`` None takes the masks that people drew.
    """
    if card.patient_model is None:
        return None
    table = features_table(out, card, segmentation)
    rows = read_features(folder, segmentation, cases, table, progress, token)
    return PatientModelScores(
        tuple(row.case_id for row in rows),
        np.array([row.positive for row in rows], dtype=np.bool_),
        np.array([card.patient_model.probability(row.values) for row in rows]),
        np.array([row.score for row in rows]),
    )
