"""Who is in a cohort of radiographs: every patient's label, age, sex, site, vendor and exposure, before any head is made."""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.cohort.apportion import apportion, decade_ages, shuffled
from sinustrainer.simulate.cohort.recipe import Spread, WatersGroup, WatersRecipe
from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import InputError

_SIDES = {"normal": (), "right": (Side.RIGHT,), "left": (Side.LEFT,), "bilateral": (Side.RIGHT, Side.LEFT)}


@dataclass(frozen=True, slots=True)
class WatersCase:
    """One planned film. ``subclasses`` are of the diseased antra only."""

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


def plan_waters(recipe: WatersRecipe, seed: int, patients: int | None = None) -> tuple[WatersCase, ...]:
    """The cohort in full or in small, margins kept in proportion.

    Raises
    ------
    InputError
        Where so few patients cannot fill the groups.
    """
    sizes = {str(i): g.patients for i, g in enumerate(recipe.groups)}
    total = patients if patients is not None else recipe.patients or sum(sizes.values())
    if total < len(recipe.groups):
        raise InputError(f"{total} patients are too few for the {len(recipe.groups)} groups of {recipe.name}.")
    wanted = apportion(sizes, total)
    for key in wanted:
        if wanted[key] == 0:  # every group is there, however small the cohort
            wanted[key] += 1
            wanted[max(wanted, key=lambda k: wanted[k])] -= 1
    cases: list[WatersCase] = []
    for number, group in enumerate(recipe.groups):
        rng = np.random.default_rng([seed, 101, number])
        cases.extend(_plan_group(group, wanted[str(number)], rng, len(cases)))
    check_margins(recipe, tuple(cases))
    return tuple(cases)


def _plan_group(group: WatersGroup, n: int, rng: np.random.Generator, first: int) -> list[WatersCase]:
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
                patient_id=f"SIM-W{number:05d}",
                site=group.site,
                split=group.split,
                age=by_health[sick[i]].pop(),
                sex=sexes[i],
                label=label,
                subclasses={side: subclasses.pop() for side in _SIDES[label]},
                manufacturer=vendors[i],
                kvp=float(round(_draw(group.kvp, rng))),
                mas=round(_draw(group.mas, rng), 1),
                exposure_ms=float(round(_draw(group.exposure_ms, rng))),
                source_detector_mm=float(round(_draw(group.source_detector_mm, rng))),
                orbitomeatal_deg=round(_draw(group.orbitomeatal_deg, rng), 2),
                yaw_deg=round(float(rng.normal(0, group.yaw_sd_deg)), 2),
                roll_deg=round(float(rng.normal(0, group.roll_sd_deg)), 2),
                orientation=orientation,
                monochrome1_draw=float(rng.random()),
                seed=int(rng.integers(2**62)),
            )
        )
    return cases


def _draw(spread: Spread, rng: np.random.Generator) -> float:
    return float(np.clip(rng.normal(spread.mean, spread.sd), spread.low, spread.high))


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
                if abs(found.count(key) - count) > 1:
                    raise InputError(f"{group.split}: {found.count(key)} of {name} {key}, wanted {count}.")
        mean_age = float(np.mean([c.age for c in members]))
        tolerance = 3.0 + 3 * 25 / np.sqrt(n)
        if abs(mean_age - group.age_mean) > tolerance:
            raise InputError(f"{group.split}: mean age {mean_age:.1f}, wanted {group.age_mean:.1f}.")
