import csv
from pathlib import Path

import numpy as np
import pytest

from sinustrainer.recalibrate import recalibrate
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import load_card
from sinusviewer.paths import bundled_models_dir


def films(path: Path, shift: float, split: str = "internal") -> Path:
    """200 films whose scores, in log odds, are too high by ``shift``."""
    rng = np.random.default_rng(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "right_score", "right_diseased", "left_score", "left_diseased"])
        for _ in range(200):
            row: list[object] = [split]
            for _side in range(2):
                z = rng.normal()
                diseased = rng.random() < 1 / (1 + np.exp(-2 * z))
                row += [1 / (1 + np.exp(-(2 * z + shift))), diseased]
            writer.writerow(row)
    return path


def test_scores_that_run_too_high_are_brought_back_and_the_threshold_follows(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    fitted = recalibrate(card, films(tmp_path / "films.csv", shift=1.5), ("internal",))
    assert fitted.calibration is not None
    assert fitted.calibration.bias / fitted.calibration.temperature == pytest.approx(-1.5, abs=0.7)
    assert fitted.calibration.apply(1 / (1 + np.exp(-1.5))) == pytest.approx(0.5, abs=0.07)
    assert fitted.calibration.fitted_on == "200 films of the splits internal"


def test_scores_that_are_right_keep_their_temperature(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    table = films(tmp_path / "films.csv", shift=0.0)
    once = recalibrate(card, table, ("internal",))
    assert once.calibration is not None
    assert once.calibration.temperature == pytest.approx(1, abs=0.25)


def test_films_of_no_named_split_are_refused(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis")
    with pytest.raises(InputError, match="no scored film"):
        recalibrate(card, films(tmp_path / "films.csv", 0, split="train"), ("internal",))


def test_a_patch_detector_is_not_recalibrated(tmp_path):
    with pytest.raises(InputError, match="no sinusitis detector"):
        recalibrate(load_card(bundled_models_dir() / "waters_patch"), tmp_path / "films.csv", ("internal",))
