"""The method as published (Oh 2021), small: both recipes train, the search finds its way, and YOLOv2's parts do their work."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_films import ToyFilms, toy_manifest

from sinustrainer import cli, export, search, train
from sinustrainer.data.film_augmentation import FilmAugmentation
from sinustrainer.data.film_batches import FilmBatches
from sinustrainer.networks.backbones import Backbone
from sinustrainer.networks.yolo_v2 import YoloV2, kmeans_anchors, shape_iou
from sinustrainer.tasks import detection
from sinustrainer.train_recipe import TrainRecipe, load_recipe, parse_recipe
from sinusviewer.imaging.preprocess import WATERS_PATCH, FilmPreprocessing
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.jobs.runner import CancelToken, silent_progress

RECIPES = Path(__file__).resolve().parents[3] / "training" / "recipes"


@pytest.fixture(autouse=True)
def _toy_films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "films_of", lambda cases, strengths=None: ToyFilms(len(cases)))
    monkeypatch.setattr(export, "write_export", lambda spec, folder: folder)


def shrunk(name: str, **loop: object) -> TrainRecipe:
    """A published recipe with everything kept that costs no time: backbone, canvas, batch and duration are made small."""
    content = load_recipe(RECIPES / name).model_dump(mode="json")
    content["options"] |= {"backbone": "resnet18", "weights": "none", "size": 96, "width": 16}
    content["loop"] |= {"epochs": None, "steps": 2, "batch": 4, "workers": 0, "threads": 1, "validate_every": 2, **loop}
    return parse_recipe(content)


def test_the_published_patch_recipe_trains_with_seven_anchors(tmp_path: Path) -> None:
    recipe = shrunk("train_waters_patch_published.toml")
    assert (recipe.task, recipe.options["anchors"], recipe.optimiser.name) == (ModelTask.WATERS_PATCH, 7, "adam")
    summary = train.train(recipe, toy_manifest(tmp_path / "data", 8), tmp_path / "run")
    assert summary.steps == 2
    assert summary.cases == {"training": 8, "held_out": 0}


def test_the_published_sinusitis_recipe_trains_one_class_on_sixteen_anchors(tmp_path: Path) -> None:
    recipe = shrunk("train_waters_sinusitis_published.toml")
    diseased = {"antra": [{"xyxy": [0, 0, 1, 1], "diseased": True, "subclass": "cyst", "side": "right"}]}
    data = toy_manifest(tmp_path / "data", 10)
    content = json.loads((data / "manifest.json").read_text())
    for number, case in enumerate(content["cases"]):
        case["labels"] = diseased if number % 2 else {"antra": []}
    (data / "manifest.json").write_text(json.dumps(content))
    task = detection.DetectionTask(recipe, detection_manifest(data))
    assert isinstance(task.network, YoloV2)
    assert (len(task.network.anchors), task.labels) == (16, ("sinusitis",))
    assert task.cases["training"] < 8  # sinusitis films only
    assert task.options.redraw is False
    summary = train.train(recipe, data, tmp_path / "run")
    assert 0 <= summary.metrics["held_out"]["accuracy"] <= 1


def detection_manifest(data: Path) -> Any:
    from sinustrainer.data.manifest import load_manifest

    return load_manifest(data)


def test_a_search_runs_from_the_command_line_and_goes_on_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = shrunk("train_waters_sinusitis_published.toml").model_dump(mode="json")
    content["options"]["variant"] = "antra"  # toy films carry no labels to choose sinusitis films by
    content["validation_share"] = 0.3
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(content))
    data = toy_manifest(tmp_path / "data", 8)
    words = ["search", "--recipe", str(recipe), "--data", str(data), "--out", str(tmp_path / "out"), "--minutes", "1",
             "--range", "size=96:96", "--range", "anchors=2:3", "--trials"]  # fmt: skip
    for trials in ("1", "2"):
        assert cli.main([*words, trials]) == 0
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert [t["state"] for t in found["trials"]] == ["COMPLETE", "COMPLETE"]
    winner = load_recipe(tmp_path / "out" / "best_recipe.json")
    assert winner.options["size"] == 96
    assert '"event": "finished"' in capsys.readouterr().out or found["best"] is not None


class ScriptedLoop:
    """Stands for a training whose accuracy follows from its settings: best at a learning rate of 1e-4."""

    def __init__(
        self, task: object, recipe: TrainRecipe, out: Path, progress: object, token: object, prune: Any
    ) -> None:
        far = abs(np.log10(recipe.optimiser.learning_rate) + 4)
        self.figures = {"accuracy": float(0.95 - 0.2 * far - 0.001 * recipe.options["anchors"])}
        self.prune = prune

    def run(self) -> Any:
        self.stopped_early = any(self.prune(step, self.figures) for step in (1, 2, 3))
        return type("State", (), {"history": [self.figures]})()


def test_a_search_keeps_its_best_trial_and_draws_the_importances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinustrainer.loop.TrainingLoop", ScriptedLoop)
    monkeypatch.setattr("sinustrainer.tasks.registry.build_task", lambda recipe, data: (None, None))
    recipe = load_recipe(RECIPES / "train_waters_sinusitis_published.toml")
    ranges = search.paper_ranges(32, minutes=False)
    for trials in (5, 9):  # stopped after five, gone on with later; from the ninth on the Gaussian process chooses
        found = search.search(recipe, tmp_path, tmp_path / "out", ranges, trials, silent_progress(), CancelToken())
        assert found["trials"] == trials
    content = json.loads((tmp_path / "out" / "search.json").read_text())
    assert content["best"]["objective"] == min(t["objective"] for t in content["trials"] if t["state"] == "COMPLETE")
    assert set(content["importance"]) == {r.name for r in ranges}
    assert sum(content["importance"].values()) == pytest.approx(1, abs=1e-6)
    assert (tmp_path / "out" / "importance.png").stat().st_size > 5000
    assert {t["state"] for t in content["trials"]} <= {"COMPLETE", "PRUNED"}
    winner = load_recipe(tmp_path / "out" / "best_recipe.json")
    assert winner.loop.epochs == content["best"]["parameters"]["epochs"]
    assert winner.options["size"] % 32 == 0


def test_multi_scale_training_changes_the_canvas_every_ten_steps_and_the_network_takes_it() -> None:
    batches = FilmBatches(
        ToyFilms(6), "antra", FilmPreprocessing(WATERS_PATCH, 96), FilmAugmentation(), 2, 5, ("normal", "cyst"),
        sizes=(64, 96, 128),
    )  # fmt: skip
    sides = [batches(step)["image"].shape[-1] for step in range(0, 120, 10)]
    assert set(sides) == {64, 96, 128}
    assert {batches(step)["image"].shape[-1] for step in range(20, 30)} == {batches(20)["image"].shape[-1]}
    network = YoloV2(Backbone("resnet18", (16, 32), "none"), [[0.3, 0.4], [0.2, 0.2]], classes=2, width=16).eval()
    for step in range(0, 120, 10):
        batch = batches(step)
        raw = network(torch.from_numpy(batch["image"]))
        assert raw.shape[-1] == batch["image"].shape[-1] // 32
        boxes = batch["boxes"][batch["labels"] >= 0]
        assert boxes.min() > -0.5  # as shares of the canvas, whatever its size
        assert boxes.max() < 1.5


def test_fine_features_pass_through_to_the_prediction() -> None:
    torch.manual_seed(0)
    network = YoloV2(Backbone("resnet18", (16, 32), "none"), [[0.3, 0.4]], classes=1, width=16).eval()
    assert network.ratio == 2
    assert network.join[0][0].in_channels == 16 + 8 * network.ratio**2  # four fine cells beside each coarse one
    fine = torch.rand(1, network.backbone.out_channels[0], 8, 8)
    coarse = torch.rand(1, network.backbone.out_channels[1], 4, 4)
    network.backbone.forward = lambda image: (fine, coarse)  # type: ignore[method-assign]
    before = network(torch.zeros(1, 1, 128, 128))
    changed = fine.clone()
    changed[..., 2:4, 4:6] += 3.0  # the four fine cells of the coarse cell in row 1, column 2
    network.backbone.forward = lambda image: (changed, coarse)  # type: ignore[method-assign]
    moved = (network(torch.zeros(1, 1, 128, 128)) - before).abs().amax(dim=(0, 1))
    assert moved[1, 2] > 0
    assert moved[3, 0] == 0  # three by three convolution: nothing farther than a neighbour


def test_k_means_on_iou_finds_the_shapes_that_were_mixed() -> None:
    rng = np.random.default_rng(2)
    shapes = np.array([[0.1, 0.1], [0.15, 0.4], [0.5, 0.2], [0.6, 0.7]])
    sizes = np.concatenate([s * rng.uniform(0.93, 1.07, (50, 2)) for s in shapes])
    anchors = min((kmeans_anchors(sizes, 4, seed=seed) for seed in range(5)), key=lambda a: -_fit(sizes, a))
    assert np.allclose(anchors, shapes[np.argsort(shapes.prod(axis=1))], rtol=0.06)
    spread = [_fit(sizes, kmeans_anchors(sizes, count, seed=0)) for count in (1, 2, 4, 7)]
    assert spread == sorted(spread)  # more anchors, better fit: the paper's Figure 2 of YOLOv2


def _fit(sizes: np.ndarray, anchors: np.ndarray) -> float:
    return float(shape_iou(sizes, anchors).max(axis=1).mean())
