import pytest

from sinusviewer.inference.model_card import load_card, verify_weights
from sinusviewer.nomogram import read_nomogram
from sinusviewer.paths import bundled_models_dir

MODELS = sorted(p.parent.name for p in bundled_models_dir().glob("*/card.json"))


@pytest.mark.parametrize("name", MODELS)
def test_bundled_weights_match_their_card_and_name_no_folder_of_the_machine_that_made_them(name: str) -> None:
    folder = bundled_models_dir() / name
    card = load_card(folder)
    weights = verify_weights(card, folder).read_bytes()
    assert b"site-packages" not in weights
    assert b'File "' not in weights
    assert "simulated" in card.trained_on


def test_the_bundled_nomogram_was_fitted_on_scores_of_the_bundled_network() -> None:
    folder = bundled_models_dir() / "recurrence"
    assert read_nomogram(folder / "nomogram.json").score_model == load_card(folder).reference


def test_all_bundled_models_together_stay_below_60_mib() -> None:
    assert 0 < sum(p.stat().st_size for p in bundled_models_dir().rglob("*") if p.is_file()) <= 60 * 2**20
