"""Tables 2, 3 and 4 of Oh 2021 from film results."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from sinustrainer.data.selection import ANATOMY
from sinustrainer.evaluate.tables import Table, number, p_value, percent
from sinustrainer.evaluate.waters_discrimination import Discrimination, of_application, of_sides, patch_accuracy
from sinustrainer.evaluate.waters_films import FilmResult
from sinusviewer.statistics.delong import auc
from sinusviewer.statistics.univariate import mann_whitney

SPLIT_NAMES = {
    "internal": "Internal validation set",
    "external_1": "External validation set #1",
    "external_2": "External validation set #2",
    "external_3": "External validation set #3",
}
SUBCLASSES = {
    "full_opacification": "Full opacification",
    "air_fluid": "Air/fluid",
    "cyst": "Cyst",
    "mucosal_thickening": "Mucosal thickening",
}
PARAMETERS = {"kvp": "kVp", "mas": "mAs", "exposure_ms": "Exposure time (ms)", "sdd_mm": "SDD (mm)"}
_MINIMUM_GROUP = 2


def split_name(split: str) -> str:
    """The paper's name of a split."""
    if split.startswith(ANATOMY):
        return f"Films of the anatomy {split.removeprefix(ANATOMY)}"
    return SPLIT_NAMES.get(split, split)


def mean_sd(values: Sequence[float]) -> str:
    """``mean±sd``, n - 1."""
    if len(values) < _MINIMUM_GROUP:
        return "–"
    return f"{np.mean(values):.2f}±{np.std(values, ddof=1):.2f}"


def table_2(films: Sequence[FilmResult], splits: Sequence[str]) -> Table:
    """Performance of patch, detection per side and application per image."""
    head = ("", "n", "ACC", "AUC", "SE", "95% CI", "Sensitivity", "Specificity", "p value", "AUC of the score", "SE")
    rows: list[tuple[str, ...]] = [head]
    for split in splits:
        own = [f for f in films if f.split == split]
        rows.append((split_name(split), *[""] * (len(head) - 1)))
        rows.append(("Facial patch detection", str(len(own)), percent(patch_accuracy(own)), *[""] * (len(head) - 3)))
        rows.append(("Sinusitis detection (per side)", *_line(of_sides(own))))
        for side in ("right", "left"):
            rows.append((f"    {side}", *_line(of_sides(own, lambda s, wanted=side: s.side == wanted))))  # type: ignore[misc]
        rows.append(("ITL application (per image)", *_line(of_application(own))))
    note = (
        "AUC, SE (DeLong), 95% CI (exact binomial) and p (against 0.5) are of the yes/no call at the shipped threshold, as in "
        "the paper; the last two columns are of the score. Per image, a sinusitis film is found only where the four-way "
        "report (normal, right, left, bilateral) is right; the score there is that of the more suspicious side. Films whose "
        "patch does not hold both antra are left out of the lines below it, as in the paper."
    )
    return Table("table2", "Table 2. Performance on the internal and external sets", tuple(rows), note)


def _line(d: Discrimination) -> tuple[str, ...]:
    interval = "–" if d.ci95 is None else f"{d.ci95[0]:.3f} to {d.ci95[1]:.3f}"
    return (
        str(d.n), percent(d.accuracy), number(d.auc, 2), number(d.se), interval, percent(d.sensitivity),
        percent(d.specificity), p_value(d.p), number(d.auc_score), number(d.se_score),
    )  # fmt: skip


def table_overlap(films: Sequence[FilmResult], splits: Sequence[str]) -> Table:
    """Mean IoU of patch and sinusitis boxes, and what the input check says."""
    head = ("", "mIoU patch", "mIoU sinusitis", "Found boxes with IoU ≥ 0.5 (%)", "Wrong side (films)",
            "Side unverified (films)", "Refused by the input check (films)", "Not read (films)")  # fmt: skip
    rows = [head]
    for split in splits:
        own = [f for f in films if f.split == split]
        overlaps = [s.iou for f in own for s in f.sides if s.iou is not None]
        found = [s.iou >= 0.5 for f in own for s in f.sides if s.iou is not None]
        swapped = sum({f.truth, f.found} == {"right", "left"} for f in own)
        rows.append((
            split_name(split), mean_sd([f.patch_iou for f in own if not f.error]), mean_sd(overlaps),
            percent(float(np.mean(found)), 1) if found else "–", str(swapped), str(sum(f.unverified for f in own)),
            str(sum(bool(f.refused) for f in own)), str(sum(bool(f.error) for f in own)),
        ))  # fmt: skip
    note = (
        "Mean intersection over union ± SD. Wrong side: right for left or left for right. Side unverified: the header proves "
        "none, so the labels told which is which. Refused films are read all the same here."
    )
    return Table("overlap", "Overlap of boxes", tuple(rows), note)


def table_3(films: Sequence[FilmResult], splits: Sequence[str]) -> Table:
    """Accuracy of detection in each form of sinusitis, and the AUC of each against healthy sides."""
    rows: list[tuple[str, ...]] = [("", *SUBCLASSES.values())]
    for split in splits:
        sides = [s for f in films if f.split == split and f.patch_ok for s in f.sides]
        of_form = {form: [s for s in sides if s.diseased and s.subclass == form] for form in SUBCLASSES}
        healthy = [s for s in sides if not s.diseased]
        rows.append((split_name(split), *[""] * len(SUBCLASSES)))
        rows.append(("Number of data", *(str(len(group)) for group in of_form.values())))
        shares = [float(np.mean([s.positive for s in group])) if group else None for group in of_form.values()]
        rows.append(("ACC (%)", *(percent(share, 1) for share in shares)))
        errors = [
            None if share is None else (share * (1 - share) / len(group)) ** 0.5
            for share, group in zip(shares, of_form.values(), strict=True)
        ]
        rows.append(("SE", *(number(error) for error in errors)))
        areas = [
            auc([True] * len(group) + [False] * len(healthy), [s.score for s in (*group, *healthy)])
            if group and healthy
            else None
            for group in of_form.values()
        ]
        rows.append(("AUC against healthy sides", *(number(area) for area in areas)))
    return Table("table3", "Table 3. Subclasses of sinusitis", tuple(rows), "SE: of a proportion.")


def table_4(films: Sequence[FilmResult], splits: Sequence[str]) -> Table:
    """Films whose report is wrong: by sex, decade of age and exposure; tests of wrong against right, and between the sets."""
    read = [f for f in films if f.patch_ok]
    groups = [(s, sick) for s in splits for sick in (False, True)]
    head = (
        "", *(f"{split_name(s)}: {'sinusitis' if sick else 'normal'}" for s, sick in groups),
        "p, wrong against right", "p, wrong between sets",
    )  # fmt: skip
    own = [[f for f in read if f.split == s and (f.truth != "normal") == sick] for s, sick in groups]
    wrong = [not f.correct for f in read]
    missed = [[f for f in read if f.split == s and not f.correct] for s in splits]
    rows: list[tuple[str, ...]] = [head]
    rows.append(("Number of films", *(f"{sum(not f.correct for f in g)}/{len(g)}" for g in own), "", ""))
    of_sex = _p_of_counts([[f.sex.upper()[:1] == "F" for f in g if f.sex] for g in (_right(read), _wrong(read))])
    sexes = [[f.sex.upper()[:1] == "F" for f in g if f.sex] for g in missed]
    rows.append(("Sex of the wrong (F/M)", *(_sexes(g) for g in own), p_value(of_sex), p_value(_p_of_counts(sexes))))
    decades = sorted({int(f.age // 10) for f in read if f.age is not None})
    p_age = p_value(_p_of_counts([[_decade(f) for f in g if f.age is not None] for g in (_right(read), _wrong(read))]))
    p_sets = p_value(_p_of_counts([[_decade(f) for f in g if f.age is not None] for g in missed]))
    for place, decade in enumerate(decades):
        cells = [_share([f for f in g if f.age is not None and _decade(f) == decade]) for g in own]
        tests = (p_age, p_sets) if place == 0 else ("", "")
        rows.append((f"{10 * decade}–{10 * decade + 10} years", *cells, *tests))
    for name, title in PARAMETERS.items():
        cells = [_mean([getattr(f, name) for f in g if not f.correct]) for g in own]
        known = [(w, getattr(f, name)) for f, w in zip(read, wrong, strict=True) if getattr(f, name) is not None]
        p = None
        if len({w for w, _ in known}) == 2:
            p = mann_whitney([w for w, _ in known], [v for _, v in known]).p
        between = _p_of_ranks([[float(v) for f in g if (v := getattr(f, name)) is not None] for g in missed])
        rows.append((title, *cells, p_value(p), p_value(between)))
    note = (
        "Wrong/all (%) by decade; means of the wrong films for exposure. p, wrong against right: all sets together (sex, age: "
        "chi-square without correction; exposure: Mann-Whitney). p, wrong between sets: the wrong films of the sets against each "
        "other, as in the paper (sex, age: chi-square; exposure: Kruskal-Wallis)."
    )
    return Table("table4", "Table 4. Films that were reported wrongly", tuple(rows), note)


def _right(films: Sequence[FilmResult]) -> list[FilmResult]:
    return [f for f in films if f.correct]


def _wrong(films: Sequence[FilmResult]) -> list[FilmResult]:
    return [f for f in films if not f.correct]


def _decade(film: FilmResult) -> int:
    return int((film.age or 0.0) // 10)


def _sexes(films: Sequence[FilmResult]) -> str:
    wrong = [f.sex.upper()[:1] for f in films if not f.correct]
    return f"{wrong.count('F')}/{wrong.count('M')}"


def _p_of_counts(groups: Sequence[Sequence[int]]) -> float | None:
    """Chi-square, uncorrected, of groups against the values in them; None where a margin is missing."""
    groups = [g for g in groups if g]
    values = sorted({v for g in groups for v in g})
    if len(groups) < _MINIMUM_GROUP or len(values) < _MINIMUM_GROUP:
        return None
    counts = np.array([[sum(x == v for x in g) for v in values] for g in groups])
    return float(stats.chi2_contingency(counts, correction=False).pvalue)


def _p_of_ranks(groups: Sequence[Sequence[float]]) -> float | None:
    """Kruskal-Wallis; None where there is nothing to compare."""
    groups = [g for g in groups if g]
    if len(groups) < _MINIMUM_GROUP or len({v for g in groups for v in g}) < _MINIMUM_GROUP:
        return None
    return float(stats.kruskal(*groups).pvalue)


def _share(films: Sequence[FilmResult]) -> str:
    wrong = sum(not f.correct for f in films)
    return f"{wrong}/{len(films)} ({100 * wrong / len(films):.1f})" if films else "0/0"


def _mean(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{np.mean(known):.2f}" if known else "–"
