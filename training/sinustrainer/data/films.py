"""Films for training: drawn anew from projections where there are any, stored ones otherwise, or both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinustrainer.data.film_sources import Films, LabelledFilm, StoredFilms
from sinustrainer.data.manifest import Case


@dataclass(frozen=True)
class JoinedFilms:
    """Several rows of films, one after the other."""

    parts: tuple[Films, ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def film(self, index: int, rng: np.random.Generator) -> LabelledFilm:
        """The film of that place."""
        for part in self.parts:
            if index < len(part):
                return part.film(index, rng)
            index -= len(part)
        raise IndexError(index)


def films_of(cases: tuple[Case, ...], strengths: dict[str, float] | None = None) -> Films:
    """Projections where every case has them and ``strengths`` is given, stored films otherwise."""
    if strengths is not None and all("projections" in case.files for case in cases):
        from sinustrainer.data.projected_films import ProjectedFilms  # the simulator, which loads torch

        return ProjectedFilms(tuple(Path(case.files["projections"]) for case in cases), strengths)
    return StoredFilms(cases)
