"""Training of the three CT tasks on toy heads, their export, and reading with the exported files."""

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from toy_ct import toy_ct_folder

from sinustrainer import export, train
from sinustrainer.checkpoint import load_checkpoint, start_from
from sinustrainer.data.ct_cases import CtCases, load_case_volume
from sinustrainer.data.loaders import batches
from sinustrainer.data.manifest import load_manifest
from sinustrainer.data.slice_bags import fill_of
from sinustrainer.evaluate import command
from sinustrainer.evaluate.learning_curves import draw_learning, read_curve
from sinustrainer.networks.classifiers import SliceClassifier, attention_pool
from sinustrainer.networks.multitask_unet_3d import MultiTaskUNet3D, weigh_by_uncertainty
from sinustrainer.networks.segmentation_2d import build_segmenter
from sinustrainer.tasks.recurrence import RecurrenceTask
from sinustrainer.tasks.registry import build_task
from sinustrainer.tasks.segmentation import SegmentationTask
from sinustrainer.train_recipe import TrainRecipe, parse_recipe
from sinusviewer.errors import InputError, StorageError
from sinusviewer.imaging.nifti import read_nifti
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, axial_stack, labels_on_stack
from sinusviewer.inference.activation_map import grad_cam
from sinusviewer.inference.classifier import attention_probability, classify
from sinusviewer.inference.model_card import load_card
from sinusviewer.inference.segmenter import segment_with_opacity
from sinusviewer.jobs.runner import CancelToken, silent_progress
from sinusviewer.statistics.delong import auc

PLAIN = {"shift_mm": 3.0, "rotation_deg": 3.0, "noise_hu": 5.0}


def recipe(task: str, steps: int, batch: int, **options: object) -> TrainRecipe:
    return parse_recipe({
        "task": task, "name": "toy", "seed": 2, "validation_share": 0.25,
        "loop": {"steps": steps, "batch": batch, "validate_every": 1000},
        "optimiser": {"learning_rate": 1e-2, "schedule": "cosine"},
        "options": {"augmentation": PLAIN, **options},
    })  # fmt: skip


def session_of(folder: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(folder / "model.onnx")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_ct_folder(tmp_path_factory.mktemp("ct") / "data", 16)


@pytest.fixture
def _no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "write_export", lambda spec, folder: folder)


@pytest.fixture(autouse=True)
def _fast_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old exporter takes a thirtieth of the time; the new one is tested with the detectors."""

    def write(network: torch.nn.Module, example: torch.Tensor, path: Path, name: str, outputs: tuple[str, ...]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, (example,), path, input_names=[name], output_names=list(outputs), dynamo=False,
                dynamic_axes={n: {0: "batch"} for n in (name, *outputs)}, opset_version=17,
            )  # fmt: skip

    monkeypatch.setattr(export, "write_graph", write)


def test_a_segmenter_learns_the_region_and_its_exported_file_finds_it_again(data: Path, tmp_path: Path) -> None:
    chosen = recipe("sinus_segmentation", 60, 8, base=4, size=64, spacing_mm=3.0, target="region", opacity=True)
    summary = train.train(chosen, data, tmp_path / "run")
    assert summary.metrics["held_out"]["dice"] > 0.5
    card = export.export_run(tmp_path / "run", tmp_path / "model")
    session = session_of(tmp_path / "model")

    def run(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(session.run(["probabilities"], {"image": images})[0])

    case = load_manifest(data).cases[0]
    found, opacified = segment_with_opacity(run, load_case_volume(case), card)
    truth = read_nifti(case.files["labels"])[0] > 0
    sick = read_nifti(case.files["opacified"])[0] > 0
    assert opacified is not None
    both = (found > 0) & truth
    assert (opacified[both] == sick[both]).mean() > 0.8
    assert found.shape == truth.shape
    assert 2 * ((found > 0) & truth).sum() / ((found > 0).sum() + truth.sum()) > 0.4


@pytest.mark.usefixtures("_no_graph")
def test_a_training_goes_on_from_the_weights_of_another_even_with_an_output_more(data: Path, tmp_path: Path) -> None:
    first = recipe("sinus_segmentation", 2, 4, base=4, size=64, spacing_mm=3.0)
    train.train(first, data, tmp_path / "first")
    given = load_checkpoint(tmp_path / "first" / "last.pt")["network"]
    more = recipe("sinus_segmentation", 1, 4, base=4, size=64, spacing_mm=3.0, opacity=True)
    task = SegmentationTask(more, load_manifest(data))
    assert start_from(task.network, tmp_path / "first" / "last.pt") == len(given)
    own = task.network.state_dict()
    assert torch.equal(own["classify.weight"][:12], given["classify.weight"])
    assert torch.equal(own["encoders.0.0.0.weight"], given["encoders.0.0.0.weight"])
    wide = recipe("sinus_segmentation", 1, 4, base=4, size=64, spacing_mm=3.0, context_mm=[0.0, -3.0])
    wider = SegmentationTask(wide, load_manifest(data)).network
    assert start_from(wider, tmp_path / "first" / "last.pt") == len(given)
    first_layer = wider.state_dict()["encoders.0.0.0.weight"]
    assert torch.equal(first_layer[:, :2], given["encoders.0.0.0.weight"])
    assert not bool(first_layer[:, 2:].any())
    with pytest.raises(StorageError, match="do not fit"):
        start_from(SliceClassifier("mobilenetv3_small_050", 1), tmp_path / "first" / "last.pt")


def test_a_slice_classifier_learns_reads_patients_and_gives_grad_cam(data: Path, tmp_path: Path) -> None:
    chosen = recipe("ecrs", 12, 16, network="mobilenetv3_small_050", weights="none", size=64, spacing_mm=3.0,
                    slices_per_patient=4, slice_step_mm=0.0, fill_weight=0.5)  # fmt: skip
    summary = train.train(chosen, data, tmp_path / "run")
    assert {"auc_image", "auc_patient", "auc_attention"} <= summary.metrics["held_out"].keys()
    card = export.export_run(tmp_path / "run", tmp_path / "model")
    assert load_card(tmp_path / "model").parameters["lesion_share"] == 0.1
    session = session_of(tmp_path / "model")
    task, _ = build_task(chosen, data)
    prepared = task.held_out.stack(0)  # type: ignore[attr-defined]
    names = [output.name for output in card.outputs]
    score = classify(
        lambda images: dict(zip(names, session.run(names, {"image": images}), strict=True)),
        prepared.stack, np.asarray(prepared.labels), card,
    )  # fmt: skip
    assert score.probability is not None
    assert score.by_window.shape == (2, len(score.slices))
    assert 0 < score.probability < 1
    heat = grad_cam(score.features[0], card.parameters["class_weights"])
    assert heat.shape == (len(score.slices), *score.features.shape[-2:])


def test_a_slice_tells_the_share_of_each_structure_that_is_filled() -> None:
    labels, filled = np.zeros((32, 32), np.uint8), np.zeros((32, 32), bool)
    labels[:8, :10], labels[16:24, :10], labels[30, :5] = 1, 11, 4  # 80 pixels each, and 5 that are too few
    filled[:8, :5], filled[31, 20:] = True, True  # half of the first, and some outside all
    hu = np.where(filled, 60.0, -900.0)
    shares = fill_of(hu, labels, filled)
    assert shares[[0, 10]] == pytest.approx([0.5, 0.0])
    assert shares[3] == 0
    assert fill_of(hu, labels, np.zeros_like(filled))[-1] == -1
    assert shares[-1] == pytest.approx(0.6)


def test_numpy_grad_cam_equals_that_of_gradients() -> None:
    torch.manual_seed(0)
    network = SliceClassifier("mobilenetv3_small_050", 1).eval()
    features = network(torch.rand(2, 1, 96, 96)).features.detach().requires_grad_(True)
    network.head(features.mean(dim=(2, 3)))[:, 0].sum().backward()
    assert features.grad is not None
    alpha = features.grad.mean(dim=(2, 3), keepdim=True)
    expected = torch.relu((alpha * features).sum(dim=1)).detach().numpy()
    found = grad_cam(features.detach().numpy(), network.head.weight[0].detach().numpy())
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-4)
    assert found.max() > 0


def test_attention_over_slices_is_the_same_in_training_and_reading() -> None:
    rng = np.random.default_rng(1)
    attention, evidence = rng.normal(0, 2, 7), rng.normal(0, 2, 7)
    pooled = attention_pool(torch.tensor(attention), torch.tensor(evidence), torch.tensor([0, 0, 0, 1, 1, 1, 1]), 2)
    probability = torch.sigmoid(pooled)
    assert attention_probability(attention[:3], evidence[:3]) == pytest.approx(float(probability[0]))
    assert attention_probability(attention[3:], evidence[3:]) == pytest.approx(float(probability[1]))


def test_the_multi_task_network_trains_and_exports_score_and_masks(data: Path, tmp_path: Path) -> None:
    chosen = recipe(
        "recurrence", 12, 2, base=4, depth=3, shape=(16, 32, 32), spacing_mm=3.0, margin=2, target="opacified"
    )
    summary = train.train(chosen, data, tmp_path / "run")
    assert summary.metrics["held_out"]["dice"] > 0.1
    card = export.export_run(tmp_path / "run", tmp_path / "model")
    score, masks = session_of(tmp_path / "model").run(
        ["score", "segmentation"], {"image": np.zeros((3, 2, 16, 32, 32), np.float32)}
    )
    assert score.shape == (3, 1)
    assert masks.shape == (3, 3, 16, 32, 32)
    assert card.labels == ("background", "aerated", "opacified")


@pytest.mark.parametrize(("variant", "parts"), [("classification", ["recurrence"]), ("segmentation", ["segmentation"])])
def test_single_task_variants_leave_the_other_part_out(data: Path, variant: str, parts: list[str]) -> None:
    chosen = recipe("recurrence", 1, 2, base=4, depth=3, shape=(16, 32, 32), spacing_mm=3.0, variant=variant)
    task = RecurrenceTask(chosen, load_manifest(data))
    batch = {key: torch.from_numpy(value) for key, value in task.source(0).items()}
    assert list(task.loss(task.network, batch)) == parts


def test_cross_validation_folds_share_no_patient_and_together_hold_everyone(data: Path) -> None:
    away: list[str] = []
    for fold in range(5):
        chosen = recipe("recurrence", 1, 2, fold=fold, shape=(16, 32, 32))
        task = RecurrenceTask(chosen, load_manifest(data))
        held = [case.patient_id for case in task.held_out.cases]
        assert not set(held) & {case.patient_id for case in task.source.cases.cases}
        away += held
    assert sorted(away) == sorted(case.patient_id for case in load_manifest(data).cases)


def test_a_recipe_of_another_kind_of_data_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match="holds ct"):
        build_task(recipe("waters_patch", 1, 1), data)


def test_uncertainty_weights_grow_for_the_task_with_the_smaller_loss() -> None:
    log_variance = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.SGD([log_variance], lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        terms = weigh_by_uncertainty({"a": torch.tensor(0.2), "b": torch.tensor(2.0)}, log_variance)
        sum(terms.values(), torch.tensor(0.0)).backward()
        optimiser.step()
    np.testing.assert_allclose(torch.exp(log_variance).detach().numpy(), [0.2, 2.0], rtol=0.02)


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50", "inception_resnet_v2", "xception"])
def test_each_of_the_papers_networks_gives_a_logit_and_a_feature_map(name: str) -> None:
    network = SliceClassifier(name, 1).eval()
    with torch.no_grad():
        out = network(torch.rand(1, 1, 96, 96))
        logit = network.head(out.features.mean(dim=(2, 3)))[:, 0]
    assert out.features.ndim == 4
    torch.testing.assert_close(out.logit, logit)


def test_frozen_stages_keep_weights_and_statistics_while_the_rest_learns() -> None:
    network = SliceClassifier("efficientnet_lite0", 1, "lite0_package", frozen=2).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(4, 1, 64, 64)).logit.sum().backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert not {n for n in changed if n.startswith(("body.conv_stem", "body.bn1", "body.blocks.0", "body.blocks.1"))}
    assert {n for n in changed if n.startswith("body.blocks.2")}
    with pytest.raises(InputError, match="no stages to freeze"):
        SliceClassifier("resnet18", 1, frozen=1)


@pytest.mark.parametrize("name", ["unet", "unet_backbone", "deeplabv3", "deeplabv3plus"])
def test_every_segmentation_network_answers_on_the_inputs_grid(name: str) -> None:
    network = build_segmenter(name, 2, 5, base=4, backbone="mobilenetv3_small_050").eval()
    assert network(torch.rand(2, 2, 64, 64)).shape == (2, 5, 64, 64)


def test_the_3d_network_keeps_the_input_grid() -> None:
    out = MultiTaskUNet3D(2, 3, 4, 3, pool=2)(torch.rand(1, 2, 16, 24, 24))
    assert out.segmentation is not None
    assert out.recurrence is not None
    assert out.segmentation.shape == (1, 3, 16, 24, 24)
    assert out.recurrence.shape == (1, 2)


def test_training_labels_lie_where_the_slices_of_reading_lie(data: Path) -> None:
    settings = AxialPreprocessing(spacing_mm=2.2, size=72)
    cases = CtCases(data, load_manifest(data).cases[:1], settings)
    prepared = cases.stack(0)
    stack = axial_stack(load_case_volume(cases.cases[0]), settings)
    np.testing.assert_array_equal(prepared.stack.hu, stack.hu)
    native, _ = read_nifti(cases.cases[0].files["labels"])
    np.testing.assert_array_equal(prepared.labels, labels_on_stack(native.astype(np.uint8), stack))


def arguments(model: Path, data: Path, out: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(
        ["--model", str(model), "--data", str(data), "--out", str(out), "--splits", "train", "--limit", "6"]
    )


def test_the_segmentation_page_tells_dice_and_opacity(data: Path, tmp_path: Path) -> None:
    train.train(recipe("sinus_segmentation", 2, 4, base=4, size=64, spacing_mm=3.0), data, tmp_path / "run")
    export.export_run(tmp_path / "run", tmp_path / "model")
    result = command.run_from_arguments(
        arguments(tmp_path / "model", data, tmp_path / "page"), silent_progress(), CancelToken()
    )
    assert result["cases"] == 6
    assert 0 <= result["dice"]["region"] <= 1
    for name in ("report.html", "dice.csv", "examples.png", "evaluation.json"):
        assert (tmp_path / "page" / name).is_file()
    assert "no run was given" in (tmp_path / "page" / "report.html").read_text().lower()
    said = draw_learning([tmp_path / "run"], {"validation/dice": "Dice"}, tmp_path, "figure4_training")
    assert said is None
    assert (tmp_path / "figure4_training.png").is_file()
    curve = read_curve(tmp_path / "run")
    assert curve is not None
    assert curve.figures["validation/dice"][0] == [2.0]


def test_the_endotype_page_tells_both_units_and_agrees_with_its_own_scores(data: Path, tmp_path: Path) -> None:
    chosen = recipe(
        "ecrs", 8, 16, network="mobilenetv3_small_050", weights="none", size=64, spacing_mm=3.0, slices_per_patient=4
    )
    train.train(chosen, data, tmp_path / "run")
    export.export_run(tmp_path / "run", tmp_path / "model")
    result = command.run_from_arguments(
        arguments(tmp_path / "model", data, tmp_path / "page"), silent_progress(), CancelToken()
    )
    figures = result["networks"]["toy"]
    with (tmp_path / "page" / "patients.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == figures["patient"]["n"]
    assert auc([int(r["ecrs"]) for r in rows], [float(r["mean"]) for r in rows]) == pytest.approx(
        figures["patient"]["auc"]
    )
    assert figures["image"]["n"] > figures["patient"]["n"]
    assert sum(figures["patient"]["confusion"]) == figures["patient"]["n"]
    page = (tmp_path / "page" / "report.html").read_text()
    assert "not why" in page
    drawn = {p.name for p in (tmp_path / "page").glob("grad_cam_toy_*.png")}
    assert {"grad_cam_toy_ecrs_bone.png", "grad_cam_toy_necrs_soft_tissue.png"} <= drawn
    assert all(name in page for name in drawn)
    assert "The patients (section 3.1)" in page
    assert "not drawn" in page  # Figure 6 needs the run


def test_a_model_that_is_not_there_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model"):
        command.run_from_arguments(arguments(Path("nowhere"), data, tmp_path), silent_progress(), CancelToken())


def test_worker_processes_make_the_same_batches_in_the_same_order(data: Path) -> None:
    task, _ = build_task(recipe("sinus_segmentation", 1, 2, base=4, size=64, spacing_mm=3.0), data)
    own = list(batches(task.source, 3, 6))
    theirs = list(batches(task.source, 3, 6, workers=1))
    assert len(own) == len(theirs) == 3
    for a, b in zip(own, theirs, strict=True):
        assert all(torch.equal(a[key], b[key]) for key in a)
