"""An anatomist that draws phantom heads in no time; picklable, so that worker processes can have one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from phantom_head import phantom_head

from sinustrainer.simulate.cohort.anatomist import DrawnCrs, draw_patients_crs
from sinustrainer.simulate.disease.paint import LocalDisease, paint_each
from sinustrainer.simulate.head import Head, SinusDisease


@dataclass(frozen=True)
class PhantomAnatomist:
    """Phantom heads of 4 mm."""

    spacing_mm: float = 4.0

    def draw_head(self, rng: np.random.Generator, age: float, sex: str, split: str) -> Head:
        return phantom_head(self.spacing_mm, left_antrum_scale=float(rng.uniform(0.8, 1.0)))

    def paint(
        self,
        head: Head,
        diseases: Sequence[SinusDisease],
        gravity_lps: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[LocalDisease, ...]:
        return paint_each(head, diseases, [float(g) for g in gravity_lps], rng)

    def draw_crs(
        self, rng: np.random.Generator, endotype: str, recurrence: int | None, clinical: Mapping[str, float | bool]
    ) -> DrawnCrs:
        return draw_patients_crs(rng, endotype, recurrence, clinical)
