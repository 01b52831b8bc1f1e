"""A patient's probability of slices and measured extent: fitted like any logistic regression, the same for a mirrored patient."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tiny_models import ecrs_model

from sinustrainer import fit_patient_model
from sinustrainer.data.manifest import Case
from sinustrainer.fit_patient_model import table_of, with_patient_model, write_probabilities
from sinustrainer.patient_features import FEATURES, PatientFeatures, load_features, read_patients
from sinusviewer.analysis import sinus_extent
from sinusviewer.analysis.sinus_extent import measure_extent
from sinusviewer.domain.anatomy import MIRRORED, Structure
from sinusviewer.errors import InputError, ModelFileError
from sinusviewer.inference.model_card import ModelTask, load_card, save_card
from sinusviewer.inference.patient_model import SLICES, PatientModel, PatientTerm, log_odds
from sinusviewer.jobs.runner import CancelToken, silent_progress
from sinusviewer.statistics.delong import auc


def patients(count: int = 240) -> list[PatientFeatures]:
    """Ethmoid extent and slices tell the disease, the rest is noise; now and then nobody has a frontal sinus."""
    rng = np.random.default_rng(4)
    rows = []
    for i in range(count):
        values: dict[str, float | None] = {name: float(rng.normal()) for name in FEATURES[ModelTask.ECRS]}
        sick = bool(rng.random() < 1 / (1 + np.exp(-(1.5 * values["anterior_ethmoid_extent"] + values["slices"]))))
        if i % 7 == 0:
            values["frontal_extent"] = None
        rows.append(PatientFeatures(f"c{i}", sick, 0.5, values))
    return rows


def test_the_fitted_model_says_what_the_regression_said(tmp_path: Path) -> None:
    card = ecrs_model(tmp_path / "model")
    rows = patients()
    fitted, unseen = with_patient_model(card, rows, "240 invented patients")
    model = fitted.patient_model
    assert model is not None
    values, _ = table_of(rows, FEATURES[ModelTask.ECRS])
    truth = [r.positive for r in rows]
    oracle = LogisticRegression(C=fitted.metrics["patient_model"]["penalty_c"], max_iter=2000)
    scaled = StandardScaler().fit_transform(values)
    expected = oracle.fit(scaled, truth).predict_proba(scaled)[:, 1]
    np.testing.assert_allclose([model.probability(r.values) for r in rows], expected, atol=1e-6)
    assert fitted.threshold == card.threshold  # the network's own
    assert fitted.result_threshold == model.threshold != card.threshold
    assert 0.75 < fitted.metrics["patient_model"]["auc_out_of_fold"] < 0.95
    assert auc(truth, unseen) == pytest.approx(fitted.metrics["patient_model"]["auc_out_of_fold"])
    write_probabilities(tmp_path / "unseen.csv", rows, unseen)
    assert (tmp_path / "unseen.csv").read_text().splitlines()[1].startswith(f"c0,{int(rows[0].positive)},0.")
    save_card(fitted, tmp_path / "model")
    assert load_card(tmp_path / "model") == fitted


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 40 patients of either kind"):
        with_patient_model(ecrs_model(tmp_path / "model"), patients(60), "")


def test_a_value_that_is_not_known_adds_nothing_and_each_input_is_named_once() -> None:
    terms = (PatientTerm(name="nose", weight=2.0, center=0.25), PatientTerm(name="slices", weight=1.0, center=0.0))
    model = PatientModel(intercept=0.5, terms=terms, fitted_on="nobody", threshold=0.4)
    assert model.log_odds({"nose": None, "slices": 1.0}) == pytest.approx(1.5)
    assert model.contributions({"nose": 0.75, "slices": None}) == {"nose": 1.0, "slices": 0.0}
    assert model.log_odds({SLICES: log_odds(0.5), "nose": None}) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="named twice"):
        PatientModel(intercept=0.0, terms=(terms[0], terms[0]), fitted_on="nobody", threshold=0.4)


def test_a_model_of_other_measurements_is_refused_and_so_is_a_table_of_them() -> None:
    model = PatientModel(
        intercept=0.5,
        terms=(PatientTerm(name="content_hu", weight=2.0, center=40.0),),
        fitted_on="nobody",
        threshold=0.4,
    )
    with pytest.raises(ModelFileError, match="reads “content_hu”, which is not measured") as refused:
        model.probability({"nose_extent": 0.2})
    assert "fit-patient-model" in refused.value.hint
    with pytest.raises(InputError, match="has no “content_hu”"):
        table_of(patients(2), ("content_hu",))


def test_what_was_read_is_kept_and_not_read_again(tmp_path: Path) -> None:
    class Case:
        def __init__(self, case_id: str) -> None:
            self.case_id = case_id

    rows = {r.case_id: r for r in patients(4)}
    asked: list[str] = []

    def reader(case: Case) -> PatientFeatures | None:
        asked.append(case.case_id)
        return rows.get(case.case_id)

    table = tmp_path / "read.csv"
    cases = [Case("c0"), Case("nobody"), Case("c1")]
    first = read_patients(reader, cases[:2], table, silent_progress(), CancelToken())  # type: ignore[arg-type]
    assert first == (rows["c0"],)
    again = read_patients(reader, cases, table, silent_progress(), CancelToken())  # type: ignore[arg-type]
    assert again == (rows["c0"], rows["c1"])
    assert asked == ["c0", "nobody", "nobody", "c1"]
    assert load_features(table)[0].values["frontal_extent"] is None
    table.write_text("case_id,positive\nc0,1\n")
    with pytest.raises(InputError, match="no table of patient features"):
        load_features(table)


def some_extent() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = np.zeros((4, 10, 40), np.uint8)
    labels[:, :5, :10], labels[:, :5, 30:] = Structure.RIGHT_MAXILLARY, Structure.LEFT_MAXILLARY
    labels[:, :5, 10:20] = Structure.RIGHT_FRONTAL  # the left one is absent
    labels[:, 5:, 15:25] = Structure.NASAL_CAVITY
    opacified = np.zeros(labels.shape, bool)
    opacified[:1, :5, :10] = opacified[:3, :5, 30:] = opacified[:2, :5, 10:20] = opacified[:, 5:, 15:20] = True
    return np.where(opacified, 45, -950).astype(np.int16), labels, opacified


SCALE = np.diag([1.0, 1.0, 2.0, 1.0])


def softened(share: float) -> float:
    return float(np.log((share + 0.03) / (1.03 - share)))


def test_extent_is_counted_and_the_same_for_a_mirrored_patient() -> None:
    hu, labels, opacified = some_extent()
    found = measure_extent(hu, labels, opacified, SCALE).features()
    assert found["maxillary_extent"] == pytest.approx((softened(0.25) + softened(0.75)) / 2)
    assert found["unlike_sides"] == pytest.approx((softened(0.75) - softened(0.25)) / 2)  # frontal: like itself
    assert found["frontal_extent"] == pytest.approx(softened(0.5))
    assert found["sphenoid_extent"] is None
    assert found["nose_extent"] == pytest.approx(softened(0.5))
    assert (found["content_median_hu"], found["air_fluid_level"]) == (45.0, 0.0)
    assert tuple(found) == sinus_extent.FEATURES
    codes = np.arange(256, dtype=np.uint8)
    for a, b in MIRRORED.items():
        codes[int(a)] = int(b)
    assert measure_extent(hu[..., ::-1], codes[labels[..., ::-1]], opacified[..., ::-1], SCALE).features() == found
    none = measure_extent(hu, np.zeros_like(labels), opacified, SCALE).features()
    assert set(none.values()) == {None}


def test_extent_does_not_depend_on_how_a_volume_is_stored() -> None:
    hu, labels, opacified = some_extent()
    expected = measure_extent(hu, labels, opacified, SCALE)
    turned = np.array([[0.0, 1.0, 0, 0], [0, 0, -1.0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]])  # x: head, y: left, z: front
    stored = [np.transpose(a, (1, 2, 0))[::-1] for a in (hu, labels, opacified)]
    assert measure_extent(*stored, turned) == expected


def test_on_an_oblique_grid_nobody_knows_of_a_level_and_the_model_is_told_so() -> None:
    angle = np.radians(8.0)
    tilted = np.eye(4)
    tilted[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    hu, labels, opacified = some_extent()
    assert measure_extent(hu, labels, opacified, np.eye(4)).air_fluid_level is not None
    assert measure_extent(hu, labels, opacified, tilted @ SCALE).features()["air_fluid_level"] is None


def test_content_is_measured_where_it_is_not_mixed_with_air_or_bone() -> None:
    labels = np.full((8, 20, 20), Structure.RIGHT_MAXILLARY, np.uint8)
    opacified = np.zeros(labels.shape, bool)
    opacified[1:7, 4:16, 4:16] = True
    hu = np.where(opacified, 200, -950).astype(np.int16)
    hu[2:6, 5:15, 5:15] = 60
    assert measure_extent(hu, labels, opacified, np.eye(4)).content_hu == 60.0
    thin = opacified & (hu == 200)
    assert measure_extent(hu, labels, thin, np.eye(4)).content_hu is None


def test_all_patients_whose_truth_is_known_are_read_for_the_task_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Reader:
        task = ModelTask.RECURRENCE

        def __init__(self, *_: object) -> None: ...

        def __call__(self, case: Case) -> None:
            asked.append(case.case_id)

    monkeypatch.setattr(fit_patient_model, "PatientReader", Reader)
    cases = [
        {"case_id": name, "patient_id": name, "split": split, "files": {}, "labels": labels}
        for name, split, labels in (
            ("outcome", "train", {"recurrence": 0}), ("unknown", "train", {"endotype": "ecrs"}), ("test", "test", {"recurrence": 1}),
        )
    ]  # fmt: skip
    (tmp_path / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "task": "ct", "simulated": False, "cases": cases})
    )
    args = argparse.Namespace(
        model=tmp_path,
        segmentation="",
        data=tmp_path,
        splits="train",
        table=tmp_path / "t.csv",
        fitted_on="",
        out_of_fold=None,
    )
    ecrs_model(tmp_path)
    with pytest.raises(InputError):  # nobody could be read
        fit_patient_model.run_from_arguments(args, silent_progress(), CancelToken())
    assert asked == ["outcome"]
