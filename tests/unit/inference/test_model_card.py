"""Model cards: what is written is read back, what is wrong is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from sinusviewer.errors import ModelFileError
from sinusviewer.inference.model_card import (
    Calibration,
    InputSpec,
    ModelCard,
    ModelTask,
    OutputSpec,
    load_card,
    save_card,
    sha256_of,
    verify_weights,
)


def a_card(**changes: Any) -> ModelCard:
    content: dict[str, Any] = {
        "name": "toy", "version": "1.2.0", "task": ModelTask.ECRS, "sha256": "a" * 64, "threshold": 0.4,
        "trained_on": "Simulated patients only.", "input": InputSpec(name="image", shape=(None, 1, 8, 8)),
        "outputs": (OutputSpec(name="logit", meaning="log odds", shape=(None, 1)),),
        "calibration": Calibration(temperature=1.5, fitted_on="20 patients"), "labels": ("necrs", "ecrs"),
    }  # fmt: skip
    return ModelCard(**(content | changes))


def test_a_card_reads_back_as_it_was_written(tmp_path: Path) -> None:
    card = a_card()
    save_card(card, tmp_path)
    assert load_card(tmp_path) == card
    assert card.reference.name == "toy"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"sha256": "xyz"}, "sha256"),
        ({"task": "astrology"}, "task"),
        ({"trained_on": ""}, "trained_on"),
        ({"file": "../../etc/passwd"}, "plain file name"),
        ({"colour": "red"}, "colour"),
        ({"outputs": []}, "outputs"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_a_fault_in_a_card_is_named(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    content = json.loads(a_card().model_dump_json()) | change
    (tmp_path / "card.json").write_text(json.dumps(content))
    with pytest.raises(ModelFileError, match=named):
        load_card(tmp_path)


def test_a_missing_or_unreadable_card_is_a_model_file_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_card(tmp_path)
    (tmp_path / "card.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_card(tmp_path)


def test_changed_weights_are_found_out(tmp_path: Path) -> None:
    weights = tmp_path / "model.onnx"
    weights.write_bytes(b"weights")
    card = a_card(sha256=sha256_of(weights))
    assert verify_weights(card, tmp_path) == weights
    weights.write_bytes(b"Weights")
    with pytest.raises(ModelFileError, match="were changed"):
        verify_weights(card, tmp_path)
    weights.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        verify_weights(card, tmp_path)


def test_calibration_is_a_logistic_line_and_never_leaves_0_1() -> None:
    assert Calibration().apply(0.3) == pytest.approx(0.3)
    assert Calibration(temperature=2.0).apply(0.9) == pytest.approx(0.75)
    assert 0 < Calibration(bias=-6).apply(0.0) < Calibration(bias=6).apply(1.0) < 1


def test_a_calibration_can_be_undone() -> None:
    fitted = Calibration(method="platt", temperature=0.4, bias=0.7)
    assert fitted.undo(fitted.apply(0.37)) == pytest.approx(0.37)
