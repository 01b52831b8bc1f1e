"""The nomogram: hand-made closed forms, properties, and R's rms on the shared cohorts."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared_dir

from sinusviewer.errors import InputError
from sinusviewer.nomogram import (
    CohortSummary,
    FitSummary,
    Nomogram,
    Predictor,
    axis_ticks,
    nomogram_from_json,
    nomogram_to_json,
    read_nomogram,
    write_nomogram,
)
from sinusviewer.statistics.logistic import fit_logistic

SHARED = shared_dir()


def make_nomogram(**changes: object) -> Nomogram:
    fields: dict[str, object] = {
        "outcome": "recurrence",
        "intercept": -3.0,
        "predictors": (
            Predictor("asthma", "Asthma", "", (2.0,), (0.0, 1.0), (0.0, 1.0)),
            Predictor("eos", "Eosinophils", "cells/µL", (0.004,), axis_ticks([0.0, 1000.0, *range(20)]), (0.0, 990.0)),
            Predictor("age", "Age", "years", (-0.02,), (20.0, 40.0, 60.0, 80.0), (22.0, 79.0)),
        ),
        "linear_predictor_range": (-4.0, 2.0),
        "trained_on": "simulated patients",
        "cohort": CohortSummary("train", 200, 85, 0.8, (0.7, 0.9), 0.15, 0.0, 1.0),
        "fit": FitSummary("ml", True),
    }
    return Nomogram(**(fields | changes))  # type: ignore[arg-type]


def test_the_widest_axis_carries_a_hundred_points() -> None:
    nomogram = make_nomogram()
    assert nomogram.max_points("eos") == pytest.approx(100.0)
    assert nomogram.points_per_unit == pytest.approx(25.0)
    assert nomogram.max_points("asthma") == pytest.approx(50.0)


def test_a_negative_coefficient_reverses_its_axis() -> None:
    nomogram = make_nomogram()
    assert nomogram.predictor("age").reversed
    assert nomogram.points("age", 80.0) == pytest.approx(0.0)
    assert nomogram.points("age", 20.0) == pytest.approx(0.02 * 60.0 * 25.0)
    assert nomogram.intercept_adjusted == pytest.approx(-3.0 - 0.02 * 80.0)


def test_a_value_beyond_its_axis_is_neither_clamped_nor_unmarked() -> None:
    reading = make_nomogram().read({"asthma": 1, "eos": 2650, "age": 50})
    assert reading.points["eos"] == pytest.approx(265.0)
    assert reading.outside_training == ("eos",)
    assert reading.risk == pytest.approx(1.0 / (1.0 + math.exp(3.0 - 2.0 - 10.6 + 1.0)))


def test_a_missing_input_gives_an_interval_and_no_risk() -> None:
    nomogram = make_nomogram()
    reading = nomogram.read({"eos": 300.0, "age": 50.0, "asthma": None})
    assert reading.risk is None
    assert reading.total_points is None
    assert reading.missing == ("asthma",)
    low, high = (nomogram.read({"eos": 300.0, "age": 50.0, "asthma": a}).risk for a in (0, 1))
    assert reading.risk_interval == pytest.approx((low, high))


def test_without_any_input_the_interval_spans_every_axis() -> None:
    nomogram = make_nomogram()
    reading = nomogram.read({})
    assert reading.total_points_interval == pytest.approx((0.0, 180.0))
    assert reading.risk_interval == pytest.approx((nomogram.risk_at(0.0), nomogram.risk_at(180.0)))


def test_text_and_infinite_values_are_refused() -> None:
    with pytest.raises(InputError, match="Eosinophils must be a number"):
        make_nomogram().read({"eos": math.inf})
    with pytest.raises(InputError, match="no predictor named 'sex'"):
        make_nomogram().points("sex", 1.0)


@given(
    asthma=st.sampled_from([0.0, 1.0]),
    eos=st.floats(0.0, 5000.0),
    age=st.floats(0.0, 110.0),
)
def test_risk_from_points_equals_risk_from_coefficients(asthma: float, eos: float, age: float) -> None:
    nomogram = make_nomogram()
    reading = nomogram.read({"asthma": asthma, "eos": eos, "age": age})
    assert reading.total_points is not None
    assert reading.total_points == pytest.approx(sum(reading.points.values()))
    assert nomogram.risk_at(reading.total_points) == pytest.approx(reading.risk, abs=1e-12)


@given(eos=st.floats(0.0, 1000.0), age=st.floats(20.0, 80.0))
def test_a_marker_dropped_at_its_points_reads_the_value_it_came_from(eos: float, age: float) -> None:
    nomogram = make_nomogram()
    assert nomogram.value_at_points("eos", nomogram.points("eos", eos)) == pytest.approx(eos, abs=1e-6)
    assert nomogram.value_at_points("age", nomogram.points("age", age)) == pytest.approx(age, abs=1e-6)


def test_a_marker_dragged_past_the_end_stops_there() -> None:
    assert make_nomogram().value_at_points("eos", 170.0) == 1000.0


@given(st.floats(0.001, 0.999))
def test_total_points_of_a_risk_give_that_risk_back(risk: float) -> None:
    nomogram = make_nomogram()
    assert nomogram.risk_at(nomogram.total_points_at(risk)) == pytest.approx(risk, rel=1e-9)


def test_a_spline_axis_reads_points_of_the_curve() -> None:
    curved = Predictor(
        "eos", "Eosinophils", "", (0.01, -0.008), (0.0, 250.0, 500.0, 750.0, 1000.0), (0, 990), (50, 250, 700)
    )
    nomogram = make_nomogram(predictors=(curved,))
    points = [tick.points for tick in nomogram.predictor_ticks("eos")]
    assert min(points) == pytest.approx(0.0)
    assert max(points) == pytest.approx(100.0)
    value = nomogram.value_at_points("eos", nomogram.points("eos", 250.0))
    assert nomogram.points("eos", value) == pytest.approx(nomogram.points("eos", 250.0), abs=0.5)
    assert nomogram_from_json(nomogram_to_json(nomogram)) == nomogram


def test_up_to_ten_distinct_training_values_are_the_axis() -> None:
    assert axis_ticks([0.3, math.nan, 0.1, 0.3, 0.2]) == (0.1, 0.2, 0.3)
    assert axis_ticks(np.linspace(0.0778, 0.8468, 11)) == pytest.approx(tuple(np.arange(10) / 10.0))


def test_a_constant_column_has_no_axis() -> None:
    with pytest.raises(InputError, match="two distinct"):
        axis_ticks([1.0, 1.0, math.nan])


def test_a_nomogram_survives_its_file(tmp_path: Path) -> None:
    nomogram = make_nomogram(cutoff=0.41, test_cohort=CohortSummary("test", 65, 14))
    write_nomogram(nomogram, tmp_path / "nomogram.json")
    assert read_nomogram(tmp_path / "nomogram.json") == nomogram
    content = json.loads((tmp_path / "nomogram.json").read_text())
    assert content["schema_version"] == 1
    assert content["predictors"][1]["unit"] == "cells/µL"
    assert content["predictors"][1]["axis"] == [0.0, 1000.0]


def test_a_file_whose_scale_does_not_follow_from_its_coefficients_is_refused() -> None:
    content = nomogram_to_json(make_nomogram())
    content["predictors"][1]["coefficients"] = [0.008]
    with pytest.raises(InputError, match="points_per_unit"):
        nomogram_from_json(content)


def test_a_file_that_is_not_a_nomogram_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nomogram.json").write_text("{}")
    with pytest.raises(InputError, match="not valid"):
        read_nomogram(tmp_path / "nomogram.json")
    (tmp_path / "nomogram.json").write_text("points")
    with pytest.raises(InputError, match="cannot be read"):
        read_nomogram(tmp_path / "nomogram.json")


def test_coefficients_that_are_all_zero_make_no_nomogram() -> None:
    with pytest.raises(InputError, match="all coefficients are 0"):
        make_nomogram(predictors=(Predictor("a", "A", "", (0.0,), (0.0, 1.0), (0.0, 1.0)),))


MODELS = {
    "nomogram": ("asthma", "ar", "eos", "dlr"),
    "clinical": ("asthma", "ar", "eos"),
    "extended": ("asthma", "ar", "eos", "dlr", "age", "hypertension"),
}


@pytest.mark.shared
@pytest.mark.skipif(SHARED is None, reason="shared reference data not found (SINUSVIEWER_SHARED)")
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("cohort", ["nomogram_c0", "nomogram_c4_ties"])
class TestAgainstRms:
    def fit(self, cohort: str, model: str) -> Nomogram:
        names = MODELS[model]
        columns = {
            n: np.array([float(r[n] or "nan") for r in self.rows(cohort, "train.csv")]) for n in (*names, "recurrence")
        }
        x = np.column_stack([columns[n] for n in names])
        rows = np.isfinite(x).all(axis=1)
        fit = fit_logistic(columns["recurrence"][rows], x[rows], names)
        lp = fit.linear_predictor(x[rows])
        coefficients = [c for c in fit.coefficients if c is not None]
        return make_nomogram(
            intercept=coefficients[0],
            predictors=tuple(
                Predictor(n, n, "", (b,), axis_ticks(columns[n]), (columns[n].min(), columns[n].max()))
                for n, b in zip(names, coefficients[1:], strict=True)
            ),
            linear_predictor_range=(float(lp.min()), float(lp.max())),
        )

    def rows(self, cohort: str, name: str) -> list[dict[str, str]]:
        assert SHARED is not None
        with (SHARED / "reference" / cohort / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_scale_and_ticks_agree(self, cohort: str, model: str) -> None:
        assert SHARED is not None
        nomogram = self.fit(cohort, model)
        expected = json.loads((SHARED / "reference" / cohort / "expected.json").read_text())["nomogram"][model]
        # rms converges to about 1e-8 of the coefficients; the points below are free of that.
        assert nomogram.points_per_unit == pytest.approx(expected["sc_points_per_lp"], rel=1e-7)
        assert nomogram.intercept_adjusted == pytest.approx(expected["Intercept_adjusted"], rel=1e-7)
        for name in MODELS[model]:
            ticks = [
                r for r in self.rows(cohort, "nomogram_points.csv") if (r["model"], r["predictor"]) == (model, name)
            ]
            got = nomogram.predictor_ticks(name)
            assert [t.value for t in got] == [float(r["value"]) for r in ticks]
            np.testing.assert_allclose([t.points for t in got], [float(r["points"]) for r in ticks], atol=2e-6)

    def test_with_the_coefficients_of_rms_the_points_are_exact(self, cohort: str, model: str) -> None:
        assert SHARED is not None
        expected = json.loads((SHARED / "reference" / cohort / "expected.json").read_text())["nomogram"][model]
        fitted = self.fit(cohort, model)
        nomogram = dataclasses.replace(
            fitted,
            intercept=expected["coef"][0],
            predictors=tuple(
                dataclasses.replace(p, coefficients=(b,))
                for p, b in zip(fitted.predictors, expected["coef"][1:], strict=True)
            ),
        )
        assert nomogram.points_per_unit == pytest.approx(expected["sc_points_per_lp"], abs=1e-9)
        assert nomogram.intercept_adjusted == pytest.approx(expected["Intercept_adjusted"], abs=1e-9)
        for row in self.rows(cohort, "nomogram_points.csv"):
            if row["model"] == model:
                got = nomogram.points(row["predictor"], float(row["value"]))
                assert got == pytest.approx(float(row["points"]), abs=1e-9)

    def test_axes_of_total_linear_predictor_and_risk_agree(self, cohort: str, model: str) -> None:
        nomogram = self.fit(cohort, model)
        axes: dict[str, list[tuple[float, float]]] = {}
        for row in self.rows(cohort, "nomogram_axes.csv"):
            if row["model"] == model:
                axes.setdefault(row["axis"], []).append((float(row["value"]), float(row["total_points"])))
        assert list(nomogram.total_points_axis) == [value for value, _ in axes["total.points"]]
        for ours, theirs, tolerance in (
            (nomogram.linear_predictor_axis, axes["lp"], 2e-6),
            (nomogram.risk_axis, axes["prob_default_fun.at"], 5e-4),
        ):
            assert [t.value for t in ours] == pytest.approx([value for value, _ in theirs])
            np.testing.assert_allclose([t.points for t in ours], [p for _, p in theirs], atol=tolerance)

    def test_every_patient_gets_the_points_and_risk_of_rms(self, cohort: str, model: str) -> None:
        nomogram = self.fit(cohort, model)
        patients = {(name, row["id"]): row for name in ("train", "test") for row in self.rows(cohort, f"{name}.csv")}
        for row in self.rows(cohort, f"patient_points_{model}.csv"):
            patient = patients[row["set"], row["id"]]
            if any(not patient[name] for name in MODELS[model]):
                continue
            reading = nomogram.read({name: float(patient[name]) for name in MODELS[model]})
            assert reading.total_points == pytest.approx(float(row["total_points"]), abs=5e-6)
            assert reading.risk == pytest.approx(float(row["prob_predict_rms"]), abs=1e-7)
