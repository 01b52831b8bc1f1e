"""Training, export and decoding of the detectors, on toy films."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from toy_films import ToyFilms, toy_manifest

from sinustrainer import export, train
from sinustrainer.checkpoint import load_checkpoint
from sinustrainer.data.manifest import load_manifest
from sinustrainer.networks.yolo_v2 import YoloV2, kmeans_anchors
from sinustrainer.tasks import detection
from sinustrainer.tasks.yolo_loss import YoloLossWeights, yolo_loss
from sinustrainer.train_recipe import TrainRecipe, parse_recipe
from sinusviewer.errors import CancelledError, InputError
from sinusviewer.inference.detector import antrum_scores, decode
from sinusviewer.inference.model_card import load_card, verify_weights
from sinusviewer.jobs.runner import CancelToken


@pytest.fixture(autouse=True)
def _toy_films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "films_of", lambda cases, strengths=None: ToyFilms(len(cases)))


@pytest.fixture
def _no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the ONNX graph, which takes seconds."""
    monkeypatch.setattr(export, "write_export", lambda spec, folder: folder)


def recipe(steps: int, **options: object) -> TrainRecipe:
    return parse_recipe({
        "task": "waters_sinusitis", "name": "toy", "seed": 3, "validation_share": 0.2,
        "loop": {"steps": steps, "batch": 8, "validate_every": 100, "checkpoint_every": 4, "ema": 0.9},
        "optimiser": {"learning_rate": 3e-3, "warmup_steps": 5},
        "options": {"backbone": "mobilenetv3_small_050", "weights": "none", "size": 64, "width": 32, "anchors": 2,
                    "loss": {"neighbour_classes": 0.5}, **options},
    })  # fmt: skip


def weights_of(run: Path) -> dict[str, object]:
    result: dict[str, object] = load_checkpoint(run / "last.pt")["network"]
    return result


def test_a_detector_learns_toy_disease_and_its_model_folder_reads_like_torch(tmp_path: Path) -> None:
    data = toy_manifest(tmp_path / "data")
    light = recipe(60, backbone="efficientnet_lite0", weights="lite0_package", frozen=2, size=96)
    light = light.model_copy(update={"optimiser": light.optimiser.model_copy(update={"learning_rate": 8e-3})})
    summary = train.train(light, data, tmp_path / "run")
    assert summary.metrics["held_out"]["auc"] > 0.9
    card = export.export_run(tmp_path / "run", tmp_path / "model")
    assert load_card(tmp_path / "model") == card
    assert card.metrics["parity"] <= 1e-4
    assert card.trained_on == "Trained on simulated patients only (no clinical images)."
    assert card.calibration is not None
    session = onnxruntime.InferenceSession(verify_weights(card, tmp_path / "model"))
    image = np.random.default_rng(0).random((5, 1, 96, 96), dtype=np.float32)
    raw = session.run(None, {"image": image})[0]
    left, right = antrum_scores(decode(raw[0], card.parameters["anchors"], 96), card.labels, 96)
    assert left.box is not None
    assert right.box is not None
    assert left.score == pytest.approx(1 - (left.normal_evidence or 0))


@pytest.mark.usefixtures("_no_graph")
def test_a_resumed_training_ends_with_the_same_weights_as_an_uninterrupted_one(tmp_path: Path) -> None:
    data = toy_manifest(tmp_path / "data")
    train.train(recipe(10), data, tmp_path / "whole")

    class StopAtSix(CancelToken):
        asked = 0

        @property
        def cancelled(self) -> bool:
            self.asked += 1
            return self.asked >= 6

    with pytest.raises(CancelledError):
        train.train(recipe(10), data, tmp_path / "parts", token=StopAtSix())
    assert load_checkpoint(tmp_path / "parts" / "last.pt")["step"] == 6
    train.train(recipe(10), data, tmp_path / "parts", resume=True)
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


@pytest.mark.usefixtures("_no_graph")
def test_a_cancel_file_ends_the_training_and_keeps_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = toy_manifest(tmp_path / "data"), tmp_path / "run"
    terms = detection.DetectionTask.loss

    def cancel_then_loss(self: detection.DetectionTask, network: object, batch: object) -> object:
        (run / "cancel").touch()
        return terms(self, network, batch)

    monkeypatch.setattr(detection.DetectionTask, "loss", cancel_then_loss)
    with pytest.raises(CancelledError):
        train.train(recipe(10), data, run)
    assert load_checkpoint(run / "last.pt")["step"] == 1


@pytest.mark.usefixtures("_no_graph")
def test_a_run_is_not_overwritten_without_being_asked(tmp_path: Path) -> None:
    data = toy_manifest(tmp_path / "data")
    train.train(recipe(1), data, tmp_path / "run")
    with pytest.raises(InputError, match="already holds"):
        train.train(recipe(1), data, tmp_path / "run")


@pytest.mark.usefixtures("_no_graph")
def test_the_published_variant_trains_one_class_and_scores_by_objectness(tmp_path: Path) -> None:
    data = toy_manifest(tmp_path / "data")
    content = recipe(2, variant="sinusitis").model_dump(mode="json")
    cases = [
        {
            "case_id": str(i),
            "patient_id": str(i),
            "split": "train",
            "files": {},
            "labels": {"boxes": [{"xyxy": [1, 1, 2, 2], "side": "left", "subclass": "cyst"}]},
        }
        for i in range(10)
    ]
    toy_manifest(data, cases=cases)
    train.train(parse_recipe(content), data, tmp_path / "run")
    task = detection.DetectionTask(parse_recipe(content), load_manifest(data))
    spec = task.export_spec(task.network)
    assert spec.labels == ("sinusitis",)
    assert spec.outputs[0].shape[1] == 2 * 6


def test_numpy_decodes_as_torch_does() -> None:
    network = detection.YoloV2(detection.Backbone("mobilenetv3_small_050", (8, 16)), [[0.2, 0.3], [0.5, 0.4]], 3, 16)
    raw = torch.randn(1, 2 * 8, 5, 5, generator=torch.Generator().manual_seed(0)) * 2
    mine, theirs = decode(raw[0].numpy(), network.anchors.numpy(), 80), network.decode(raw)
    np.testing.assert_allclose(mine.xyxy, theirs.xyxy.reshape(-1, 4).numpy() * 80, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(mine.objectness, torch.sigmoid(theirs.objectness).ravel().numpy(), rtol=1e-5)
    np.testing.assert_allclose(mine.classes, theirs.classes.softmax(-1).reshape(-1, 3).numpy(), rtol=1e-4, atol=1e-6)


def perfect_raw(network: YoloV2, box: tuple[float, ...], label: int, cells: int) -> torch.Tensor:
    """Raw output that says exactly one box."""
    raw = torch.zeros(1, len(network.anchors), 5 + network.classes, cells, cells)
    raw[:, :, 4] = -12
    x, y, w, h = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]
    column, row = int(x * cells), int(y * cells)
    raw[0, 0, 0, row, column] = torch.logit(torch.tensor(x * cells - column))
    raw[0, 0, 1, row, column] = torch.logit(torch.tensor(y * cells - row))
    raw[0, 0, 2, row, column] = torch.log(torch.tensor(w) / network.anchors[0, 0])
    raw[0, 0, 3, row, column] = torch.log(torch.tensor(h) / network.anchors[0, 1])
    raw[0, 0, 4, row, column] = 12
    raw[0, 0, 5 + label, row, column] = 20
    return raw.reshape(1, -1, cells, cells)


def test_the_loss_of_a_perfect_prediction_is_nought_and_a_wrong_class_costs() -> None:
    network = YoloV2(detection.Backbone("mobilenetv3_small_050", (8, 16)), [[0.25, 0.2], [0.9, 0.9]], 3, 16)
    box = (0.33, 0.41, 0.55, 0.63)
    boxes = torch.tensor([[box, (0, 0, 0, 0)]])
    raw = perfect_raw(network, box, 1, 6)
    right = yolo_loss(network, raw, boxes, torch.tensor([[1, -1]]), YoloLossWeights(neighbour_classes=1))
    wrong = yolo_loss(network, raw, boxes, torch.tensor([[2, -1]]), YoloLossWeights(neighbour_classes=1))
    assert sum(float(v) for v in right.values()) < 1e-3
    assert float(wrong["classes"]) > 10


def test_anchors_follow_the_boxes_and_are_ordered_by_area() -> None:
    rng = np.random.default_rng(1)
    boxes = np.concatenate([rng.normal((10, 20), 0.3, (50, 2)), rng.normal((40, 30), 0.5, (50, 2))])
    np.testing.assert_allclose(kmeans_anchors(boxes, 2, seed=2), [[10, 20], [40, 30]], atol=0.4)
    assert kmeans_anchors(np.array([[5.0, 5.0]] * 3), 4).shape == (4, 2)
