"""The patients of an endotype evaluation (Hua 2022, section 3.1): who they are, by endotype and beside the training cohort."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from sinustrainer.data.manifest import Case
from sinustrainer.evaluate.published import HUA_COHORT
from sinustrainer.evaluate.tables import Table, p_value
from sinusviewer.statistics.univariate import chi_square


def cohort_table(cases: Sequence[Case], training: Sequence[Case], slices: dict[str, int]) -> Table:
    """Patients, age, sex and slices by endotype, tested between the endotypes and, where known, against the training patients.

    Parameters
    ----------
    slices
        Slices that count, by case, of the first network.
    """
    groups = [list(cases), [c for c in cases if ecrs(c)], [c for c in cases if not ecrs(c)]]
    header = ["", "All", "ECRS", "NECRS", "p, ECRS against NECRS"]
    if training:
        header += ["Training, all", "p, evaluated against training"]
        groups.append(list(training))
    rows = [tuple(header)]

    def add(name: str, cells: list[str], between: float | None, against: float | None, tested: bool = True) -> None:
        row = [name, *cells[:3], p_value(between) if tested else ""]
        rows.append(tuple([*row, cells[3], p_value(against) if tested else ""] if training else row))

    add("Patients", [str(len({c.patient_id for c in g})) for g in groups], None, None, tested=False)
    ages = [[c.age for c in g if c.age is not None] for g in groups]
    add("Age, years, mean ± SD", [_mean(a) for a in ages], _t(ages[1], ages[2]), _t(ages[0], ages[-1]))
    women = [[c.sex == "F" for c in g if c.sex in ("F", "M")] for g in groups]
    add("Women, n (%)", [_count(w) for w in women], _chi(women[1], women[2]), _chi(women[0], women[-1]))
    ill = [[ecrs(c) for c in g] for g in groups]
    add("ECRS, n (%)", [_count(i) for i in ill], None, _chi(ill[0], ill[-1]))
    counted = [[float(slices[c.case_id]) for c in g if c.case_id in slices] for g in groups]
    add("Slices that count", [f"{sum(n):.0f}" if n else "–" for n in counted], None, None, tested=False)
    add("Slices per patient, mean ± SD", [_mean(n) for n in counted], _t(counted[1], counted[2]), None)
    note = (
        "Means by Student's t-test, counts by chi-square without Yates' correction; of those whose value is known. Slices: those that "
        f"show a sinus with lesion, at the network's step. {HUA_COHORT} in Hua 2022, their own patients."
    )
    return Table("cohort", "The patients (section 3.1)", tuple(rows), note)


def ecrs(case: Case) -> bool:
    """Whether the tissue said eosinophilic."""
    return bool(case.labels["endotype"] == "ecrs")


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def _count(values: Sequence[bool]) -> str:
    return f"{sum(values)} ({100 * np.mean(values):.1f})" if values else "–"


def _t(first: Sequence[float], second: Sequence[float]) -> float | None:
    if first is second or min(len(first), len(second)) < 2 or np.ptp(first) == np.ptp(second) == 0:
        return None
    p = float(stats.ttest_ind(first, second).pvalue)
    return p if np.isfinite(p) else None


def _chi(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    if first is second or not first or not second:
        return None
    return chi_square(np.repeat([0.0, 1.0], [len(first), len(second)]), np.array([*first, *second], np.float64)).p
