"""What stands beside the recurrence network: the radiomics baseline and, on simulated patients, the image's ceiling."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sinustrainer.cross_validation import FoldScore
from sinustrainer.data.ct_cases import CtCases
from sinustrainer.data.manifest import TRAIN, Case, Manifest
from sinustrainer.evaluate.recurrence_scores import SplitScores, of_cases
from sinustrainer.radiomics import cohort_features, fit_and_predict
from sinustrainer.recurrence_table import usable
from sinusviewer.imaging.preprocess_ct import BoxPreprocessing
from sinusviewer.jobs.runner import CancelToken, Progress

TRUE_SCORE = "true_image_score"
FEWEST, FEWEST_OF_A_KIND = 10, 5
"""Training patients below which 38 features are not fitted."""


def radiomics_scores(
    manifest: Manifest,
    tests: tuple[Case, ...],
    oof: Sequence[FoldScore],
    grid: BoxPreprocessing,
    margin: int,
    progress: Progress,
    token: CancelToken,
) -> dict[str, SplitScores]:
    """Scores by split: ``test``, and ``train`` out of the network's own folds where there are any; none of too few patients."""
    cases = usable(manifest.of_split(TRAIN))
    y = np.array([int(case.labels["recurrence"]) for case in cases])
    if len(cases) < FEWEST or min(np.bincount(y, minlength=2)) < FEWEST_OF_A_KIND:
        return {}

    def measured(chosen: tuple[Case, ...]) -> npt.NDArray[np.float64]:
        return cohort_features(CtCases(manifest.folder, chosen, grid, margin), grid.spacing_mm, progress, token)

    features = measured(cases)
    scores = {"test": of_cases(tests, fit_and_predict(features, y.tolist(), measured(tests)))}
    fold_of = {row.case_id: row.fold for row in oof}
    folds = np.array([fold_of.get(case.case_id, -1) for case in cases])
    if oof and (folds >= 0).all():
        unseen = np.zeros(len(cases))
        for fold in np.unique(folds):
            away = folds == fold
            unseen[away] = fit_and_predict(features[~away], y[~away].tolist(), features[away])
        scores["train"] = of_cases(cases, unseen, tuple(int(f) for f in folds))
    return scores


def ceiling(cases: Sequence[Case]) -> SplitScores | None:
    """What the simulator drew the outcome from, as far as it is in the image; None where a patient has no such score."""
    if not cases or any(case.labels.get(TRUE_SCORE) is None for case in cases):
        return None
    return of_cases(cases, [float(case.labels[TRUE_SCORE]) for case in cases])
