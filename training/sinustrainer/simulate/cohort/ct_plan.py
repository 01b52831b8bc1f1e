"""Who is in a cohort of CT scans: endotype, outcome, clinical table, scanner and protocol, before any head is made."""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.cohort.apportion import apportion, shuffled
from sinustrainer.simulate.cohort.clinical import Row, draw_clinical
from sinustrainer.simulate.cohort.planning import cohort_rng, cohort_tag, draw_spread, group_sizes
from sinustrainer.simulate.cohort.recipe import ClinicalMargins, CtGroup, CtRecipe
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinusviewer.errors import InputError


@dataclass(frozen=True, slots=True)
class CtCase:
    """One planned scan. ``endotype`` is "ecrs" or "necrs", empty where it follows from the disease drawn for the outcome."""

    case_id: str
    patient_id: str
    site: str
    split: str
    age: float
    sex: str
    endotype: str
    recurrence: int | None
    clinical: Row
    protocol: CtProtocol
    metal: bool
    seed: int


def plan_ct(recipe: CtRecipe, seed: int, patients: int | None = None) -> tuple[CtCase, ...]:
    """The cohort in full or in small, margins kept in proportion.

    Raises
    ------
    InputError
        Where so few patients cannot fill the groups.
    """
    total = patients if patients is not None else recipe.patients or sum(g.patients for g in recipe.groups)
    tag = cohort_tag(recipe.name, seed, total)
    cases: list[CtCase] = []
    # Both classes in every group, however small the cohort.
    for number, (group, n) in enumerate(
        zip(recipe.groups, group_sizes(recipe.name, recipe.groups, total, 2), strict=True)
    ):
        cases.extend(_plan_group(recipe, group, n, cohort_rng(seed, tag, number), len(cases), tag))
    check_ct_margins(recipe, tuple(cases))
    return tuple(cases)


def _plan_group(
    recipe: CtRecipe, group: CtGroup, n: int, rng: np.random.Generator, first: int, tag: str
) -> list[CtCase]:
    people = _by_outcome(group, n, rng) if group.by_outcome else _by_endotype(group, n, rng)
    scanners = shuffled(apportion(group.scanners, n), rng)
    cases = []
    for i, place in enumerate(rng.permutation(n)):
        endotype, recurrence, row = people[place]
        number = first + i + 1
        age = float(row["age"])
        cases.append(
            CtCase(
                case_id=f"ct-{number:05d}",
                patient_id=f"SIM-C{tag}-{number:05d}",
                site=group.site,
                split=group.split,
                age=age,
                sex="F" if row["female"] else "M",
                endotype=endotype,
                recurrence=recurrence,
                clinical=row,
                protocol=_protocol(recipe, group, scanners[i], rng),
                metal=bool(rng.random() < group.metal_share),
                seed=int(rng.integers(2**62)),
            )
        )
    return cases


def _by_endotype(group: CtGroup, n: int, rng: np.random.Generator) -> list[tuple[str, int | None, Row]]:
    people: list[tuple[str, int | None, Row]] = []
    for endotype, count in _two_classes({"ecrs": group.ecrs, "necrs": group.necrs}, n).items():
        for _ in range(count):
            row: Row = {"age": round(draw_spread(group.age, rng)), "female": bool(rng.random() < group.female_share)}
            people.append((endotype, None, row))
    return people


def _by_outcome(group: CtGroup, n: int, rng: np.random.Generator) -> list[tuple[str, int | None, Row]]:
    margins = outcome_margins(group)
    people: list[tuple[str, int | None, Row]] = []
    for outcome, count in _two_classes({str(y): m.patients for y, m in margins.items()}, n).items():
        for row in draw_clinical(margins[int(outcome)], count, rng):
            people.append(("", int(outcome), row))
    return people


def outcome_margins(group: CtGroup) -> dict[int, ClinicalMargins]:
    """Margins by outcome: 1 recurrence, 0 none."""
    if group.recurrence is None or group.no_recurrence is None:
        raise InputError(f"Group {group.split} has no recurrence margins.")
    return {1: group.recurrence, 0: group.no_recurrence}


def _two_classes(counts: dict[str, int], n: int) -> dict[str, int]:
    result = apportion(counts, n)
    for key in result:
        if result[key] == 0 and counts[key] > 0 and n >= len(counts):
            result[key] += 1
            result[max(result, key=lambda k: result[k])] -= 1
    return result


def _protocol(recipe: CtRecipe, group: CtGroup, scanner: str, rng: np.random.Generator) -> CtProtocol:
    section = recipe.scan
    slice_mm = group.slice_mm[int(rng.integers(len(group.slice_mm)))]
    partial = rng.random() < group.partial_coverage_share
    tilted = rng.random() < group.gantry_tilt_share
    lower, upper = float(rng.uniform(12, 28)), float(rng.uniform(32, 48))
    if partial:
        lower, upper = (
            (float(rng.uniform(-15, 0)), upper) if rng.random() < 0.5 else (lower, float(rng.uniform(-5, 12)))
        )
    turn = section.positioning_sd_deg
    return CtProtocol(
        scanner=scanner,
        kvp=float(group.kvp[int(rng.integers(len(group.kvp)))]),
        mas=float(round(draw_spread(group.mas, rng))),
        bone_kernel=bool(rng.random() < group.bone_kernel_share),
        matrix=section.matrix,
        field_mm=float(round(rng.uniform(*section.field_mm))),
        slice_mm=slice_mm,
        interval_mm=slice_mm,
        yaw_deg=round(float(rng.normal(0, turn * 0.6)), 2),
        pitch_deg=round(float(rng.normal(0, turn * 1.5)), 2),
        roll_deg=round(float(rng.normal(0, turn * 0.6)), 2),
        gantry_tilt_deg=round(float(rng.uniform(8, 20) * rng.choice([-1, 1])), 1) if tilted else 0.0,
        lower_mm=round(lower, 1),
        upper_mm=round(upper, 1),
        shift_left_mm=round(float(rng.normal(0, 4)), 1),
        streaks=round(float(rng.uniform(0.3, 1.0)), 2),
        headrest=bool(rng.random() < 0.8),
    )


def check_ct_margins(recipe: CtRecipe, cases: tuple[CtCase, ...]) -> None:
    """Hold a plan to its recipe: classes, scanners and yes/no columns in proportion, age and eosinophils near their means.

    Raises
    ------
    InputError
        Naming the first margin that is missed.
    """
    for group in recipe.groups:
        members = [c for c in cases if c.split == group.split and c.site == group.site]
        scanners = apportion(group.scanners, len(members))
        for model, count in scanners.items():
            if sum(c.protocol.scanner == model for c in members) != count:
                raise InputError(f"{group.split}: wrong number of scans on {model}.")
        if not group.by_outcome:
            ecrs = sum(c.endotype == "ecrs" for c in members)
            if abs(ecrs - group.ecrs * len(members) / group.patients) > 1:
                raise InputError(f"{group.split}: {ecrs} ECRS among {len(members)}.")
            continue
        for outcome, margins in outcome_margins(group).items():
            rows = [c.clinical for c in members if c.recurrence == outcome]
            n = len(rows)
            if abs(n - margins.patients * len(members) / group.patients) > 1:
                raise InputError(f"{group.split}: {n} patients with outcome {outcome}.")
            for name in ("female", "asthma", "allergic_rhinitis", "hypertension", "diabetes", "smoking", "drinking"):
                found = sum(bool(r[name]) for r in rows)
                if abs(found - getattr(margins, name) * n / margins.patients) > 0.5 + 1e-9:
                    raise InputError(f"{group.split}: {found} of {name} with outcome {outcome}.")
            for name, mean, sd in (
                ("age", margins.age_mean, margins.age_sd),
                ("eosinophils_per_ul", margins.eosinophils_mean, margins.eosinophils_sd),
            ):
                found_mean = float(np.mean([float(r[name]) for r in rows]))
                if abs(found_mean - mean) > 2 + 0.6 * sd / np.sqrt(n):
                    raise InputError(f"{group.split}: mean {name} {found_mean:.1f}, wanted {mean:.1f}.")
