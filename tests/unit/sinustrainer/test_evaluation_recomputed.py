"""Every figure of the CT evaluation pages, computed a second time from the written scores with scikit-learn, scipy or plain numpy."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from sklearn import metrics

from sinustrainer.cross_validation import FoldScore, summarise
from sinustrainer.data.manifest import Case
from sinustrainer.evaluate import endotype, recurrence_network, segmentation
from sinustrainer.evaluate.recurrence_network import SplitScores
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.inference.model_card import Calibration, InputSpec, ModelCard, ModelTask, OutputSpec

SEED = 20


def card(task: ModelTask, labels: tuple[str, ...], **more: object) -> ModelCard:
    return ModelCard(
        name="toy", version="1", task=task, sha256="0" * 64, threshold=0.45, trained_on="nothing", labels=labels,
        input=InputSpec(name="image", shape=(None, 1, 8, 8), preprocessing={"name": "ct_axial_v1"}),
        outputs=(OutputSpec(name="probabilities", meaning="", shape=(None, 1)),), **more,
    )  # fmt: skip


# -- endotype ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> endotype.NetworkScores:
    rng = np.random.default_rng(SEED)
    truth = rng.random(60) < 0.4
    mean = np.round(np.clip(0.35 * truth + rng.normal(0.35, 0.2, 60), 0.01, 0.99), 2)  # rounded: ties
    attention = np.clip(0.5 * truth + rng.normal(0.25, 0.2, 60), 0.01, 0.99)
    per_slice = np.repeat(truth, 9)
    slices = np.clip(np.repeat(mean, 9) + rng.normal(0, 0.25, 540), 0.01, 0.99)
    calibration = Calibration(method="platt", temperature=0.8, bias=-0.2, fitted_on="others")
    made = card(ModelTask.ECRS, ("necrs", "ecrs"), calibration=calibration, parameters={"network": "toynet"})
    ids = tuple(f"p{n}" for n in range(60))
    return endotype.NetworkScores(made, ids, truth, mean, attention, per_slice, slices, 0, 0.4)


def platt(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The card's calibration, written anew."""
    return np.asarray(1 / (1 + np.exp(-(np.log(p / (1 - p)) / 0.8 - 0.2))))


@pytest.mark.parametrize("unit", ["image", "patient", "patient_attention"])
def test_endotype_figures_are_those_of_scikit_learn(network: endotype.NetworkScores, unit: str) -> None:
    truth, score = {
        "image": (network.slice_truth, network.slice_score),
        "patient": (network.patient_truth, network.patient_mean),
        "patient_attention": (network.patient_truth, network.patient_attention),
    }[unit]
    shown = platt(score)
    figures = endotype.network_summary(network)[unit]
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(truth, shown), abs=1e-12)
    called = shown >= 0.45
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(truth, called))
    assert figures["sensitivity"] == pytest.approx(metrics.recall_score(truth, called))
    assert figures["specificity"] == pytest.approx(metrics.recall_score(~truth, ~called))
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, called)
    assert figures["confusion"] == [tp, fp, fn, tn]


def delong_paired(truth: npt.NDArray[np.bool_], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Z of DeLong's paired test by its definition, all pairs compared."""

    def placements(score: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        sick, well = score[truth][:, None], score[~truth][None]
        kernel = (sick > well) + 0.5 * (sick == well)
        return kernel.mean(axis=1), kernel.mean(axis=0)

    (v10_a, v01_a), (v10_b, v01_b) = placements(a), placements(b)
    variance = np.var(v10_a - v10_b, ddof=1) / truth.sum() + np.var(v01_a - v01_b, ddof=1) / (~truth).sum()
    return float((v10_a.mean() - v10_b.mean()) / np.sqrt(variance))


def test_attention_against_mean_is_delongs_paired_test(network: endotype.NetworkScores) -> None:
    paired = endotype.network_summary(network)["attention_minus_mean"]
    expected = delong_paired(network.patient_truth, network.patient_attention, network.patient_mean)
    assert paired["z"] == pytest.approx(expected, rel=1e-9)
    table = endotype.pooling_table([network])
    assert table.rows[1][0] == "toynet"
    assert f"{metrics.roc_auc_score(network.patient_truth, network.patient_mean):.3f}" == table.rows[1][1]


def test_endotype_files_hold_what_the_page_says(network: endotype.NetworkScores, tmp_path: Path) -> None:
    endotype.write_scores([network], tmp_path)
    endotype.write_slices([network], tmp_path)
    endotype.draw_confusion([network], tmp_path)
    endotype.draw_roc([network], tmp_path)
    figures = endotype.network_summary(network)
    for file, column, unit in (
        ("slices.csv", "probability", "image"),
        ("patients.csv", "mean", "patient"),
        ("patients.csv", "attention", "patient_attention"),
    ):
        with (tmp_path / file).open() as opened:
            rows = list(csv.DictReader(opened))
        area = metrics.roc_auc_score([int(r["ecrs"]) for r in rows], [float(r[column]) for r in rows])
        assert area == pytest.approx(figures[unit]["auc"], abs=1e-4)  # six decimals in the file
    assert {"figure7_8_confusion.png", "figure5_roc.png"} <= {p.name for p in tmp_path.iterdir()}


# -- segmentation ------------------------------------------------------------------------------------------------------


def blobs(seed: int, moved: int = 0) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    labels = np.zeros((24, 40, 48), np.uint8)
    for code in range(1, 12):
        z, y, x = rng.integers(4, (16, 30, 38))
        labels[z : z + 5, y : y + 6, x + moved : x + 6 + moved] = code
    return labels


def judged() -> tuple[list[segmentation.CaseDice], list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]]:
    rng = np.random.default_rng(SEED)
    results, maps = [], []
    for number in range(5):
        truth, found = blobs(number), blobs(number, moved=int(rng.integers(0, 3)))
        volume = Volume(np.full(truth.shape, -900, np.int16), np.diag([0.8, 0.8, 1.5, 1.0]), Identity())
        names = [n for n in segmentation._NAMES.values() if n != "nasal_cavity"]
        wanted = {name: float(rng.random()) for name in names}
        scores = {name: int(rng.integers(0, 3)) for name in names}
        case = Case(case_id=f"c{number}", patient_id=f"p{number}", site="", split="test", files={},
                    labels={"opacified_fraction": wanted, "lund_mackay": scores})  # fmt: skip
        opaque = rng.random(truth.shape) < (0.0, 0.4, 1.0, 0.4, 0.0)[number]
        results.append(segmentation.judge(case, volume, truth, found, card(ModelTask.SINUS_SEGMENTATION, ()), opaque))
        maps.append((truth, found))
    return results, maps


def hausdorff_95(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], spacing: tuple[float, float, float]) -> float:
    """By the surfaces' distance maps: the larger of both directions' 95th percentiles."""
    edges = [m & ~ndimage.binary_erosion(m) for m in (a, b)]
    to = [ndimage.distance_transform_edt(~e, sampling=spacing) for e in edges]
    return float(max(np.percentile(to[1][edges[0]], 95), np.percentile(to[0][edges[1]], 95)))


def test_segmentation_figures_are_those_of_plain_numpy() -> None:
    results, maps = judged()
    for row, (truth, found) in zip(results, maps, strict=True):
        for code, name in segmentation._NAMES.items():
            a, b = truth == code, found == code
            if a.any():
                assert row.dice[name] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
                assert row.dice[name] == pytest.approx(metrics.f1_score(a.ravel(), b.ravel()))
        a, b = truth > 0, found > 0
        assert row.hausdorff_mm["region"] == pytest.approx(hausdorff_95(a, b, (1.5, 0.8, 0.8)), abs=0.3)
    whole = segmentation.summary(results)
    assert whole["dice"]["region"] == pytest.approx(np.mean([r.dice["region"] for r in results]))


def test_opacity_and_scores_agree_with_scikit_learn(tmp_path: Path) -> None:
    results, _ = judged()
    segmentation.write_cases([("toy", results)], tmp_path)
    with (tmp_path / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    pairs = [(float(r["true_fraction"]), float(r["found_fraction"])) for r in rows if r["true_fraction"]]
    scores = [(int(r["true_score"]), int(r["found_score"])) for r in rows if r["true_score"]]
    whole = segmentation.summary(results)
    assert whole["opacified_fraction_mae"] == pytest.approx(metrics.mean_absolute_error(*zip(*pairs, strict=True)))
    assert whole["lund_mackay_agreement"] == pytest.approx(metrics.accuracy_score(*zip(*scores, strict=True)))
    (table,) = segmentation._agreement(results)
    kappa = metrics.cohen_kappa_score(*zip(*scores, strict=True), weights="linear")
    assert table.rows[-1][-1] == f"{kappa:.2f}"


def test_networks_stand_beside_each_other_with_what_the_paper_reports(tmp_path: Path) -> None:
    results, _ = judged()
    cards = [card(ModelTask.SINUS_SEGMENTATION, ("region",), training={"recipe": {"options": {"architecture": name}}})
             for name in ("unet", "deeplabv3")]  # fmt: skip
    table = segmentation.region_table([(c, results) for c in cards])
    values = [r.dice["region"] for r in results]
    assert [row[0] for row in table.rows[1:]] == ["unet", "deeplabv3"]
    assert table.rows[1][3] == f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert [row[-1] for row in table.rows[1:]] == ["0.953", "0.961"]
    segmentation.draw_region_dice([("unet", results), ("deeplabv3", results)], tmp_path)
    assert (tmp_path / "figure4_region_dice.png").is_file()


# -- recurrence --------------------------------------------------------------------------------------------------------


def scores_of(seed: int, n: int = 80) -> SplitScores:
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1, 0, 0], n // 4)
    score = np.round(np.clip(0.2 * y + rng.normal(0.4, 0.2, n), 0, 1), 2)
    return SplitScores(tuple(f"c{i}" for i in range(n)), tuple(y.tolist()), tuple(score.tolist()), tuple(range(n)))


def test_recurrence_figures_are_those_of_scikit_learn() -> None:
    split = scores_of(1)
    y, score = np.array(split.y), np.array(split.scores)
    roc = recurrence_network._roc(split)
    assert roc["auc"] == pytest.approx(metrics.roc_auc_score(y, score))
    fpr, tpr, _ = metrics.roc_curve(y, score, drop_intermediate=False)
    best = float((tpr - fpr).max())
    assert roc["youden"][0]["sensitivity"] + roc["youden"][0]["specificity"] - 1 == pytest.approx(best)
    for optimum in roc["youden"]:
        called = score >= optimum["threshold"]
        assert metrics.recall_score(y, called) - np.mean(called[y == 0]) == pytest.approx(best)
    at = recurrence_network._at(split, 0.47)["test"]
    (tn, fp), (fn, tp) = metrics.confusion_matrix(y, score >= 0.47)
    assert (at["tp"], at["fp"], at["fn"], at["tn"]) == (tp, fp, fn, tn)
    assert at["accuracy"] == pytest.approx(metrics.accuracy_score(y, score >= 0.47))


def test_models_are_compared_by_delongs_paired_test() -> None:
    multi, single = scores_of(1), scores_of(2)
    compared = recurrence_network._against_multi({"multi_task": multi, "single_classification": single})
    expected = delong_paired(np.array(multi.y) == 1, np.array(multi.scores), np.array(single.scores))
    assert compared["multi_task_vs_single_classification"]["z"] == pytest.approx(expected, rel=1e-9)


def test_five_folds_give_the_cut_off_of_all_scores_together() -> None:
    split = scores_of(3)
    oof = [FoldScore(i, i, n % 5, y, s, 0.8 + 0.001 * n)
           for n, (i, y, s) in enumerate(zip(split.ids, split.y, split.scores, strict=True))]  # fmt: skip
    figures = summarise(oof)
    y, score = np.array(split.y), np.array(split.scores)
    fpr, tpr, _ = metrics.roc_curve(y, score, drop_intermediate=False)
    called = score >= figures["cut_off"]
    assert metrics.recall_score(y, called) - np.mean(called[y == 0]) == pytest.approx((tpr - fpr).max())
    assert figures["dice"] == pytest.approx(np.mean([row.dice for row in oof]))
    by_fold = [metrics.roc_auc_score(y[k::5], score[k::5]) for k in range(5)]
    assert figures["auc_of_folds"] == pytest.approx(by_fold)
