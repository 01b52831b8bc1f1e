import csv
from pathlib import Path

import numpy as np
import pytest

from sinustrainer.recalibrate import recalibrate
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import load_card
from sinusviewer.paths import bundled_models_dir


def films(path: Path, shift: float, split: str = "internal", count: int = 200, seed: int = 1) -> Path:
    """Films whose scores, in log odds, are too high by ``shift``."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "right_score", "right_diseased", "left_score", "left_diseased"])
        for _ in range(count):
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


def test_the_card_keeps_how_sure_threshold_and_calibration_are(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    fitted = recalibrate(card, films(tmp_path / "films.csv", shift=1.5), ("internal",))
    figures = fitted.metrics["recalibration"]
    assert figures["films"] == 200
    assert figures["antra_diseased"] + figures["antra_healthy"] == 400
    low, high = figures["threshold_ci95"]
    assert low <= fitted.threshold <= high
    assert high - low > 0.02  # 400 antra fix no cut exactly
    assert figures["brier_after_cross_validated"] < figures["brier_before"] - 0.01
    assert figures["slope_cross_validated"] == pytest.approx(1, abs=0.15)
    assert fitted.metrics["held_out"] == card.metrics["held_out"]


def test_the_threshold_hardly_depends_on_which_films_were_drawn(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    cuts = [
        recalibrate(card, films(tmp_path / f"{seed}.csv", 0.0, seed=seed), ("internal",)).threshold for seed in range(4)
    ]
    assert max(cuts) - min(cuts) < 0.25
    assert np.mean(cuts) == pytest.approx(0.5, abs=0.1)


def test_with_few_antra_the_prevalence_is_the_threshold(tmp_path):
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    fitted = recalibrate(card, films(tmp_path / "films.csv", 0.0, count=20), ("internal",))
    figures = fitted.metrics["recalibration"]
    share = figures["antra_diseased"] / (figures["antra_diseased"] + figures["antra_healthy"])
    assert fitted.threshold == pytest.approx(share)
    assert "too few" in figures["threshold_by"]


def test_an_earlier_calibration_is_taken_off_before_the_new_one(tmp_path):
    table = films(tmp_path / "films.csv", shift=1.5)
    card = load_card(bundled_models_dir() / "waters_sinusitis").model_copy(update={"calibration": None})
    once = recalibrate(card, table, ("internal",))
    assert once.calibration is not None
    again = tmp_path / "again.csv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    with again.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            for side in ("right", "left"):
                row[f"{side}_score"] = str(once.calibration.apply(float(row[f"{side}_score"])))
            writer.writerow(row)
    twice = recalibrate(once, again, ("internal",))
    assert twice.calibration is not None
    assert twice.calibration.temperature == pytest.approx(once.calibration.temperature, rel=1e-3)
    assert twice.calibration.bias == pytest.approx(once.calibration.bias, abs=1e-3)
