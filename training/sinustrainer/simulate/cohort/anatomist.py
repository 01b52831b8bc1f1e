"""Who draws heads and paints disease into them: the door from cohorts to anatomy, so that either can be replaced in a test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.cohort.recipe import AnatomySection
from sinustrainer.simulate.disease import patterns
from sinustrainer.simulate.disease import recurrence as outcome
from sinustrainer.simulate.head import Head, SinusDisease
from sinustrainer.simulate.version import SIMULATOR_VERSION
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.errors import InputError

_ADULT_FROM = 15.0

if TYPE_CHECKING:  # painting loads torch, which only the workers need
    from sinustrainer.simulate.disease.paint import LocalDisease


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCrs:
    """Chronic rhinosinusitis of one patient.

    Attributes
    ----------
    endotype
        "ecrs" or "necrs".
    truth
        What a perfect reader of the image could know (``true_image_score``, ``true_risk``), for the manifest.
    """

    diseases: tuple[SinusDisease, ...]
    endotype: str
    truth: dict[str, float]


class Anatomist(Protocol):
    """Draws heads and paints disease."""

    def draw_head(self, rng: np.random.Generator, age: float, sex: str, split: str) -> Head:
        """A healthy head of that age and sex ("F", "M"), from the anatomy that a split may use."""
        ...

    def paint(
        self,
        head: Head,
        diseases: Sequence[SinusDisease],
        gravity_lps: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> "tuple[LocalDisease, ...]":
        """What each diseased structure adds to the head; fluid settles along ``gravity_lps``."""
        ...

    def draw_crs(
        self, rng: np.random.Generator, endotype: str, recurrence: int | None, clinical: Mapping[str, float | bool]
    ) -> DrawnCrs:
        """Disease of a patient whose endotype, or else whose outcome, is given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedAnatomy:
    """Real templates by name, shared out over the splits, and the parametric head."""

    templates: dict[str, Head]
    section: AnatomySection

    def draw_head(self, rng: np.random.Generator, age: float, sex: str, split: str) -> Head:
        from sinustrainer.simulate.anatomy.draw import draw_head
        from sinustrainer.simulate.anatomy.parametric.head import parametric_head

        sources = self._sources(split)
        if not sources or rng.random() < self.section.parametric_share:
            if self.section.parametric_bank == 0 or age < _ADULT_FROM:
                return parametric_head(rng, age, sex)
            sources = (_banked_head(int(rng.integers(self.section.parametric_bank))),)
        return draw_head(rng, sources, age, sex)

    def paint(
        self,
        head: Head,
        diseases: Sequence[SinusDisease],
        gravity_lps: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> "tuple[LocalDisease, ...]":
        from sinustrainer.simulate.disease.paint import paint_each

        return paint_each(head, diseases, [float(g) for g in gravity_lps], rng)

    def draw_crs(
        self, rng: np.random.Generator, endotype: str, recurrence: int | None, clinical: Mapping[str, float | bool]
    ) -> DrawnCrs:
        return draw_patients_crs(rng, endotype, recurrence, clinical)

    def _sources(self, split: str) -> tuple[Head, ...]:
        reserved = {name: kept for kept, names in self.section.held_out.items() for name in names}
        if split in self.section.held_out:
            return tuple(self.templates[name] for name in self.section.held_out[split])
        return tuple(head for name, head in self.templates.items() if name not in reserved)


@lru_cache(maxsize=64)
def _banked_head(number: int) -> Head:
    """An adult parametric head that many patients are warped from; the same in every process."""
    from sinustrainer.simulate.anatomy.parametric.head import parametric_head

    return parametric_head(np.random.default_rng([number, SIMULATOR_VERSION]), 40.0, "FM"[number % 2])


def draw_patients_crs(
    rng: np.random.Generator, endotype: str, recurrence: int | None, clinical: Mapping[str, float | bool]
) -> DrawnCrs:
    """Disease by the published patterns, with what a perfect reader of image and chart would know."""
    if recurrence is None:
        kind = patterns.Endotype(endotype)
        diseases, parameters = patterns.draw_crs(rng, kind)
    else:
        diseases, parameters, kind = outcome.draw_crs_of_outcome(rng, recurrence=bool(recurrence))
    score = outcome.image_score(parameters)
    known = {f.name: clinical.get(f.name) for f in fields(ClinicalData)}
    risk = outcome.recurrence_probability(score, ClinicalData(**known))  # type: ignore[arg-type]
    truth = {
        "true_endotype_score": round(patterns.log_likelihood_ratio(parameters), 5),
        "true_image_score": round(score, 5),
        "true_risk": round(risk, 5),
    }
    return DrawnCrs(diseases, kind.value, truth)


def load_anatomist(section: AnatomySection, recipe_folder: Path, templates_folder: Path | None) -> SimulatedAnatomy:
    """Read the templates a recipe names, or all that lie in ``templates_folder`` (``*/head.nii.gz``) if it names none.

    Raises
    ------
    InputError
        Where a template is missing.
    """
    from sinustrainer.simulate.anatomy.templates import load_template

    return SimulatedAnatomy(
        {name: load_template(path) for name, path in template_paths(section, recipe_folder, templates_folder).items()},
        section,
    )


def template_paths(section: AnatomySection, recipe_folder: Path, templates_folder: Path | None) -> dict[str, Path]:
    """Name to folder of every template a recipe uses; an InputError in one line where one is missing."""
    base = templates_folder or recipe_folder
    if templates_folder is not None and not templates_folder.is_dir():
        raise InputError(f"There is no folder {templates_folder} of templates.")
    names = [*section.templates, *(name for kept in section.held_out.values() for name in kept)]
    if not section.templates and templates_folder is not None:
        names += sorted(file.parent.name for file in templates_folder.glob("*/head.nii.gz"))
    paths = {}
    for name in names:
        path = base / name
        if not path.exists():
            raise InputError(f"There is no template {path}.", "Name the folder that holds it with --templates.")
        paths[name] = path
    return paths
