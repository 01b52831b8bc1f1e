"""Every figure of the CT evaluation pages, computed a second time from the written scores with scikit-learn, scipy or plain numpy."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage, stats
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.proportion import proportion_confint

from sinustrainer.cross_validation import FoldScore, summarise
from sinustrainer.data.manifest import Case
from sinustrainer.evaluate import (
    endotype,
    endotype_cohort,
    endotype_figures,
    endotype_scores,
    endotype_tables,
    intervals,
    recurrence_comparison,
    segmentation_figures,
    segmentation_scores,
    segmentation_tables,
)
from sinustrainer.evaluate.endotype_patient_model import PatientModelScores
from sinustrainer.evaluate.recurrence_scores import SplitScores
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
def network() -> endotype_scores.NetworkScores:
    rng = np.random.default_rng(SEED)
    truth = rng.random(60) < 0.4
    mean = np.round(np.clip(0.35 * truth + rng.normal(0.35, 0.2, 60), 0.01, 0.99), 2)  # rounded: ties
    attention = np.clip(0.5 * truth + rng.normal(0.25, 0.2, 60), 0.01, 0.99)
    per_slice = np.repeat(truth, 9)
    slices = np.clip(np.repeat(mean, 9) + rng.normal(0, 0.25, 540), 0.01, 0.99)
    calibration = Calibration(method="platt", temperature=0.8, bias=-0.2, fitted_on="others")
    made = card(ModelTask.ECRS, ("necrs", "ecrs"), calibration=calibration, parameters={"network": "toynet"})
    ids = tuple(f"p{n}" for n in range(60))
    read = PatientModelScores(ids[:50], truth[:50], np.clip(mean[:50] + 0.1 * truth[:50], 0.01, 0.99), mean[:50])
    own, index = tuple(np.repeat(ids, 9).tolist()), tuple(np.tile(np.arange(9), 60).tolist())
    return endotype_scores.NetworkScores(made, ids, truth, mean, attention, per_slice, slices, 2, 0.4, read, own, index)


def platt(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The card's calibration, written anew."""
    return np.asarray(1 / (1 + np.exp(-(np.log(p / (1 - p)) / 0.8 - 0.2))))


@pytest.mark.parametrize("unit", ["image", "patient", "patient_attention"])
def test_endotype_figures_are_those_of_scikit_learn(network: endotype_scores.NetworkScores, unit: str) -> None:
    truth, score = {
        "image": (network.slice_truth, network.slice_score),
        "patient": (network.patient_truth, network.patient_mean),
        "patient_attention": (network.patient_truth, network.patient_attention),
    }[unit]
    shown = platt(score)
    figures = endotype_scores.network_summary(network)[unit]
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(truth, shown), abs=1e-12)
    called = shown >= 0.45
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(truth, called))
    assert figures["sensitivity"] == pytest.approx(metrics.recall_score(truth, called))
    assert figures["specificity"] == pytest.approx(metrics.recall_score(~truth, ~called))
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, called)
    assert figures["confusion"] == [tp, fp, fn, tn]


@pytest.mark.parametrize("unit", ["patient", "patient_attention", "patient_model"])
def test_a_patients_calibration_is_that_of_scikit_learn(network: endotype_scores.NetworkScores, unit: str) -> None:
    assert network.by_model is not None
    truth, shown = {
        "patient": (network.patient_truth, platt(network.patient_mean)),
        "patient_attention": (network.patient_truth, platt(network.patient_attention)),
        "patient_model": (network.by_model.truth, network.by_model.probability),
    }[unit]
    held = endotype_scores.network_summary(network)[unit]["calibration"]
    assert held["brier"] == pytest.approx(metrics.brier_score_loss(truth, shown))
    line = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(np.log(shown / (1 - shown))[:, None], truth)
    assert held["slope"] == pytest.approx(line.coef_[0, 0], abs=1e-3)
    row = {r[0]: r for r in endotype_tables.calibration_table([network]).rows}[
        f"toynet, {endotype_scores.UNIT_NAMES[unit]}"
    ]
    assert row[1] == f"{held['brier']:.3f}"


def delong_paired(truth: npt.NDArray[np.bool_], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Z of DeLong's paired test by its definition, all pairs compared."""

    def placements(score: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        sick, well = score[truth][:, None], score[~truth][None]
        kernel = (sick > well) + 0.5 * (sick == well)
        return kernel.mean(axis=1), kernel.mean(axis=0)

    (v10_a, v01_a), (v10_b, v01_b) = placements(a), placements(b)
    variance = np.var(v10_a - v10_b, ddof=1) / truth.sum() + np.var(v01_a - v01_b, ddof=1) / (~truth).sum()
    return float((v10_a.mean() - v10_b.mean()) / np.sqrt(variance))


def test_attention_against_mean_is_delongs_paired_test(network: endotype_scores.NetworkScores) -> None:
    paired = endotype_scores.network_summary(network)["attention_minus_mean"]
    expected = delong_paired(network.patient_truth, network.patient_attention, network.patient_mean)
    assert paired["z"] == pytest.approx(expected, rel=1e-9)
    table = endotype_tables.pooling_table([network])
    assert table.rows[1][0] == "toynet, attention"
    assert f"{metrics.roc_auc_score(network.patient_truth, network.patient_mean):.3f}" == table.rows[1][1]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_endotype_tables_can_be_recomputed_from_the_files_alone(
    network: endotype_scores.NetworkScores, tmp_path: Path
) -> None:
    endotype.write_scores([network], tmp_path)
    endotype.write_slices([network], tmp_path)
    figures = endotype_scores.network_summary(network)
    shown = {row[1]: row for row in endotype_tables.unit_table([network]).rows[1:5]}
    cells = {row[1]: row[2:] for row in endotype_tables.confusion_table([network]).rows[1:]}
    for file, column, raw, unit in (
        ("slices.csv", "probability_calibrated", "probability", "image"),
        ("patients.csv", "mean_calibrated", "mean", "patient"),
        ("patients.csv", "attention_calibrated", "attention", "patient_attention"),
        ("patients.csv", "probability_patient_model", "", "patient_model"),
    ):
        rows = [r for r in rows_of(tmp_path / file) if r[column]]
        truth, score = np.array([r["ecrs"] == "1" for r in rows]), np.array([float(r[column]) for r in rows])
        if raw:
            assert score == pytest.approx(platt(np.array([float(r[raw]) for r in rows])), abs=1e-12)
        called = score >= float(rows[0]["threshold"])
        area = metrics.roc_auc_score(truth, score)
        assert figures[unit]["auc"] == pytest.approx(area, abs=1e-12)
        title = endotype_scores.UNIT_NAMES[unit]
        assert shown[title][2:4] == (str(len(rows)), str(truth.sum()))
        assert shown[title][4].startswith(f"{area:.3f} (")
        assert shown[title][5].startswith(f"{100 * metrics.accuracy_score(truth, called):.1f} (")
        (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, called)
        assert cells[title] == (str(tp), str(fp), str(fn), str(tn))
    slices = rows_of(tmp_path / "slices.csv")
    assert len({(r["case_id"], r["slice"]) for r in slices}) == len(slices) == 540


def test_a_slices_interval_draws_patients_and_is_wider_than_delongs(network: endotype_scores.NetworkScores) -> None:
    figures = endotype_scores.network_summary(network)["image"]
    low, high = figures["ci95"]
    rng = np.random.default_rng(1)
    ids, areas = np.array(network.slice_ids), []
    groups = [np.array(network.patient_ids)[network.patient_truth == side] for side in (True, False)]
    places = {i: np.flatnonzero(ids == i) for i in network.patient_ids}
    for _ in range(120):
        drawn = np.concatenate([places[i] for g in groups for i in rng.choice(g, len(g))])
        areas.append(metrics.roc_auc_score(network.slice_truth[drawn], network.slice_score[drawn]))
    assert [low, high] == pytest.approx(np.quantile(areas, [0.025, 0.975]), abs=0.02)
    alone = intervals.auc_interval(network.slice_truth, network.slice_score).ci95
    assert alone is not None
    assert high - low > 1.3 * (alone[1] - alone[0])
    right = (platt(network.slice_score) >= 0.45) == network.slice_truth
    by_patient = [right[places[i]].mean() for i in network.patient_ids]
    spread = np.std(by_patient, ddof=1) / np.sqrt(60)
    accuracy = figures["ci95_rates"]["accuracy"]
    assert accuracy[1] - accuracy[0] == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_patient_against_image_is_tested_on_the_same_draws(network: endotype_scores.NetworkScores) -> None:
    figures = endotype_scores.network_summary(network)
    found = figures["patient_minus_image"]
    assert found["difference"] == pytest.approx(figures["patient"]["auc"] - figures["image"]["auc"])
    assert found["ci95"][0] < found["difference"] < found["ci95"][1]
    same = endotype_scores._units_compared(network)
    assert same == found


def test_wilsons_interval_is_that_of_statsmodels() -> None:
    for part, whole in ((0, 7), (7, 7), (3, 11), (150, 176)):
        assert intervals.wilson(part, whole) == pytest.approx(proportion_confint(part, whole, method="wilson"))
    assert intervals.wilson(0, 0) is None


def test_a_perfect_ranking_has_no_interval_by_delong_and_the_page_says_so() -> None:
    found = intervals.auc_interval([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert (found.auc, found.ci95) == (1.0, None)
    assert "1.000 to 1.000" not in endotype_tables.area_text({"auc": 1.0, "ci95": None, "ci95_method": found.method})
    assert "not estimable by DeLong" in found.method


def test_four_networks_have_a_mean_and_the_papers_values_are_marked_as_its_own(
    network: endotype_scores.NetworkScores, tmp_path: Path
) -> None:
    other = replace(network, patient_mean=1 - network.patient_mean, by_model=None)
    rows = endotype_tables.unit_table([network, other]).rows
    (mean,) = [r for r in rows if r[0] == "Mean of 2 networks" and r[1] == "patient (mean of slices)"]
    assert mean[4] == "0.500"
    assert [r[4:6] for r in rows if r[0] == "Hua 2022 (their patients): mean of four networks"] == [
        ("0.848", "76.2"),
        ("0.893", "85.3"),
    ]
    assert endotype_tables.reading_table([network]).rows[1][2:] == ("2", "40.0")
    endotype_figures.draw_confusion([network], tmp_path)
    endotype_figures.draw_roc([network], tmp_path)
    assert {"figure7_8_confusion.png", "figure5_roc.png"} <= {p.name for p in tmp_path.iterdir()}


def test_the_cohort_table_compares_endotypes_as_scipy_does() -> None:
    rng = np.random.default_rng(3)
    cases = [Case(f"c{n}", f"p{n}", "", "test", {}, {"endotype": "ecrs" if n % 3 == 0 else "necrs"},
                  age=float(rng.integers(20, 80)), sex="F" if rng.random() < 0.4 else "M") for n in range(40)]  # fmt: skip
    training = [replace(c, case_id=f"t{c.case_id}", age=c.age + 5) for c in cases[:30] if c.age]
    rows = {r[0]: r for r in endotype_cohort.cohort_table(cases, training, {"c0": 4, "c1": 6}).rows}
    ages = [[c.age for c in cases if (c.labels["endotype"] == "ecrs") is side] for side in (True, False)]
    assert rows["Age, years, mean ± SD"][4] == f"{stats.ttest_ind(*ages).pvalue:.3f}"
    table = [
        [sum((c.sex == s) and (c.labels["endotype"] == "ecrs") is side for c in cases) for s in "FM"]
        for side in (True, False)
    ]
    assert rows["Women, n (%)"][4] == f"{stats.chi2_contingency(table, correction=False).pvalue:.3f}"
    assert rows["Patients"][1:4] == ("40", "14", "26")
    assert rows["Slices per patient, mean ± SD"][1] == "5.0 ± 1.4"


# -- segmentation ------------------------------------------------------------------------------------------------------


def blobs(seed: int, moved: int = 0) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    labels = np.zeros((24, 40, 48), np.uint8)
    for code in range(1, 12):
        z, y, x = rng.integers(4, (16, 30, 38))
        labels[z : z + 5, y : y + 6, x + moved : x + 6 + moved] = code
    return labels


def judged() -> tuple[list[segmentation_scores.CaseDice], list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]]:
    rng = np.random.default_rng(SEED)
    results, maps = [], []
    for number in range(5):
        truth, found = blobs(number), blobs(number, moved=int(rng.integers(0, 3)))
        volume = Volume(np.full(truth.shape, -900, np.int16), np.diag([0.8, 0.8, 1.5, 1.0]), Identity())
        names = [n for n in segmentation_scores.NAMES.values() if n != "nasal_cavity"]
        wanted = {name: float(rng.random()) for name in names}
        scores = {name: int(rng.integers(0, 3)) for name in names}
        case = Case(case_id=f"c{number}", patient_id=f"p{number}", site="", split="test", files={},
                    labels={"opacified_fraction": wanted, "lund_mackay": scores})  # fmt: skip
        opaque = rng.random(truth.shape) < (0.0, 0.4, 1.0, 0.4, 0.0)[number]
        results.append(
            segmentation_scores.judge(case, volume, truth, found, card(ModelTask.SINUS_SEGMENTATION, ()), opaque)
        )
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
        for code, name in segmentation_scores.NAMES.items():
            a, b = truth == code, found == code
            if a.any():
                assert row.dice[name] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
                assert row.dice[name] == pytest.approx(metrics.f1_score(a.ravel(), b.ravel()))
        a, b = truth > 0, found > 0
        assert row.hausdorff_mm["region"] == pytest.approx(hausdorff_95(a, b, (1.5, 0.8, 0.8)), abs=0.3)
    whole = segmentation_scores.summary(results)
    assert whole["dice"]["region"] == pytest.approx(np.mean([r.dice["region"] for r in results]))


def test_opacity_and_scores_agree_with_scikit_learn(tmp_path: Path) -> None:
    results, _ = judged()
    segmentation_scores.write_cases([("toy", results)], tmp_path)
    with (tmp_path / "cases.csv").open() as file:
        rows = list(csv.DictReader(file))
    pairs = [(float(r["true_fraction"]), float(r["found_fraction"])) for r in rows if r["true_fraction"]]
    scores = [(int(r["true_score"]), int(r["found_score"])) for r in rows if r["true_score"]]
    whole = segmentation_scores.summary(results)
    assert whole["opacified_fraction_mae"] == pytest.approx(metrics.mean_absolute_error(*zip(*pairs, strict=True)))
    assert whole["lund_mackay_agreement"] == pytest.approx(metrics.accuracy_score(*zip(*scores, strict=True)))
    table = segmentation_tables.agreement_table(results)
    assert table is not None
    bias = np.mean([b - a for a, b in pairs])
    assert whole["opacified_fraction_bias"]["bias"] == pytest.approx(bias)
    assert table.rows[-1][2].replace("−", "-").startswith(f"{bias:+.3f} (")
    assert segmentation_figures.draw_bland_altman(results, tmp_path)
    kappa = metrics.cohen_kappa_score(*zip(*scores, strict=True), weights="linear")
    assert table.rows[-1][-1] == f"{kappa:.2f}"


def test_networks_stand_beside_each_other_with_what_the_paper_reports(tmp_path: Path) -> None:
    results, _ = judged()
    cards = [card(ModelTask.SINUS_SEGMENTATION, ("region",), training={"recipe": {"options": {"architecture": name}}})
             for name in ("unet", "deeplabv3")]  # fmt: skip
    table = segmentation_tables.region_table([(c, results) for c in cards])
    values = [r.dice["region"] for r in results]
    assert [row[0] for row in table.rows[1:]] == ["unet", "deeplabv3"]
    assert table.rows[1][3] == f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert [row[-1] for row in table.rows[1:]] == ["0.953", "0.961"]
    segmentation_figures.draw_region_dice([("unet", results), ("deeplabv3", results)], tmp_path)
    assert (tmp_path / "region_dice.png").is_file()


def test_dice_per_slice_and_the_paired_test_can_be_recomputed_from_the_files(tmp_path: Path) -> None:
    results, maps = judged()
    worse = [replace(r, dice={**r.dice, "region": r.dice["region"] - 0.01 * n}) for n, r in enumerate(results)]
    segmentation_scores.write_cases([("a", results), ("b", worse)], tmp_path)
    rows = [r for r in rows_of(tmp_path / "slices.csv") if r["network"] == "a" and int(r["true_pixels"])]
    by_hand = [
        metrics.f1_score(a.ravel(), b.ravel()) for t, f in maps for a, b in zip(t > 0, f > 0, strict=True) if a.any()
    ]
    assert [float(r["dice"]) for r in rows] == pytest.approx(by_hand)
    figures = segmentation_scores.region_dice(results)
    assert figures["slice_mean"] == pytest.approx(np.mean(by_hand))
    assert figures["ci95"][0] < figures["mean"] < figures["ci95"][1]
    table = segmentation_tables.paired_table([(card(ModelTask.SINUS_SEGMENTATION, ()), r) for r in (results, worse)])
    assert table is not None
    assert table.rows[1][3] == "−0.0200"
    p = stats.wilcoxon([w.dice["region"] - r.dice["region"] for w, r in zip(worse, results, strict=True)]).pvalue
    assert table.rows[1][5] == f"{p:.3f}"


def test_examples_hang_as_radiologists_hang_them_whatever_the_grid(tmp_path: Path) -> None:
    truth = np.zeros((10, 20, 30), np.uint8)
    truth[3:8, 5:12, 2:8] = 1  # on the patient's left: x of this grid runs to the right
    volume = Volume(np.zeros(truth.shape, np.int16), np.diag([-1.0, 1.0, 2.0, 1.0]), Identity())
    example = segmentation_figures.cut_example("c", 0.5, volume, truth, truth)
    for plane in example.planes:
        columns = np.flatnonzero((plane.truth > 0).any(axis=0))
        assert columns.min() > plane.truth.shape[1] - columns.max()  # on the right of the picture, where L stands
    segmentation_figures.draw_examples([example], tmp_path)
    assert (tmp_path / "examples.png").is_file()


# -- recurrence --------------------------------------------------------------------------------------------------------


def scores_of(seed: int, n: int = 80) -> SplitScores:
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1, 0, 0], n // 4)
    score = np.round(np.clip(0.2 * y + rng.normal(0.4, 0.2, n), 0, 1), 2)
    return SplitScores(tuple(f"c{i}" for i in range(n)), tuple(y.tolist()), tuple(score.tolist()), tuple(range(n)))


def test_recurrence_figures_are_those_of_scikit_learn() -> None:
    split = scores_of(1)
    y, score = np.array(split.y), np.array(split.scores)
    roc = recurrence_comparison.roc(split)
    assert roc["auc"] == pytest.approx(metrics.roc_auc_score(y, score))
    fpr, tpr, _ = metrics.roc_curve(y, score, drop_intermediate=False)
    best = float((tpr - fpr).max())
    assert roc["youden"][0]["sensitivity"] + roc["youden"][0]["specificity"] - 1 == pytest.approx(best)
    for optimum in roc["youden"]:
        called = score >= optimum["threshold"]
        assert metrics.recall_score(y, called) - np.mean(called[y == 0]) == pytest.approx(best)
    at = recurrence_comparison.rates(split, 0.47)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(y, score >= 0.47)
    assert (at["tp"], at["fp"], at["fn"], at["tn"]) == (tp, fp, fn, tn)
    assert at["accuracy"] == pytest.approx(metrics.accuracy_score(y, score >= 0.47))


def test_models_are_compared_by_delongs_paired_test() -> None:
    multi, single = scores_of(1), scores_of(2)
    compared = recurrence_comparison.against("multi_task", {"multi_task": multi, "single_classification": single})
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
