"""Every number of the Waters' tables against an independent computation with scipy and scikit-learn, from films.csv."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from sinustrainer.evaluate.tables import Table
from sinustrainer.evaluate.waters import summary
from sinustrainer.evaluate.waters_films import FilmResult, SideResult, write_films
from sinustrainer.evaluate.waters_tables import SUBCLASSES, table_2, table_3, table_4, table_overlap

SPLITS = ("internal", "external_1", "external_2", "external_3")
THRESHOLD = 0.45


def cohort() -> tuple[FilmResult, ...]:
    """320 films with the faults of a real reader: wrong sides, lost patches, unread files, missing entries."""
    rng = np.random.default_rng(11)
    films = []
    for number in range(320):
        sides = []
        for name in ("right", "left"):
            diseased = bool(rng.random() < 0.4)
            score = float(np.round(1 / (1 + np.exp(-rng.normal(1.2 if diseased else -1.5, 1.3))), 3))
            form = str(rng.choice(list(SUBCLASSES))) if diseased else ""
            positive = score >= THRESHOLD
            iou = float(rng.uniform(0.3, 0.95)) if diseased and positive else None
            sides.append(SideResult(name, diseased, form, score, positive, iou, bool(rng.random() < 0.5)))
        truth = _label([s.side for s in sides if s.diseased])
        found = _label([s.side for s in sides if s.positive])
        error = "damaged" if number % 80 == 0 else ""
        films.append(FilmResult(
            f"c{number}", SPLITS[number % 4], truth, "" if error else found, not error and bool(rng.random() > 0.03),
            0.0 if error else float(rng.uniform(0.6, 0.98)), () if error else tuple(sides), error=error,
            age=None if number % 40 == 3 else float(rng.integers(0, 90)), sex=str(rng.choice(["F", "M", ""], p=[0.5, 0.45, 0.05])),
            kvp=float(rng.integers(66, 84)), mas=None if number % 5 == 0 else float(rng.normal(17, 4)),
            exposure_ms=float(rng.integers(30, 110)), sdd_mm=float(rng.choice([1100.0, 1400.0, 1500.0])),
        ))  # fmt: skip
    return tuple(films)


def _label(sides: list[str]) -> str:
    return "normal" if not sides else "bilateral" if len(sides) == 2 else sides[0]


FILMS = cohort()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The films as the CSV beside the tables has them: nothing of the code under test is used after this."""
    path = tmp_path_factory.mktemp("films") / "films.csv"
    write_films(FILMS, path)
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def blocks(table: Table) -> dict[tuple[str, str], tuple[str, ...]]:
    """Cells by (heading, row name)."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    heading = ""
    for row in table.rows[1:]:
        if not any(row[1:]):
            heading = row[0]
        else:
            found[heading, row[0].strip()] = row[1:]
    return found


NAMES = {
    "internal": "Internal validation set",
    "external_1": "External validation set #1",
    "external_2": "External validation set #2",
    "external_3": "External validation set #3",
}


def judged(truth: list[bool], call: list[bool], score: list[float]) -> list[str]:
    """Table 2's line by scikit-learn, placements counted one by one, and scipy's distributions."""
    y, c, s = np.array(truth), np.array(call, float), np.array(score)
    n, area = len(y), metrics.roc_auc_score(y, c)

    def delong_se(values: np.ndarray) -> float:
        pos, neg = values[y], values[~y]
        wins = (pos[:, None] > neg[None]) + 0.5 * (pos[:, None] == neg[None])
        return float(np.sqrt(wins.mean(axis=1).var(ddof=1) / len(pos) + wins.mean(axis=0).var(ddof=1) / len(neg)))

    x = area * n
    low, high = stats.beta.ppf(0.025, x, n - x + 1), stats.beta.ppf(0.975, x + 1, n - x)
    p = 2 * stats.norm.sf((area - 0.5) / delong_se(c))
    return [
        str(n), f"{100 * metrics.accuracy_score(y, c > 0):.2f}", f"{area:.2f}", f"{delong_se(c):.3f}", f"{low:.3f} to {high:.3f}",
        f"{100 * metrics.recall_score(y, c > 0):.2f}", f"{100 * metrics.recall_score(~y, c == 0):.2f}",
        "<0.001" if p < 0.001 else f"{p:.3f}", f"{metrics.roc_auc_score(y, s):.3f}", f"{delong_se(s):.3f}",
    ]  # fmt: skip


def of(rows: list[dict[str, str]], split: str, *, patch: bool = True) -> list[dict[str, str]]:
    return [r for r in rows if r["split"] == split and (r["patch_ok"] == "True" or not patch)]


def sides_of(rows: list[dict[str, str]], wanted: tuple[str, ...] = ("right", "left")) -> list[tuple[bool, bool, float]]:
    return [
        (r[f"{s}_diseased"] == "True", r[f"{s}_positive"] == "True", float(r[f"{s}_score"]))
        for r in rows
        for s in wanted
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_table_2_is_what_scikit_learn_and_scipy_make_of_the_same_films(split: str, rows: list[dict[str, str]]) -> None:
    table = blocks(table_2(FILMS, SPLITS))
    heading, everyone, read = NAMES[split], of(rows, split, patch=False), of(rows, split)
    accuracy = np.mean([r["patch_ok"] == "True" for r in everyone])
    assert table[heading, "Facial patch detection"][:2] == (str(len(everyone)), f"{100 * accuracy:.2f}")
    for name, wanted in (
        ("Sinusitis detection (per side)", ("right", "left")),
        ("right", ("right",)),
        ("left", ("left",)),
    ):
        truth, call, score = (list(column) for column in zip(*sides_of(read, wanted), strict=True))
        assert list(table[heading, name]) == judged(truth, call, score)
    sick = [r["truth"] != "normal" for r in read]
    call = [r["truth"] == r["found"] if s else r["found"] != "normal" for r, s in zip(read, sick, strict=True)]
    score = [max(float(r["right_score"]), float(r["left_score"])) for r in read]
    assert list(table[heading, "ITL application (per image)"]) == judged(sick, call, score)


@pytest.mark.parametrize("split", SPLITS)
def test_overlaps_are_means_over_the_right_boxes(split: str, rows: list[dict[str, str]]) -> None:
    line = {r[0]: r[1:] for r in table_overlap(FILMS, SPLITS).rows}[NAMES[split]]
    everyone = of(rows, split, patch=False)
    patch = [float(r["patch_iou"]) for r in everyone if not r["error"]]
    found = [float(r[f"{s}_iou"]) for r in everyone for s in ("right", "left") if r[f"{s}_iou"]]
    assert line[0] == f"{np.mean(patch):.2f}±{np.std(patch, ddof=1):.2f}"
    assert line[1] == f"{np.mean(found):.2f}±{np.std(found, ddof=1):.2f}"
    assert line[2] == f"{100 * np.mean(np.array(found) >= 0.5):.1f}"
    assert line[3] == str(sum({r["truth"], r["found"]} == {"right", "left"} for r in everyone))
    assert line[6] == str(sum(bool(r["error"]) for r in everyone))


@pytest.mark.parametrize("split", SPLITS)
def test_table_3_counts_each_form_and_its_errors(split: str, rows: list[dict[str, str]]) -> None:
    table, read = blocks(table_3(FILMS, SPLITS)), of(rows, split)
    healthy = [score for diseased, _, score in sides_of(read) if not diseased]
    for column, form in enumerate(SUBCLASSES):
        group = [
            (r[f"{s}_positive"] == "True", float(r[f"{s}_score"]))
            for r in read
            for s in ("right", "left")
            if r[f"{s}_diseased"] == "True" and r[f"{s}_subclass"] == form
        ]
        share = np.mean([positive for positive, _ in group])
        assert table[NAMES[split], "Number of data"][column] == str(len(group))
        assert table[NAMES[split], "ACC (%)"][column] == f"{100 * share:.1f}"
        assert table[NAMES[split], "SE"][column] == f"{np.sqrt(share * (1 - share) / len(group)):.3f}"
        area = metrics.roc_auc_score([1] * len(group) + [0] * len(healthy), [s for _, s in group] + healthy)
        assert table[NAMES[split], "AUC against healthy sides"][column] == f"{area:.3f}"


def printed(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def test_table_4_counts_the_wrong_films_and_tests_them(rows: list[dict[str, str]]) -> None:
    table = {row[0]: row[1:] for row in table_4(FILMS, SPLITS).rows}
    read = [r for r in rows if r["patch_ok"] == "True"]
    wrong = np.array([r["truth"] != r["found"] for r in read])
    missed = [[r for r in of(rows, s) if r["truth"] != r["found"]] for s in SPLITS]
    columns = [(s, sick) for s in SPLITS for sick in (False, True)]
    groups = [[r for r in of(rows, s) if (r["truth"] != "normal") == sick] for s, sick in columns]
    for column, group in enumerate(groups):
        bad = [r for r in group if r["truth"] != r["found"]]
        assert table["Number of films"][column] == f"{len(bad)}/{len(group)}"
        sexes = [r["sex"] for r in bad]
        assert table["Sex of the wrong (F/M)"][column] == f"{sexes.count('F')}/{sexes.count('M')}"
        for decade in range(9):
            aged = [r for r in group if r["age"] and int(float(r["age"])) // 10 == decade]
            lost = sum(r["truth"] != r["found"] for r in aged)
            said = f"{lost}/{len(aged)} ({100 * lost / len(aged):.1f})" if aged else "0/0"
            assert table[f"{10 * decade}–{10 * decade + 10} years"][column] == said
        for name, title in (
            ("kvp", "kVp"),
            ("mas", "mAs"),
            ("exposure_ms", "Exposure time (ms)"),
            ("sdd_mm", "SDD (mm)"),
        ):
            values = [float(r[name]) for r in bad if r[name]]
            assert table[title][column] == (f"{np.mean(values):.2f}" if values else "–")
    known = [(r["sex"] == "F", w) for r, w in zip(read, wrong, strict=True) if r["sex"]]
    by_sex = metrics.confusion_matrix([a for a, _ in known], [b for _, b in known])
    assert table["Sex of the wrong (F/M)"][-2] == printed(stats.chi2_contingency(by_sex, correction=False).pvalue)
    ages = [(int(float(r["age"])) // 10, w) for r, w in zip(read, wrong, strict=True) if r["age"]]
    by_age = np.array([[sum(a == d and w == bad for a, w in ages) for d in range(9)] for bad in (False, True)])
    assert table["0–10 years"][-2] == printed(stats.chi2_contingency(by_age, correction=False).pvalue)
    sets = np.array([[sum(int(float(r["age"])) // 10 == d for r in m if r["age"]) for d in range(9)] for m in missed])
    sets = sets[:, sets.any(axis=0)]
    assert table["0–10 years"][-1] == printed(stats.chi2_contingency(sets, correction=False).pvalue)
    for name, title in (("kvp", "kVp"), ("mas", "mAs"), ("exposure_ms", "Exposure time (ms)"), ("sdd_mm", "SDD (mm)")):
        values = [(float(r[name]), w) for r, w in zip(read, wrong, strict=True) if r[name]]
        test = stats.mannwhitneyu([v for v, w in values if w], [v for v, w in values if not w], method="asymptotic")
        assert table[title][-2] == printed(test.pvalue)
        assert table[title][-1] == printed(
            stats.kruskal(*[[float(r[name]) for r in m if r[name]] for m in missed]).pvalue
        )


def test_the_summary_holds_the_same_figures_unrounded(rows: list[dict[str, str]]) -> None:
    content = summary(FILMS, SPLITS)["splits"]
    for name, chosen in (*((s, of(rows, s)) for s in SPLITS), ("pooled", [r for r in rows if r["patch_ok"] == "True"])):
        truth, call, score = (np.array(column) for column in zip(*sides_of(chosen), strict=True))
        assert content[name]["side"]["auc_score"] == pytest.approx(metrics.roc_auc_score(truth, score))
        assert content[name]["side"]["auc"] == pytest.approx(metrics.balanced_accuracy_score(truth, call))
        assert content[name]["four_way_accuracy"] == pytest.approx(np.mean([r["truth"] == r["found"] for r in chosen]))
