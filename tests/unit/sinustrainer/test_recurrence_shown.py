"""The score that is shown, judged beside the network's alone: every figure a second time with scikit-learn from the written scores."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from tiny_models import recurrence_model

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate import endotype
from sinustrainer.evaluate.feature_tables import features_table
from sinustrainer.evaluate.recurrence_baselines import ceiling
from sinustrainer.evaluate.recurrence_shown import ShownScores, read_shown, shown_to_json, write_shown
from sinustrainer.evaluate.recurrence_tables import calibration_table, shown_table
from sinustrainer.patient_features import FEATURES
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelTask
from sinusviewer.inference.patient_model import PatientModel, PatientTerm, log_odds
from sinusviewer.jobs.runner import CancelToken, silent_progress

COUNT = 90
MEASURED = FEATURES[ModelTask.RECURRENCE][1]
MODEL = PatientModel(
    intercept=-0.2,
    terms=(PatientTerm(name="network", weight=0.6, center=0.1), PatientTerm(name=MEASURED, weight=3.0, center=0.3)),
    fitted_on="others",
    threshold=0.44,
)


def cohort() -> tuple[list[Case], list[tuple[float, float | None]]]:
    rng = np.random.default_rng(7)
    cases, read = [], []
    for n in range(COUNT):
        y = int(rng.random() < 0.4)
        labels = {"recurrence": y, "true_image_score": y + float(rng.normal())}
        cases.append(Case(f"c{n}", f"p{n}", "", "test", {}, labels))
        network = float(np.clip(0.4 + 0.1 * y + rng.normal(0, 0.2), 0.02, 0.98))
        read.append((network, None if n == 5 else float(0.3 + 0.2 * y + rng.normal(0, 0.2))))
    return cases, read


def write_table(
    path: Path, cases: list[Case], read: list[tuple[float, float | None]], columns: str = f"network,{MEASURED}"
) -> None:
    lines = [f"case_id,positive,score,{columns}"]
    for case, (score, nose) in zip(cases, read, strict=True):
        values = {"network": repr(log_odds(score)), MEASURED: "" if nose is None else repr(nose)}
        cells = [values[name] for name in columns.split(",")]
        lines.append(",".join([case.case_id, str(case.labels["recurrence"]), repr(score), *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def shown_scores(folder: Path) -> ShownScores:
    cases, read = cohort()
    card = recurrence_model(folder / "recurrence", patient_model=MODEL, version="7.0")
    write_table(features_table(folder, card, None), cases, read)
    shown = read_shown(folder / "recurrence", None, cases, folder, silent_progress(), CancelToken())
    assert shown is not None
    return shown


def test_both_scores_can_be_recomputed_from_the_written_file(tmp_path: Path) -> None:
    shown = shown_scores(tmp_path)
    content = shown_to_json(shown)
    write_shown(tmp_path / "scores_shown.csv", shown, {f"c{n}": f"p{n}" for n in range(COUNT)})
    with (tmp_path / "scores_shown.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["patient_id"] for r in rows] == [f"p{n}" for n in range(COUNT)]
    y = np.array([int(r["y"]) for r in rows])
    _, read = cohort()
    by_hand = [
        1 / (1 + np.exp(0.2 - 0.6 * (np.log(s / (1 - s)) - 0.1) - (0 if nose is None else 3 * (nose - 0.3))))
        for s, nose in read
    ]
    assert [float(r["joined"]) for r in rows] == pytest.approx(by_hand)
    assert [float(r["network"]) for r in rows] == [s for s, _ in read]
    for name, threshold in (("joined", 0.44), ("network", 0.5)):
        score = np.array([float(r[name]) for r in rows])
        assert {float(r[f"threshold_{name}"]) for r in rows} == {threshold}
        assert content["roc"][name]["auc"] == pytest.approx(metrics.roc_auc_score(y, score), abs=1e-12)
        at = content["cut_off"][name]
        called = score >= threshold
        assert at["accuracy"] == pytest.approx(metrics.accuracy_score(y, called))
        assert at["sensitivity"] == pytest.approx(metrics.recall_score(y, called))
        assert at["specificity"] == pytest.approx(metrics.recall_score(1 - y, ~called))
        held = content["calibration"][name]
        assert held["brier"] == pytest.approx(metrics.brier_score_loss(y, score))
        logit = np.log(score / (1 - score))[:, None]
        line = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit, y)
        assert held["slope"] == pytest.approx(line.coef_[0, 0], abs=1e-3)
        assert held["intercept"] == pytest.approx(line.intercept_[0], abs=1e-3)
    ceiling = [float(r["ceiling"]) for r in rows]
    assert content["roc"]["ceiling"]["auc"] == pytest.approx(metrics.roc_auc_score(y, ceiling), abs=1e-12)


def test_the_shown_score_is_tested_against_the_network_alone_by_delong(tmp_path: Path) -> None:
    shown = shown_scores(tmp_path)
    content = shown_to_json(shown)
    y = np.array(shown.scores["joined"].y) == 1

    def placements(name: str) -> tuple[np.ndarray, np.ndarray]:
        score = np.array(shown.scores[name].scores)
        kernel = (score[y][:, None] > score[~y][None]) + 0.5 * (score[y][:, None] == score[~y][None])
        return kernel.mean(axis=1), kernel.mean(axis=0)

    (a10, a01), (b10, b01) = placements("joined"), placements("network")
    deviation = np.sqrt(np.var(a10 - b10, ddof=1) / y.sum() + np.var(a01 - b01, ddof=1) / (~y).sum())
    found = content["delong_test"]["joined_vs_network"]
    assert found["z"] == pytest.approx((a10.mean() - b10.mean()) / deviation, rel=1e-9)
    table = shown_table({"shown": content})
    assert table is not None
    joined, network, ceiling = table.rows[1:]
    assert joined[3].startswith(f"{a10.mean() - b10.mean():+.3f} (")
    assert (network[3], network[4]) == ("", "")
    assert ceiling[0].startswith("Ceiling")
    assert ceiling[5:] == ("", "", "", "")
    assert joined[5] == "0.440"
    held = calibration_table({"shown": content})
    assert held is not None
    assert held.rows[1][1] == f"{content['calibration']['joined']['brier']:.3f}"


def test_what_was_read_is_not_read_again_and_other_patients_are_refused(tmp_path: Path) -> None:
    cases, read = cohort()
    folder, table = tmp_path / "recurrence", tmp_path / "read.csv"
    recurrence_model(folder, patient_model=MODEL)
    nothing_to_read = (folder, None, cases, tmp_path, silent_progress(), CancelToken(), table)
    write_table(table, cases, read)
    assert read_shown(*nothing_to_read) is not None  # the cases have no files: reading one would fail
    others = [replace(case, labels={"recurrence": 1 - case.labels["recurrence"]}) for case in cases]
    with pytest.raises(InputError, match="is of other patients: c0"):
        read_shown(folder, None, others, tmp_path, silent_progress(), CancelToken(), table)
    write_table(table, cases, read, "network")
    with pytest.raises(InputError, match=f"lacks {MEASURED!r}"):
        read_shown(*nothing_to_read)


def test_a_model_that_reads_what_is_not_measured_is_refused_before_anyone_is_read(tmp_path: Path) -> None:
    cases, _ = cohort()
    old = MODEL.model_copy(update={"terms": (PatientTerm(name="turbinates", weight=1.0, center=0.0),)})
    recurrence_model(tmp_path / "recurrence", patient_model=old)
    with pytest.raises(InputError, match="reads 'turbinates', which is not measured"):
        read_shown(tmp_path / "recurrence", None, cases, tmp_path, silent_progress(), CancelToken())


def test_a_table_is_named_after_the_networks_that_read_it(tmp_path: Path) -> None:
    first = recurrence_model(tmp_path / "a")
    names = {
        features_table(tmp_path, card, masks).name
        for card in (first, first.model_copy(update={"sha256": "f" * 64}))
        for masks in (None, tmp_path / "a")
    }
    assert len(names) == 4


def test_a_model_that_joins_nothing_has_no_shown_score(tmp_path: Path) -> None:
    recurrence_model(tmp_path / "recurrence")
    cases, _ = cohort()
    assert read_shown(tmp_path / "recurrence", None, cases, tmp_path, silent_progress(), CancelToken()) is None


def test_the_endotypes_ceiling_is_what_the_endotype_was_drawn_from() -> None:
    cases = [
        Case(f"c{n}", f"p{n}", "", "test", {}, {"endotype": "ecrs" if n < 4 else "necrs", "true_endotype_score": -n,
                                               "true_image_score": n})
        for n in range(10)
    ]  # fmt: skip
    found = endotype._ceiling(cases)
    assert found is not None
    assert (found["n"], found["positive"], found["auc"]) == (10, 4, 1.0)
    assert endotype._ceiling([replace(cases[0], labels={"endotype": "ecrs", "true_image_score": 1.0})]) is None


@pytest.mark.parametrize("labels", [{"recurrence": 1}, {"recurrence": 1, "true_image_score": None}])
def test_patients_without_a_true_score_have_no_ceiling(labels: dict[str, object]) -> None:
    case = Case("c", "p", "", "test", {}, {"recurrence": 0, "true_image_score": 0.2})
    assert ceiling((case,)) is not None
    assert ceiling((case, replace(case, case_id="d", labels=labels))) is None
