"""fit-nomogram from CSV files to JSON, tables and figures: sound cohorts, awkward cohorts, wrong input."""

import argparse
import csv
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import shared_dir
from statsmodels.stats.proportion import proportion_confint
from tiny_models import recurrence_model

from sinustrainer.evaluate.nomogram_tables import p_or_reason
from sinustrainer.fit_nomogram import add_arguments, run, run_arguments
from sinustrainer.score_model import write_score_model
from sinusviewer.domain.finding import ModelReference
from sinusviewer.errors import InputError, SinusViewerError
from sinusviewer.nomogram import check_schema, read_nomogram
from sinusviewer.statistics.logistic import fit_logistic

SHARED = shared_dir()
PREDICTORS = ("asthma", "ar", "eos", "dlr")
CLINICAL = ("asthma", "ar", "eos")

Row = dict[str, Any]
Change = Callable[[list[Row]], None]


def make_cohort(n: int, seed: int, prefix: str = "A") -> list[Row]:
    """Simulate patients of the kind of He 2023 (no real ones)."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    for i in range(n):
        asthma, ar = int(generator.random() < 0.3), int(generator.random() < 0.35)
        eos = int(np.round(generator.lognormal(5.5, 0.6)))
        dlr = round(float(generator.beta(3, 4)), 4)
        linear = -3.0 + 1.6 * asthma + 1.0 * ar + 0.003 * eos + 2.5 * dlr
        rows.append(
            {
                "id": f"{prefix}{i:04d}",
                "age": int(generator.normal(45, 13)) % 80 + 5,
                "female": int(generator.random() < 0.3),
                "asthma": asthma,
                "ar": ar,
                "eos": eos,
                "dlr": dlr,
                "recurrence": int(generator.random() < 1.0 / (1.0 + np.exp(-linear))),
            }
        )
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def fit(
    folder: Path,
    *,
    train: Change | None = None,
    test: Change | None = None,
    sizes: tuple[int, int] = (120, 50),
    predictors: Sequence[str] = PREDICTORS,
    clinical: Sequence[str] = CLINICAL,
    **options: Any,
) -> dict[str, Any]:
    cohorts = {"train": make_cohort(sizes[0], 1), "test": make_cohort(sizes[1], 2, "B")}
    for name, change in (("train", train), ("test", test)):
        if change is not None:
            change(cohorts[name])
    files = {name: write_csv(folder / f"{name}.csv", rows) for name, rows in cohorts.items()}
    settings = {"bootstraps": 20, "report": False} | options
    run(files["train"], files["test"], "recurrence", predictors, clinical, folder / "out", **settings)
    content: dict[str, Any] = json.loads((folder / "out" / "evaluation.json").read_text())
    return content


def test_a_fit_writes_every_table_and_figure_of_the_paper(tmp_path: Path) -> None:
    def add_radiomics(rows: list[Row]) -> None:
        for row in rows:
            row["radiomics"] = 0.3 + 0.4 * row["dlr"]  # ranks as the DLR-score does

    evaluation = fit(tmp_path, train=add_radiomics, test=add_radiomics, report=True)
    out = tmp_path / "out"
    for name in ("table1", "table2", "figure3", "figure5", "figure5_nomogram", "figure6", "figure7"):
        for kind in ("csv", "png", "svg"):
            assert (out / f"{name}.{kind}").stat().st_size > 100, f"{name}.{kind}"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Research use only" in page
    assert "Table 1" in page
    assert "Figure 7" in page
    assert "Nobody said which network" in page
    table_2 = read_rows(out / "table2.csv")
    assert [row["Model"] for row in table_2[:4]] == ["DLR-score", "Radiomics baseline", "Clinical model", "Nomogram"]
    assert all(row["Model"].startswith("He 2023 (their patients)") for row in table_2[4:])
    for column in ("AUC (95 % CI)", "Sensitivity", "Specificity", "DeLong p"):
        assert table_2[1][column] == table_2[0][column]
    assert evaluation["radiomics"]["events"] == evaluation["rows"]["test"]["events"]
    counts = evaluation["cutoff_from_train"]["nomogram"]["test"]
    assert table_2[3]["n"] == str(sum(counts[key] for key in ("tp", "fp", "fn", "tn")))
    low, high = proportion_confint(counts["tp"], counts["tp"] + counts["fn"], method="wilson")
    assert table_2[3]["Sensitivity"] == f"{100 * counts['sensitivity']:.1f} ({100 * low:.1f} to {100 * high:.1f})"
    shown = next(r for r in read_rows(out / "calibration.csv") if (r["Model"], r["Cohort"]) == ("Nomogram", "test"))
    known = evaluation["calibration"]["test"]["nomogram"]
    assert shown["Brier"] == f"{known['brier']:.3f}"
    assert shown["Hosmer-Lemeshow chi² (df)"].endswith(f"({known['hosmer_lemeshow']['df']})")
    check_schema(evaluation, "evaluation.schema.json")
    assert set(evaluation["roc"]["test"]) == {"nomogram", "clinical", "dlr"}
    assert evaluation["predictions"] == {"train": "predictions_train.csv", "test": "predictions_test.csv"}


def test_a_missing_p_says_why() -> None:
    assert p_or_reason(None, "not estimable: the two scores rank every pair alike") == "– (the curves are equal)"
    assert p_or_reason(0.0294, "") == "0.029"


def test_the_written_nomogram_gives_every_patient_the_written_prediction(tmp_path: Path) -> None:
    fit(tmp_path)
    nomogram = read_nomogram(tmp_path / "out" / "nomogram.json")
    patients = {row["id"]: row for row in read_rows(tmp_path / "test.csv")}
    for row in read_rows(tmp_path / "out" / "predictions_test.csv"):
        reading = nomogram.read({name: float(patients[row["id"]][name]) for name in PREDICTORS})
        assert reading.risk == pytest.approx(float(row["nomogram"]), abs=1e-12)
        assert reading.total_points == pytest.approx(float(row["total_points"]), abs=1e-9)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    results = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fit(tmp_path / name, report=True)
        out = tmp_path / name / "out"
        results.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert results[0].keys() == results[1].keys()
    assert [name for name in results[0] if results[0][name] != results[1][name]] == []


def blank(column: str, every: int) -> Change:
    def change(rows: list[Row]) -> None:
        for row in rows[::every]:
            row[column] = ""

    return change


def test_blank_cells_are_counted_and_models_compared_on_the_same_rows(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, train=blank("dlr", 5), test=blank("asthma", 10))
    models = evaluation["models"]
    assert (models["clinical"]["n"], models["clinical"]["missing"]) == (120, 0)
    assert (models["nomogram"]["n"], models["nomogram"]["missing"]) == (96, 24)
    assert {entry["n"] for entry in evaluation["roc"]["train"].values()} == {96}
    assert {entry["n"] for entry in evaluation["roc"]["test"].values()} == {45}
    assert evaluation["rows"]["test"]["patients"] == 50
    rows = read_rows(tmp_path / "out" / "predictions_train.csv")
    assert rows[0]["nomogram"] == ""
    assert rows[0]["clinical"] != ""


def set_where(column: str, value: Any, when: Callable[[Row], bool]) -> Change:
    def change(rows: list[Row]) -> None:
        for row in rows:
            if when(row):
                row[column] = value

    return change


def test_a_predictor_never_present_without_the_event_is_named_and_firth_offered(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, train=set_where("asthma", 0, lambda row: row["recurrence"] == 0))
    model = evaluation["models"]["nomogram"]
    assert model["separation"] == ["asthma"]
    assert model["separation_kind"] == "quasi"
    assert model["method"] == "ml"
    assert model["converged"] is False
    assert model["odds_ratios"]["asthma"] is None
    assert model["p"]["asthma"] is None
    assert model["p"]["dlr"] is not None
    assert 0.0 < model["firth"]["coefficients"]["asthma"] < 8.0
    assert any("--firth" in warning for warning in evaluation["warnings"])
    assert evaluation["models"]["dlr"]["separation"] == []
    assert read_nomogram(tmp_path / "out" / "nomogram.json").fit.separation == ("asthma",)


def test_firths_fit_of_separated_data_is_finite_and_still_names_the_separation(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, train=set_where("asthma", 0, lambda row: row["recurrence"] == 0), firth=True)
    model = evaluation["models"]["nomogram"]
    assert model["method"] == "firth"
    assert model["separation"] == ["asthma"]
    assert model["converged"] is True
    assert all(value is not None and abs(value) < 20.0 for value in model["coefficients"].values())
    assert evaluation["optimism"]["nomogram"]["resamples"]["used"] > 0


def test_complete_separation_gives_results_and_a_warning(tmp_path: Path) -> None:
    def separate(rows: list[Row]) -> None:
        for row in rows:
            row["dlr"] = 0.7 + row["dlr"] / 5 if row["recurrence"] else row["dlr"] / 5

    evaluation = fit(tmp_path, train=separate, test=separate)
    assert evaluation["models"]["dlr"]["separation"] == ["dlr"]
    assert evaluation["models"]["dlr"]["separation_kind"] == "complete"
    assert evaluation["roc"]["train"]["dlr"]["auc"] == 1.0
    assert evaluation["roc"]["train"]["dlr"]["variance_delong"] == 0.0
    assert evaluation["roc"]["train"]["dlr"]["ci95"] == [1.0, 1.0]


def test_a_constant_predictor_is_left_out_and_named(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, train=set_where("ar", 0, lambda _: True), report=True)
    model = evaluation["models"]["nomogram"]
    assert model["redundant"] == ["ar"]
    assert model["coefficients"]["ar"] is None
    assert any("ar left out" in warning for warning in evaluation["warnings"])
    assert evaluation["univariate"]["train"]["ar"]["p"] is None
    names = [p.name for p in read_nomogram(tmp_path / "out" / "nomogram.json").predictors]
    assert names == ["asthma", "eos", "dlr"]


def test_twenty_patients_are_enough_to_fit_and_too_few_to_trust(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, sizes=(20, 20), report=True)
    assert any("fewer than 10" in warning for warning in evaluation["warnings"])
    assert evaluation["roc"]["train"]["nomogram"]["auc"] is not None


def test_profile_intervals_stand_beside_walds_and_have_no_end_where_data_are_separated(tmp_path: Path) -> None:
    model = fit(tmp_path, profile=True, bootstraps=0)["models"]["nomogram"]
    for name in PREDICTORS:
        low, high = model["odds_ratios_ci95_profile"][name]
        assert low < model["odds_ratios"][name] < high
        assert [low, high] == pytest.approx(model["odds_ratios_ci95"][name], rel=0.35)
    separated = fit(
        tmp_path, train=set_where("asthma", 0, lambda row: row["recurrence"] == 0), profile=True, bootstraps=0
    )
    low, high = separated["models"]["nomogram"]["odds_ratios_ci95_profile"]["asthma"]
    assert low > 1.0
    assert high is None
    assert "odds_ratios_ci95_profile" not in fit(tmp_path, bootstraps=0)["models"]["nomogram"]


def test_ties_are_kept_as_ties(tmp_path: Path) -> None:
    def coarse(rows: list[Row]) -> None:
        for row in rows:
            row["dlr"], row["eos"] = round(row["dlr"], 1), int(round(row["eos"], -2))

    evaluation = fit(tmp_path, train=coarse, test=coarse)
    rows = read_rows(tmp_path / "out" / "predictions_train.csv")
    originals = {row["id"]: row for row in read_rows(tmp_path / "train.csv")}
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        key = tuple(originals[row["id"]][name] for name in PREDICTORS)
        assert seen.setdefault(key, row["nomogram"]) == row["nomogram"]
    assert len(seen) < len(rows)
    assert evaluation["roc"]["train"]["nomogram"]["youden"]


def test_a_protective_predictor_has_a_reversed_axis(tmp_path: Path) -> None:
    def turn(rows: list[Row]) -> None:
        for row in rows:
            row["dlr"] = round(1.0 - row["dlr"], 4)

    evaluation = fit(tmp_path, train=turn, test=turn)
    assert evaluation["models"]["nomogram"]["coefficients"]["dlr"] < 0.0
    assert evaluation["roc"]["train"]["dlr"]["auc"] < 0.5  # the direction is fixed, not chosen by the data
    nomogram = read_nomogram(tmp_path / "out" / "nomogram.json")
    assert nomogram.predictor("dlr").reversed
    assert nomogram.points("dlr", nomogram.predictor("dlr").axis[1]) == pytest.approx(0.0)


def test_a_test_set_left_with_one_class_after_blanks_is_not_estimable(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, test=set_where("dlr", "", lambda row: row["recurrence"] == 1), report=True)
    entry = evaluation["roc"]["test"]["nomogram"]
    assert entry["auc"] is None
    assert "one class" in entry["reason"]
    assert evaluation["delong_test"]["test"]["nomogram_vs_dlr"]["p"] is None
    assert evaluation["cutoff_from_train"]["nomogram"]["test"]["sensitivity"] is None


def test_a_training_file_alone_is_fitted(tmp_path: Path) -> None:
    train = write_csv(tmp_path / "train.csv", make_cohort(100, 1))
    run(train, None, "recurrence", PREDICTORS, CLINICAL, tmp_path / "out", bootstraps=0)
    evaluation = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert set(evaluation["roc"]) == {"train"}
    assert evaluation["cutoff_from_train"]["nomogram"]["test"] is None


def test_a_curved_eosinophil_term_has_two_coefficients_and_one_axis(tmp_path: Path) -> None:
    evaluation = fit(tmp_path, nonlinear_eos=True, report=True)
    assert set(evaluation["models"]["clinical"]["coefficients"]) == {"intercept", "asthma", "ar", "eos", "eos'"}
    nomogram = read_nomogram(tmp_path / "out" / "nomogram.json")
    assert len(nomogram.predictor("eos").knots) == 3
    first = read_rows(tmp_path / "train.csv")[0]
    got = nomogram.read({name: float(first[name]) for name in PREDICTORS}).risk
    assert got == pytest.approx(float(read_rows(tmp_path / "out" / "predictions_train.csv")[0]["nomogram"]), abs=1e-9)


def test_predictor_names_are_free(tmp_path: Path) -> None:
    def rename(rows: list[Row]) -> None:
        for row in rows:
            row["Signature, CT"] = row.pop("dlr")
            row["α"] = row.pop("ar")

    names = ("asthma", "α", "eos", "Signature, CT")
    evaluation = fit(tmp_path, train=rename, test=rename, predictors=names, clinical=names[:3], report=True)
    assert set(evaluation["models"]["dlr"]["coefficients"]) == {"intercept", "Signature, CT"}
    assert "auc" in evaluation["roc"]["test"]["dlr"]


def test_given_predictions_evaluate_as_the_fit_that_made_them(tmp_path: Path) -> None:
    fitted = fit(tmp_path)
    out = tmp_path / "out"
    rows = [row for name in ("train", "test") for row in read_rows(out / f"predictions_{name}.csv")]
    given = write_csv(tmp_path / "given.csv", rows)
    run(None, None, None, (), (), tmp_path / "again", predictions_csv=given, bootstraps=20)
    evaluation = json.loads((tmp_path / "again" / "evaluation.json").read_text())
    for key in ("roc", "delong_test", "calibration", "decision_curve"):
        for split in ("train", "test"):
            expected, got = fitted[key][split], evaluation[key][split]
            assert (
                got["nomogram" if "nomogram" in got else "nomogram_vs_dlr"]
                == expected["nomogram" if "nomogram" in got else "nomogram_vs_dlr"]
            )
    assert (tmp_path / "again" / "report.html").exists()
    assert not (tmp_path / "again" / "nomogram.json").exists()


def put(row: int, column: str, value: Any) -> Change:
    def change(rows: list[Row]) -> None:
        rows[row][column] = value

    return change


def put_all(column: str, value: Callable[[Row], Any]) -> Change:
    def change(rows: list[Row]) -> None:
        for row in rows:
            row[column] = value(row)

    return change


WRONG: dict[str, tuple[Change, str]] = {
    "text in a number": (put(3, "eos", "many"), r"train\.csv, column eos, row 5: 'many' is not a number"),
    "decimal comma": (put(3, "dlr", "0,5"), r"column dlr, row 5: '0,5' is not a number"),
    "asthma coded 1 and 2": (put(3, "asthma", 2), r"column asthma, row 5: 2 is neither 0 \(no\) nor 1 \(yes\)"),
    "a column without a value": (
        put_all("eos", lambda _: ""),
        r"complete in asthma, ar, eos, dlr. Column eos is blank",
    ),
    "infinite": (put(0, "dlr", "inf"), r"column dlr, row 2: 'inf'"),
    "text in another column": (put(7, "age", "old"), r"column age, row 9: 'old' is not a number"),
    "negative count": (put(3, "eos", -120), r"column eos, row 5: -120 is a negative count"),
    "one cell in 10^9/L": (put(3, "eos", 0.25), r"column eos, row 5: 0.25 is off by a factor of 1000"),
    "one cell of 1.25 10^9/L": (put(3, "eos", 1.25), r"column eos, row 5: 1.25 is off by a factor of 1000"),
    "one cell in cells/mL": (put(3, "eos", 250000), r"column eos, row 5: 250000 is off by a factor of 1000"),
    "column in 10^9/L": (put_all("eos", lambda r: r["eos"] / 1000), r"column eos, row 2: .* factor of 1000"),
    "age 150": (put(3, "age", 150), r"column age, row 5: 150 is no possible age"),
    "age -1": (put(3, "age", -1), r"column age, row 5: -1 is no possible age"),
    "patient twice": (put(3, "id", "a0001"), r"column id, row 5: patient 'a0001' is already in row 3"),
    "patient in both files": (put(3, "id", "B0002"), r"patient 'B0002' is in both files, row 5 .* row 4"),
    "no id": (put(3, "id", ""), r"column id, row 5: the patient id is blank"),
    "outcome 2": (put(3, "recurrence", 2), r"column recurrence, row 5: the outcome must be 0 or 1, got '2'"),
    "outcome yes": (put(3, "recurrence", "yes"), r"column recurrence, row 5: the outcome must be 0 or 1, got 'yes'"),
    "one class": (put_all("recurrence", lambda _: 0), r"column recurrence: the outcome has one class, only 0"),
    "all predictors constant": (put_all("dlr", lambda _: 0.5), r"No predictor varies .* dlr"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_input_is_named_by_column_row_and_value_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    change, message = WRONG[case]
    with pytest.raises(SinusViewerError, match=message) as raised:
        fit(tmp_path, train=change)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_test_file_with_one_outcome_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"test\.csv, column recurrence: the outcome has one class, only 1"):
        fit(tmp_path, test=put_all("recurrence", lambda _: 1))


def test_files_in_different_eosinophil_units_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="eos"):
        fit(tmp_path, test=put_all("eos", lambda r: r["eos"] * 100.0))


@pytest.mark.parametrize(
    ("predictors", "clinical", "message"),
    [
        (("asthma", "polyps"), ("asthma",), "no column 'polyps'"),
        (("asthma", "dlr"), ("ar",), "'ar' is not among"),
        (("asthma", "ar"), ("asthma", "ar"), "DLR-score"),
        (("asthma", "dlr", "dlr"), ("asthma",), "named twice"),
        (("asthma", "recurrence"), ("asthma",), "cannot be a predictor"),
    ],
)
def test_wrong_predictor_lists_are_refused(
    tmp_path: Path, predictors: Sequence[str], clinical: Sequence[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit(tmp_path, predictors=predictors, clinical=clinical)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("nomogram", "1.2", "'1.2' is no probability"),
        ("clinical", "high", "'high' is not a number"),
        ("y", "3", "must be 0 or 1"),
        ("split", "validation", "neither train nor test"),
        ("id", "p1", "already in row"),
    ],
)
def test_wrong_predictions_are_refused(tmp_path: Path, column: str, value: str, message: str) -> None:
    rows: list[Row] = [
        {
            "id": f"p{i}",
            "split": "train" if i < 10 else "test",
            "y": i % 2,
            "nomogram": 0.4,
            "clinical": 0.5,
            "dlr": 0.6,
        }
        for i in range(20)
    ]
    rows[4][column] = value
    given = write_csv(tmp_path / "given.csv", rows)
    with pytest.raises(InputError, match=f"column {column}, row 6.*{message}"):
        run(None, None, None, (), (), tmp_path / "out", predictions_csv=given)


def test_the_command_line_takes_the_options_of_the_contract(tmp_path: Path) -> None:
    for name, seed in (("train", 1), ("test", 2)):
        write_csv(tmp_path / f"{name}.csv", make_cohort(60, seed, name))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    line = (
        f"--train {tmp_path}/train.csv --test {tmp_path}/test.csv --outcome recurrence --predictors asthma,ar,eos,dlr "
        f"--clinical asthma,ar,eos --out {tmp_path}/out --bootstraps 5 --no-report"
    )
    run_arguments(parser.parse_args(line.split()))
    assert (tmp_path / "out" / "nomogram.json").exists()


def test_the_network_whose_scores_it_was_fitted_on_stays_with_the_nomogram(tmp_path: Path) -> None:
    def fitted() -> ModelReference | None:
        return read_nomogram(tmp_path / "out" / "nomogram.json").score_model

    fit(tmp_path)
    assert fitted() is None
    network = ModelReference("recurrence", "1.1.0", "a" * 64, "Simulated patients.")
    write_score_model(network, tmp_path / "train.csv")
    content = fit(tmp_path)
    assert fitted() == network
    assert content["settings"]["score_model"]["version"] == "1.1.0"
    ours = recurrence_model(tmp_path / "ours")
    with pytest.raises(InputError, match=r"--score-model are of ours 1\.0 .* train\.csv of recurrence 1\.1\.0"):
        fit(tmp_path, score_model=tmp_path / "ours")
    (tmp_path / "score_model.json").unlink()
    fit(tmp_path, score_model=tmp_path / "ours" / "card.json")
    assert fitted() == ours.reference
    (tmp_path / "score_model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="does not say which network"):
        fit(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "cohort.csv is empty"),
        (lambda text: "PK\x03\x04" + text, "cohort.csv is an Excel workbook, whatever its name"),
        (lambda text: text.replace("A0003", "A\0003"), "cohort.csv cannot be read as a text table"),
        (lambda text: text.replace(",", ";").replace(".", ","), r"column dlr, row 2: '0,\d+' is not a number. Numbers have"),
        (lambda text: text.replace(".", ","), r"row 2 has 9 cells where the header has 8. Numbers have a decimal point"),
        (lambda text: text.replace("age", "", 1), "a column without a name in row 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_numbers_ends_in_one_line(
    tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    path = write_csv(tmp_path / "cohort.csv", make_cohort(30, 1))
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=said) as raised:
        run(path, None, "recurrence", PREDICTORS, CLINICAL, tmp_path / "out", bootstraps=0, report=False)
    assert "\n" not in str(raised.value)


def test_a_table_as_spreadsheets_write_it_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "cohort.csv", make_cohort(80, 1))
    path.write_text("\ufeff" + path.read_text().replace(",", ";"), encoding="utf-8")
    run(path, None, "recurrence", PREDICTORS, CLINICAL, tmp_path / "out", bootstraps=0, report=False)
    assert read_nomogram(tmp_path / "out" / "nomogram.json").cohort.n == 80


def test_a_score_in_per_cent_is_warned_of(tmp_path: Path) -> None:
    content = fit(
        tmp_path, train=put_all("dlr", lambda r: 100 * r["dlr"]), test=put_all("dlr", lambda r: 100 * r["dlr"])
    )
    assert any("dlr runs from" in said and "between 0 and 1" in said for said in content["warnings"])


def test_what_the_cohort_is_stays_with_the_nomogram(tmp_path: Path) -> None:
    fit(tmp_path, trained_on="Simulated patients.")
    trained_on = read_nomogram(tmp_path / "out" / "nomogram.json").trained_on
    assert trained_on.startswith("Simulated patients: 120 patients with ")


def test_coefficients_in_the_file_are_those_of_the_regression(tmp_path: Path) -> None:
    evaluation = fit(tmp_path)
    rows = read_rows(tmp_path / "train.csv")
    x = np.array([[float(row[name]) for name in PREDICTORS] for row in rows])
    expected = fit_logistic([float(row["recurrence"]) for row in rows], x, PREDICTORS)
    assert list(evaluation["models"]["nomogram"]["coefficients"].values()) == list(expected.coefficients)


@pytest.mark.slow
def test_two_hundred_patients_and_a_thousand_bootstraps_take_less_than_twenty_seconds(tmp_path: Path) -> None:
    start = time.process_time()  # not the clock: another's work on the same machine is not this one's
    evaluation = fit(tmp_path, sizes=(200, 65), bootstraps=1000, report=True)
    assert time.process_time() - start < 20.0
    assert evaluation["optimism"]["nomogram"]["resamples"]["used"] > 900


@pytest.mark.shared
@pytest.mark.skipif(SHARED is None, reason="shared reference data not found (SINUSVIEWER_SHARED)")
@pytest.mark.parametrize("cohort", ["nomogram_c0", "nomogram_c4_ties"])
def test_the_reference_cohorts_give_the_reference_numbers(tmp_path: Path, cohort: str) -> None:
    assert SHARED is not None
    folder = SHARED / "reference" / cohort
    expected = json.loads((folder / "expected.json").read_text())
    run(
        folder / "train.csv",
        folder / "test.csv",
        "recurrence",
        PREDICTORS,
        CLINICAL,
        tmp_path,
        bootstraps=10,
        report=False,
    )
    got = json.loads((tmp_path / "evaluation.json").read_text())
    nomogram = json.loads((tmp_path / "nomogram.json").read_text())
    reference = expected["nomogram"]["nomogram"]
    assert nomogram["points_per_unit"] == pytest.approx(reference["sc_points_per_lp"], rel=1e-7)
    assert nomogram["intercept_adjusted"] == pytest.approx(reference["Intercept_adjusted"], rel=1e-7)
    for model in ("nomogram", "clinical", "dlr"):
        glm = expected["glm"][model]
        assert list(got["models"][model]["coefficients"].values()) == pytest.approx(glm["coef_tight"], rel=1e-8)
        carried = expected["train_youden_cutoff_applied_to_test"][model]
        assert got["cutoff_from_train"][model]["test"]["accuracy"] == pytest.approx(carried["accuracy"])
        for split in ("train", "test"):
            roc = expected["roc"][split][model]
            assert got["roc"][split][model]["auc"] == pytest.approx(roc["auc"], rel=1e-9)
            assert got["roc"][split][model]["variance_delong"] == pytest.approx(roc["delong_var"], rel=1e-9)
    for split in ("train", "test"):
        for pair in ("nomogram_vs_clinical", "nomogram_vs_dlr"):
            assert got["delong_test"][split][pair]["p"] == pytest.approx(expected["delong_test"][split][pair]["p"])
        calibration = expected["calibration"][split]["nomogram"]
        groups = calibration["HL"]["quantile_type7_hoslem.test"]
        key = "p_df_gminus2_requested" if split == "train" else "p_df_groups_external"
        assert got["calibration"][split]["nomogram"]["hosmer_lemeshow"]["p"] == pytest.approx(groups[key], rel=1e-5)


def test_a_cohort_that_nobody_named_is_called_by_its_file(tmp_path: Path) -> None:
    fit(tmp_path)
    trained_on = read_nomogram(tmp_path / "out" / "nomogram.json").trained_on
    assert trained_on.startswith("Cohort not named, file train.csv: 120 patients with ")
