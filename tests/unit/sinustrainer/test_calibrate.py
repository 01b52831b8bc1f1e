"""Calibration and thresholds on held-out scores."""

import numpy as np
import pytest

from sinustrainer.calibrate import fit_calibration, logit, youden_threshold


def test_a_known_distortion_is_undone() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0.02, 0.98, 4000)
    y = rng.uniform(size=4000) < true
    distorted = 1 / (1 + np.exp(-(logit(true) - 0.7) * 2))
    found = fit_calibration(y, distorted, "4000 cases")
    assert found is not None
    assert found.temperature == pytest.approx(2.0, rel=0.1)
    assert found.bias == pytest.approx(0.7, abs=0.12)
    assert abs(np.mean([found.apply(p) for p in distorted]) - y.mean()) < 0.01


def test_separated_classes_keep_a_finite_calibration() -> None:
    found = fit_calibration([0, 0, 1, 1], [0.01, 0.02, 0.98, 0.99], "4 cases")
    assert found is not None
    assert 0.5 < found.apply(0.98) < 0.98


def test_one_class_gives_no_calibration_and_the_middle_threshold() -> None:
    assert fit_calibration([1, 1], [0.2, 0.4], "") is None
    assert youden_threshold([1, 1], [0.2, 0.4]) == 0.5
    assert youden_threshold([0, 1], [0.3, 0.3]) == 0.5


@pytest.mark.parametrize(
    ("y", "scores", "low", "high"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], 0.2, 0.7),
        ([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.8], 0.4, 0.6),
    ],
)
def test_the_threshold_lies_in_the_widest_of_the_best_gaps(
    y: list[int], scores: list[float], low: float, high: float
) -> None:
    assert low < youden_threshold(y, scores) < high
