"""Who draws heads and paints disease into them: the door from cohorts to anatomy, so that either can be replaced in a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.cohort.recipe import AnatomySection
from sinustrainer.simulate.disease.paint import LocalDisease, paint_each
from sinustrainer.simulate.head import Head, SinusDisease
from sinusviewer.errors import InputError


class Anatomist(Protocol):
    """Draws heads and paints disease."""

    def draw_head(self, rng: np.random.Generator, age: float, sex: str) -> Head:
        """A healthy head of that age and sex ("F", "M")."""
        ...

    def paint(
        self,
        head: Head,
        diseases: Sequence[SinusDisease],
        gravity_lps: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[LocalDisease, ...]:
        """What each diseased structure adds to the head; fluid settles along ``gravity_lps``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedAnatomy:
    """Real templates and the parametric head, in the recipe's shares."""

    templates: tuple[Any, ...]
    parametric_share: float

    def draw_head(self, rng: np.random.Generator, age: float, sex: str) -> Head:
        from sinustrainer.simulate import anatomy

        sources = self.templates if self.templates and rng.random() >= self.parametric_share else ()
        return anatomy.draw_head(rng, sources, age, sex)

    def paint(
        self,
        head: Head,
        diseases: Sequence[SinusDisease],
        gravity_lps: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[LocalDisease, ...]:
        return paint_each(head, diseases, [float(g) for g in gravity_lps], rng)


def load_anatomist(section: AnatomySection, recipe_folder: Path, templates_folder: Path | None) -> SimulatedAnatomy:
    """Read the templates a recipe names.

    Parameters
    ----------
    templates_folder
        Where relative template paths start; the recipe's own folder if None.

    Raises
    ------
    InputError
        Where a template is missing, or shares ask for templates and none is named.
    """
    from sinustrainer.simulate import anatomy

    base = templates_folder or recipe_folder
    loaded = []
    for name in section.templates:
        path = base / name
        if not path.exists():
            raise InputError(f"There is no template {path}.", "Give the folder that holds it with --templates.")
        loaded.append(anatomy.load_template(path))
    return SimulatedAnatomy(tuple(loaded), section.parametric_share if loaded else 1.0)
