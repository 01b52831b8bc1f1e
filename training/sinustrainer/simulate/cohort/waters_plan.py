"""Who is in a cohort of radiographs: every patient's label, age, sex, site, vendor and exposure, before any head is made."""

from dataclasses import dataclass, replace

import numpy as np

from sinustrainer.simulate.cohort.apportion import apportion, decade_ages, shuffled
from sinustrainer.simulate.cohort.planning import cohort_rng, cohort_tag, draw_spread, group_sizes
from sinustrainer.simulate.cohort.recipe import WatersGroup, WatersRecipe
from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import InputError

_SIDES = {"normal": (), "right": (Side.RIGHT,), "left": (Side.LEFT,), "bilateral": (Side.RIGHT, Side.LEFT)}


@dataclass(frozen=True, slots=True)
class WatersCase:
    """One planned film. ``subclasses`` are of the diseased antra only.

    Films with the same ``geometry_seed`` are of one patient in one position, on different days (None: a position of its own).
    """

    case_id: str
    patient_id: str
    site: str
    split: str
    age: float
    sex: str
    label: str
    subclasses: dict[Side, str]
    manufacturer: str
    kvp: float
    mas: float
    exposure_ms: float
    source_detector_mm: float
    orbitomeatal_deg: float
    yaw_deg: float
    roll_deg: float
    orientation: str
    monochrome1_draw: float
    seed: int
    geometry_seed: int | None = None
    first_case_id: str = ""
    """The first film of the same geometry, where this is a further one; its projections serve all."""


def plan_waters(recipe: WatersRecipe, seed: int, patients: int | None = None) -> tuple[WatersCase, ...]:
    """The cohort in full or in small, margins kept in proportion.

    Raises
    ------
    InputError
        Where so few patients cannot fill the groups.
    """
    total = patients if patients is not None else recipe.patients or sum(g.patients for g in recipe.groups)
    tag = cohort_tag(recipe.name, seed, total)
    cases: list[WatersCase] = []
    first = 0
    for number, (group, n) in enumerate(
        zip(recipe.groups, group_sizes(recipe.name, recipe.groups, total, 1), strict=True)
    ):
        rng = cohort_rng(seed, tag, number)
        films = [_plan_group(group, n, rng, first, tag)]
        films += [_further_films(films[0], rng, film + 2) for film in range(recipe.film.films_per_geometry - 1)]
        cases.extend(film for patient in zip(*films, strict=True) for film in patient)
        first += n
    check_margins(recipe, tuple(cases))
    return tuple(cases)


def _further_films(cases: list[WatersCase], rng: np.random.Generator, film: int) -> list[WatersCase]:
    """Each patient again in the same position: with the disease, vendor and exposure of another of the same decade of life."""
    decade = np.array([int(case.age // 10) for case in cases])
    other = np.arange(len(cases))
    for value in np.unique(decade):
        members = np.flatnonzero(decade == value)
        other[members] = members[rng.permutation(members.size)]
    return [
        replace(
            case,
            case_id=f"{case.case_id}-{film}",
            first_case_id=case.case_id,
            label=cases[i].label,
            subclasses=cases[i].subclasses,
            manufacturer=cases[i].manufacturer,
            kvp=cases[i].kvp,
            mas=cases[i].mas,
            exposure_ms=cases[i].exposure_ms,
            orientation=cases[i].orientation,
            monochrome1_draw=float(rng.random()),
            seed=int(rng.integers(2**62)),
        )
        for case, i in zip(cases, other, strict=True)
    ]


def _plan_group(group: WatersGroup, n: int, rng: np.random.Generator, first: int, tag: str) -> list[WatersCase]:
    labels = shuffled(apportion(group.labels, n), rng)
    sick = [label != "normal" for label in labels]
    by_health = {
        True: decade_ages(group.age_decades["sinusitis"], sum(sick), group.age_range, rng),
        False: decade_ages(group.age_decades["normal"], n - sum(sick), group.age_range, rng),
    }
    female = round(group.female * n / group.patients)
    sexes = shuffled({"F": female, "M": n - female}, rng)
    vendors = shuffled(apportion(group.manufacturers, n), rng)
    antra = sum(len(_SIDES[label]) for label in labels)
    subclasses = shuffled(apportion(group.subclasses, antra), rng)
    cases = []
    for i, label in enumerate(labels):
        number = first + i + 1
        draw = rng.random()
        orientation = "normal"
        if draw < group.mirrored_share:
            orientation = "mirrored"
        elif draw < group.mirrored_share + group.orientation_absent_share:
            orientation = "absent"
        cases.append(
            WatersCase(
                case_id=f"waters-{number:05d}",
                patient_id=f"SIM-W{tag}-{number:05d}",
                site=group.site,
                split=group.split,
                age=by_health[sick[i]].pop(),
                sex=sexes[i],
                label=label,
                subclasses={side: subclasses.pop() for side in _SIDES[label]},
                manufacturer=vendors[i],
                kvp=float(round(draw_spread(group.kvp, rng))),
                mas=round(draw_spread(group.mas, rng), 1),
                exposure_ms=float(round(draw_spread(group.exposure_ms, rng))),
                source_detector_mm=float(round(draw_spread(group.source_detector_mm, rng))),
                orbitomeatal_deg=round(draw_spread(group.orbitomeatal_deg, rng), 2),
                yaw_deg=round(float(rng.normal(0, group.yaw_sd_deg)), 2),
                roll_deg=round(float(rng.normal(0, group.roll_sd_deg)), 2),
                orientation=orientation,
                monochrome1_draw=float(rng.random()),
                seed=int(rng.integers(2**62)),
                geometry_seed=int(rng.integers(2**62)),
            )
        )
    return cases


def check_margins(recipe: WatersRecipe, cases: tuple[WatersCase, ...]) -> None:
    """Hold a plan to its recipe: labels, sexes, vendors and subclasses exactly in proportion, ages near their mean.

    Raises
    ------
    InputError
        Naming the first margin that is missed.
    """
    for group in recipe.groups:
        members = [c for c in cases if c.split == group.split and c.site == group.site]
        n = len(members)
        antra = [name for c in members for name in c.subclasses.values()]
        margins = (
            ("label", group.labels, [c.label for c in members]),
            ("manufacturer", group.manufacturers, [c.manufacturer for c in members]),
            ("subclass", group.subclasses, antra),
            ("sex", {"F": group.female, "M": group.patients - group.female}, [c.sex for c in members]),
        )
        for name, counts, found in margins:
            wanted = apportion({str(k): v for k, v in counts.items()}, len(found))
            for key, count in wanted.items():
                if abs(found.count(key) - count) > recipe.film.films_per_geometry:
                    raise InputError(f"{group.split}: {found.count(key)} of {name} {key}, wanted {count}.")
        mean_age = float(np.mean([c.age for c in members]))
        tolerance = 3.0 + 3 * 25 / np.sqrt(n)
        if abs(mean_age - group.age_mean) > tolerance:
            raise InputError(f"{group.split}: mean age {mean_age:.1f}, wanted {group.age_mean:.1f}.")
