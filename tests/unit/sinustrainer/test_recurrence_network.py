"""The recurrence network from cross-validation to the nomogram's table and the evaluation, on toy heads."""

import copy
import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from tiny_models import WINDOWS, recurrence_model, save_model, save_tiny_card
from torch import nn
from toy_ct import toy_ct_folder

from sinustrainer import cross_validation, export, radiomics
from sinustrainer.checkpoint import LAST, load_checkpoint
from sinustrainer.cross_validation import cross_validate, read_scores
from sinustrainer.data.box_batches import BURDENS
from sinustrainer.data.manifest import load_manifest
from sinustrainer.evaluate.recurrence_comparison import paired_dice
from sinustrainer.evaluate.recurrence_network import evaluate
from sinustrainer.networks.multitask_unet_3d import MultiTaskUNet3D
from sinustrainer.networks.sinus_concepts import concepts_of, measure
from sinustrainer.patient_features import FEATURES
from sinustrainer.recurrence_table import write_fresh_table, write_given_table, write_tables
from sinustrainer.run_folder import load_run
from sinustrainer.score_model import score_model_beside, score_model_of
from sinustrainer.tasks.perceptron import fit_perceptron
from sinustrainer.tasks.recurrence import RecurrenceTask
from sinustrainer.tasks.task import ExportSpec
from sinustrainer.train import train
from sinustrainer.train_recipe import TrainRecipe, parse_recipe
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelTask, save_card
from sinusviewer.inference.patient_model import PatientModel, PatientTerm
from sinusviewer.jobs.runner import CancelToken, silent_progress


def recipe(steps: int, **options: object) -> TrainRecipe:
    return parse_recipe({
        "task": "recurrence", "name": "toy", "seed": 2, "loop": {"steps": steps, "batch": 4, "validate_every": 1000},
        "optimiser": {"learning_rate": 4e-3},
        "options": {"base": 4, "depth": 3, "shape": [16, 32, 32], "spacing_mm": 3.0, "margin": 2, "norm": "batch", "pool": 2,
                    "burden": True, "target": "opacified",
                    "augmentation": {"shift_mm": 3.0, "noise_hu": 5.0}, **options},
    })  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy_ct")
    toy_ct_folder(folder, 20)
    toy_ct_folder(folder, 8, split="test", start=20)
    content = json.loads((folder / "manifest.json").read_text())
    for i, case in enumerate(content["cases"]):
        case["clinical"] = {"asthma": i % 3 == 0, "eosinophils_per_ul": 100.0 + i, "age": 40.0, "female": None}
        case["labels"]["true_image_score"] = float(case["labels"]["recurrence"])
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two folds instead of five, and a graph of the last run only: these are what takes time."""
    folder = tmp_path_factory.mktemp("run")
    patch = pytest.MonkeyPatch()
    patch.setattr(cross_validation, "FOLDS", 2)
    write = export.write_export

    def only_the_last(spec: ExportSpec, out: Path) -> Path:
        if out.name == cross_validation.ALL:
            return write(spec, out)
        (out / export.GRAPH_SPEC).write_text("{}")
        return out

    patch.setattr(export, "write_export", only_the_last)
    cross_validate(recipe(24), data, folder, silent_progress(), CancelToken())
    yield folder
    patch.undo()


def test_every_training_patient_is_scored_once_by_a_fold_that_never_saw_it(run: Path, data: Path) -> None:
    scores = read_scores(run / "oof.csv")
    assert len({s.patient_id for s in scores}) == len(scores) > 0
    for fold in (0, 1):
        _, summary = load_run(run / f"fold{fold}")
        assert summary.cases["held_out"] == sum(s.fold == fold for s in scores)


def test_the_final_run_carries_the_folds_cut_off_and_figures(run: Path) -> None:
    given, summary = load_run(run / "all")
    assert "fold" not in given.options
    assert given.validation_share == 0
    figures = summary.metrics["cross_validation"]
    assert figures["auc"] > 0.8
    assert summary.threshold == figures["cut_off"]
    assert summary.calibration is None  # the nomogram wants the raw score


def test_finished_runs_are_not_trained_again(run: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(cross_validation, "train", refuse)
    figures = cross_validate(recipe(24), data, run, silent_progress(), CancelToken())
    assert figures["patients"] == len(read_scores(run / "oof.csv"))
    with pytest.raises(InputError, match="another recipe"):
        cross_validate(recipe(25), data, run, silent_progress(), CancelToken())


def test_the_nomograms_tables_hold_out_of_fold_scores_for_training_patients(
    run: Path, data: Path, tmp_path: Path
) -> None:
    assert write_tables(run, data, tmp_path, silent_progress(), CancelToken())["test"] == 8
    with (tmp_path / "train.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    exported = export.export_run(run / "all", tmp_path / "model").reference
    assert score_model_beside(tmp_path / "train.csv") == score_model_beside(tmp_path / "test.csv") == exported
    assert score_model_of(run / "all") == exported
    for score in read_scores(run / "oof.csv"):
        assert float(rows[score.patient_id]["dlr"]) == score.dlr
    name, first = next(iter(rows.items()))
    number = int(name[1:])
    assert (first["asthma"], first["eos"]) == (str(int(number % 3 == 0)), str(100 + number))
    assert (first["age"], first["female"], first["recurrence"]) == ("40", "", str(int(number % 2 == 0)))


def test_a_cohort_the_network_never_saw_gets_the_networks_own_scores(run: Path, data: Path, tmp_path: Path) -> None:
    write_tables(run, data, tmp_path / "tables", silent_progress(), CancelToken())
    assert write_fresh_table(run / "all", data, tmp_path / "fresh", ("test",), silent_progress(), CancelToken()) == 8
    with (tmp_path / "tables" / "test.csv").open(newline="") as file:
        expected = {f"{data.name}-{row['id']}": row["dlr"] for row in csv.DictReader(file)}
    with (tmp_path / "fresh" / "train.csv").open(newline="") as file:
        assert {row["id"]: row["dlr"] for row in csv.DictReader(file)} == expected


def test_scores_made_elsewhere_stand_in_the_table(data: Path, tmp_path: Path) -> None:
    scores = tmp_path / "unseen.csv"
    scores.write_text("case_id,positive,probability\nc1,0,0.25\nc2,1,0.75\nc25,0,0.5\n")
    assert write_given_table(scores, data, tmp_path / "train", ("train",)) == 2
    with (tmp_path / "train" / "train.csv").open(newline="") as file:
        assert {row["id"]: row["dlr"] for row in csv.DictReader(file)} == {
            f"{data.name}-p1": "0.25",
            f"{data.name}-p2": "0.75",
        }
    assert not (tmp_path / "train" / "score_model.json").exists()
    card = recurrence_model(tmp_path / "model", version="3.1")
    write_given_table(scores, data, tmp_path / "train", ("train",), tmp_path / "model")
    assert score_model_beside(tmp_path / "train" / "train.csv") == card.reference
    assert score_model_beside(tmp_path / "train" / "test.csv") is None
    for text, said in (
        ("case_id\nc1\n", "no scores: no column 'probability'"),
        ("case_id,probability\nc1,0.2\nc2,high\n", "column probability, row 3: 'high' is no probability"),
        ("case_id,probability\nc1,1.2\n", "column probability, row 2: '1.2' is no probability"),
        ("case_id,probability\nc1,0.2\nc1,0.3\n", "column case_id, row 3: case 'c1' is there twice"),
        ("", "is empty"),
    ):
        scores.write_text(text)
        with pytest.raises(InputError, match=said):
            write_given_table(scores, data, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        ("labels", "recurrence", "yes", "case c3: recurrence must be 0 or 1, got 'yes'"),
        ("labels", "recurrence", 2, "case c3: recurrence must be 0 or 1, got 2"),
        ("clinical", "eosinophils_per_ul", "many", "case c3, eosinophils_per_ul: 'many' is not a number"),
        ("clinical", "eosinophils_per_ul", -5, "column eosinophils_per_ul, case c3: -5 is a negative count"),
        ("clinical", "eosinophils_per_ul", 0.3, "column eosinophils_per_ul, case c3: 0.3 is off by a factor of 1000"),
        ("clinical", "age", 160, "column age, case c3: 160 is no possible age"),
        ("clinical", "asthma", 2, "case c3, asthma: 2 is neither true nor false"),
        ("", "patient_id", "p1", "case c3: patient .*p1' already has case c1"),
    ],
)
def test_a_manifest_with_a_wrong_value_makes_no_table(
    data: Path, tmp_path: Path, part: str, name: str, value: object, said: str
) -> None:
    content = json.loads((data / "manifest.json").read_text())
    case = next(c for c in content["cases"] if c["case_id"] == "c3")
    (case[part] if part else case)[name] = value
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    (tmp_path / "scores.csv").write_text("case_id,probability\nc1,0.25\nc3,0.75\nc4,0.5\n")
    with pytest.raises(InputError, match=said):
        write_given_table(tmp_path / "scores.csv", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "train.csv").exists()


def test_the_evaluation_agrees_with_its_own_tables_and_shows_the_ceiling(run: Path, data: Path, tmp_path: Path) -> None:
    evaluate(run, data, tmp_path, silent_progress(), CancelToken())
    content = json.loads((tmp_path / "evaluation.json").read_text())
    with (tmp_path / "scores_test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {y: [float(r["multi_task"]) for r in rows if r["y"] == y] for y in "01"}
    wins = [(p > n) + 0.5 * (p == n) for p in scores["1"] for n in scores["0"]]
    assert content["roc"]["test"]["multi_task"]["auc"] == pytest.approx(np.mean(wins))
    assert content["roc"]["test"]["ceiling"]["auc"] == 1.0
    assert content["dice"]["multi_task"]["mean"] == pytest.approx(np.mean([float(r["dice"]) for r in rows]))
    assert {"figure3.png", "figure3.svg", "figure3.csv", "figure4.png", "models.csv", "table2.csv", "report.html"} <= {
        p.name for p in tmp_path.iterdir()
    }
    at = content["rates"]["multi_task"]
    called = [(float(r["multi_task"]) >= at["threshold"], r["y"] == "1") for r in rows]
    assert at["test"]["accuracy"] == pytest.approx(np.mean([a == b for a, b in called]))
    assert at["test"]["tp"] == sum(a and b for a, b in called)
    assert "Toy heads." in (tmp_path / "report.html").read_text()


def test_limit_and_splits_choose_the_test_patients(run: Path, data: Path, tmp_path: Path) -> None:
    evaluate(run, data, tmp_path, silent_progress(), CancelToken(), limit=4)
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["patients"] == {"n": 4, "events": 2}
    assert "radiomics" not in content["roc"]["test"]
    assert "at most 4 of each" in (tmp_path / "report.html").read_text()
    with pytest.raises(InputError, match="in these splits"):
        evaluate(run, data, tmp_path, silent_progress(), CancelToken(), splits=("external",))


def air_model(folder: Path) -> Path:
    """Segments only: what is air is sinus."""
    shape = (16, 24, 24)
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "axis"], ["soft"]),
        helper.make_node("Sub", ["half", "soft"], ["air"]),
        helper.make_node("Sub", ["soft", "half"], ["tissue"]),
        helper.make_node("Concat", ["tissue", "air"], ["segmentation"], axis=1),
    ]
    weights = {"zero": np.array([0]), "one": np.array([1]), "axis": np.array([1]), "half": np.float32(0.25)}
    save_model(folder, nodes, weights, ["n", 2, *shape], {"segmentation": ["n", 2, *shape]})
    box = {"name": "ct_box_v1", "spacing_mm": 5.0, "shape": list(shape), "windows": [list(w) for w in WINDOWS]}
    save_tiny_card(folder, ModelTask.RECURRENCE, {"segmentation": [None, 2, *shape]}, (None, 2, *shape), box)
    return folder


def test_single_task_networks_stand_beside_a_plain_run(run: Path, data: Path, tmp_path: Path) -> None:
    plain, alone, segments = run / "all", tmp_path / "alone", air_model(tmp_path / "segments")
    recurrence_model(alone, threshold=0.3)
    out = tmp_path / "out"
    evaluate(plain, data, out, silent_progress(), CancelToken(), limit=6, beside=(alone, segments))
    content = json.loads((out / "evaluation.json").read_text())
    with (out / "scores_test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    y, score = [int(r["y"]) for r in rows], [float(r["single_classification"]) for r in rows]
    assert content["roc"]["test"]["single_classification"]["auc"] == pytest.approx(roc_auc_score(y, score))
    compared = content["delong_test"]["test"]["multi_task_vs_single_classification"]
    own = roc_auc_score(y, [float(r["multi_task"]) for r in rows])
    assert compared["difference"] == pytest.approx(own - roc_auc_score(y, score))
    assert content["rates"]["single_classification"]["threshold"] == 0.3
    gaps = [float(r["dice"]) - float(r["dice_single_segmentation"]) for r in rows]
    paired = content["dice_paired"]["multi_task_vs_single_segmentation"]
    assert (paired["n"], paired["difference"]) == (6, pytest.approx(np.mean(gaps)))
    assert paired["p"] == pytest.approx(stats.wilcoxon(gaps).pvalue)
    assert "--beside" not in (out / "report.html").read_text()
    for wrong, said in (((alone, alone), "same variant"), ((plain,), "no single-task variant")):
        with pytest.raises(InputError, match=said):
            evaluate(plain, data, out, silent_progress(), CancelToken(), limit=6, beside=wrong)


def test_a_model_that_joins_the_extent_is_judged_with_and_without_it(run: Path, data: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "model", tmp_path / "out"
    terms = (
        PatientTerm(name="network", weight=0.1, center=0.0),
        PatientTerm(name=FEATURES[ModelTask.RECURRENCE][1], weight=-6.0, center=0.5),
    )
    model = PatientModel(intercept=0.0, terms=terms, fitted_on="nobody", threshold=0.6)
    save_card(export.export_run(run / "all", folder).model_copy(update={"patient_model": model}), folder)
    evaluate(folder, data, out, silent_progress(), CancelToken(), limit=6)
    content = json.loads((out / "evaluation.json").read_text())
    with (out / "scores_shown.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (out / "scores_test.csv").open(newline="") as file:
        by_masks = {r["case_id"]: float(r["multi_task"]) for r in csv.DictReader(file)}
    for row in rows:  # the same masks place the same box
        assert float(row["network"]) == pytest.approx(by_masks[row["case_id"]], abs=1e-4)
    y = [int(r["y"]) for r in rows]
    shown = content["shown"]
    assert (shown["n"], shown["masks"], len(rows)) == (6, "labelled masks", 6)
    assert shown["roc"]["joined"]["auc"] == pytest.approx(roc_auc_score(y, [float(r["joined"]) for r in rows]))
    assert shown["cut_off"]["joined"]["threshold"] == 0.6
    assert "The score that is shown" in (out / "report.html").read_text()
    assert {"shown.csv", "calibration.csv"} <= {p.name for p in out.iterdir()}


def test_dice_of_two_networks_is_tested_in_pairs_on_the_same_patients() -> None:
    multi = {f"c{n}": 0.8 + 0.01 * n for n in range(8)}
    single = {f"c{n}": 0.8 + 0.01 * n + 0.002 * (n - 2) for n in range(1, 8)}
    (found,) = paired_dice("multi_task", {"multi_task": multi, "single_segmentation": single}).values()
    gaps = [multi[i] - single[i] for i in single]
    assert found["n"] == 7
    assert found["difference"] == pytest.approx(np.mean(gaps))
    assert found["p"] == pytest.approx(stats.wilcoxon(gaps).pvalue)


@pytest.mark.parametrize("pool", [1, 2])
def test_the_activation_map_is_features_times_the_gradient_of_the_score(pool: int) -> None:
    torch.manual_seed(0)
    network = MultiTaskUNet3D(2, 2, base=4, depth=3, pool=pool).eval()
    out = network(torch.rand(2, 2, 16, 24, 16))
    features = out.features.detach().requires_grad_()
    assert network.mlp is not None
    logits = network.mlp(network.pooled(features))
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), features)
    expected = torch.relu((gradient * features).sum(dim=1))
    torch.testing.assert_close(
        network.activation(dataclasses.replace(out, features=features)), expected, atol=1e-6, rtol=1e-5
    )
    assert float(expected.detach().max()) > 0


def test_concepts_are_counted_on_the_decoders_voxels() -> None:
    labels = torch.full((1, 12, 8, 16, 16), -20.0)
    labels[:, 0] = 0.0
    opacity = torch.full((1, 8, 16, 16), -20.0)
    hu = torch.full((1, 1, 8, 16, 16), -135.0)
    for code, x in (
        (1, 0),
        (2, 8),
    ):  # 1,000 voxels a side, of which 250 on the right and 750 on the left are filled, at 60 HU
        labels[0, code, :5, :10, x : x + 8] = 20.0
        opacity[0, : 1 + 2 * (code - 1), :10, x : x + 8] = 20.0
        hu[0, 0, : 1 + 2 * (code - 1), :10, x : x + 8] = 60.0
    found = measure(labels, opacity, (hu + 135) / 350, (40.0, 350.0))
    torch.testing.assert_close(found.voxels[0, :2], torch.tensor([400.0, 400.0]))
    torch.testing.assert_close(found.shares[0, :2], torch.tensor([0.2, 0.6]), atol=0.01, rtol=0)
    assert found.shares[0, 6].item() == pytest.approx(0.3)  # a frontal sinus that is not there is as usual
    assert found.density[0].item() == pytest.approx(0.6, abs=0.02)


def test_concepts_give_the_map_of_their_gradient_and_mirrored_patients_the_same_score() -> None:
    torch.manual_seed(1)
    network = MultiTaskUNet3D(2, 12, base=4, depth=3, pool=2, burdens=BURDENS, concepts=True).eval()
    image = torch.rand(3, 2, 16, 24, 16)
    out = network(image)
    assert network.mlp is not None
    assert out.opacity is not None
    assert out.segmentation is not None
    chance = out.opacity.detach().sigmoid().requires_grad_()
    measured = measure(out.segmentation.detach(), chance.logit(), image, network.soft_window)
    counted = torch.cat([measured.shares, measured.density.detach()[:, None]], dim=1)
    logits = network.mlp(concepts_of(counted))
    torch.testing.assert_close(logits, out.recurrence)
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), chance)
    expected = torch.relu(gradient * chance)
    torch.testing.assert_close(network.activation(out), expected, atol=1e-7, rtol=1e-3)
    assert float(expected.detach().max()) > 0
    filled = torch.rand(4, BURDENS)
    swapped = filled[:, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 10, 11]]
    torch.testing.assert_close(concepts_of(filled), concepts_of(swapped))


@pytest.mark.parametrize("reaches", [True, False])
def test_the_outcome_changes_what_is_counted_only_where_the_recipe_says_so(reaches: bool) -> None:
    network = MultiTaskUNet3D(2, 12, base=4, depth=3, concepts=True, outcome_reaches_decoder=reaches)
    network(torch.rand(1, 2, 16, 16, 16)).recurrence[:, 1].sum().backward()
    learns = {n for n, p in network.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert {n.split(".")[0] for n in learns} == ({"encoders", "decoders", "classify", "mlp"} if reaches else {"mlp"})


def test_radiomic_features_of_a_filled_cube_are_what_a_ruler_says() -> None:
    hu = np.full((12, 12, 12), -950, np.int16)
    region = np.zeros(hu.shape, bool)
    region[1:11, 1:11, 1:11] = True
    hu[:, :, :6] = 60
    values = dict(zip(radiomics.NAMES, radiomics.features(hu, region, 2.0), strict=True))
    assert values["region_volume_ml"] == pytest.approx(8.0)
    assert values["region_surface_to_volume"] == pytest.approx(6 / 20)
    assert values["tissue_filled"] == pytest.approx(0.5)
    assert values["tissue_dense"] == 1.0
    assert values["tissue_asymmetry"] == pytest.approx(1.0)
    assert values["region_mean"] == pytest.approx((60 - 950) / 2)
    assert values["tissue_deviation"] == 0.0
    with pytest.raises(InputError, match="empty"):
        radiomics.features(hu, np.zeros(hu.shape, bool), 2.0)


def test_the_radiomics_baseline_ranks_what_differs() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    measured = rng.normal(size=(60, 5)) + 2 * y[:, None] * np.array([1, 0, 0, 0, 0])
    predicted = radiomics.fit_and_predict(measured[:40], y[:40].tolist(), measured[40:])
    assert np.mean(predicted[y[40:] == 1][:, None] > predicted[y[40:] == 0][None]) > 0.8


def test_a_perceptron_fitted_at_the_end_is_as_good_as_a_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    read = rng.normal(size=(300, 12)).astype(np.float32)
    truth = (rng.random(300) < 1 / (1 + np.exp(-(read[:, 0] - 1.5 * read[:, 3])))).astype(np.int64)
    mlp = nn.Sequential(nn.Dropout(0.0), nn.Linear(12, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2)).eval()
    given = [p.detach().clone() for p in mlp.parameters()]
    reached = fit_perceptron(mlp, torch.from_numpy(read), torch.from_numpy(truth), 0.005, seed=3)
    oracle = LogisticRegression().fit(read, truth).predict_proba(read)
    assert reached < log_loss(truth, oracle) + 0.01
    assert not mlp.training
    assert all(p.requires_grad for p in mlp.parameters())
    again = [p.detach().clone() for p in mlp.parameters()]
    assert not torch.equal(given[0], again[0])
    fit_perceptron(mlp, torch.from_numpy(read), torch.from_numpy(truth), 0.005, seed=3)
    for before, after in zip(again, mlp.parameters(), strict=True):
        torch.testing.assert_close(before, after.detach())


def test_a_refit_is_in_the_checkpoint_and_resuming_a_finished_run_changes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "write_export", lambda _spec, out: out)
    wanted = recipe(2, burden=False, target="sinuses", concepts=True, refit_l2=0.02)
    train(wanted, data, tmp_path / "run")
    first = load_checkpoint(tmp_path / "run" / LAST)
    task = RecurrenceTask(wanted, load_manifest(data))
    task.network.load_state_dict(first["averaged"] or first["network"])
    task.network.eval()
    read = torch.cat([task.network.read(task._image(task.source.cases, i)) for i in range(len(task.source.cases))])
    mlp = copy.deepcopy(task.network.mlp)
    fit_perceptron(mlp, read.detach(), torch.tensor(task.source.truth), 0.02, wanted.seed)
    torch.testing.assert_close(mlp[1].weight, task.network.mlp[1].weight, atol=1e-4, rtol=1e-3)
    train(wanted, data, tmp_path / "run", resume=True)
    second = load_checkpoint(tmp_path / "run" / LAST)
    name = "averaged" if first["averaged"] else "network"
    for key, value in first[name].items():
        torch.testing.assert_close(value, second[name][key], msg=key)


def test_a_refit_needs_concepts(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="refit_l2 needs concepts"):
        train(recipe(2, burden=True, refit_l2=0.02), data, tmp_path / "run")
    with pytest.raises(InputError, match="concepts need"):
        train(recipe(2, concepts=True), data, tmp_path / "run")
