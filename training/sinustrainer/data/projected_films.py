"""Films drawn anew each time from cached projections of simulated heads."""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sinustrainer.data.film_sources import LabelledAntrum, LabelledFilm
from sinustrainer.simulate.radiograph.film import draw_film
from sinustrainer.simulate.radiograph.projections import Projections, load_projections
from sinusviewer.imaging.preprocess import FilmSource


@dataclass
class ProjectedFilms:
    """One case per projection file; every call draws disease, exposure and film curve anew.

    Attributes
    ----------
    strengths
        Shares of film randomisation by name; a strength is drawn for each film.
    keep
        Projections kept in memory.
    """

    files: tuple[Path, ...]
    strengths: dict[str, float]
    keep: int = 1500
    _cache: "OrderedDict[int, Projections]" = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return len(self.files)

    def film(self, index: int, rng: np.random.Generator) -> LabelledFilm:
        names = list(self.strengths)
        shares = np.array([self.strengths[name] for name in names])
        strength = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        drawn = draw_film(self._projections(index), rng, strength)
        antra = tuple(LabelledAntrum(a.xyxy, a.diseased, a.subclass or "", a.side.value) for a in drawn.antra)
        return LabelledFilm(FilmSource(drawn.pixels.astype(np.float32)), drawn.face_box, antra)

    def _projections(self, index: int) -> Projections:
        if index in self._cache:
            self._cache.move_to_end(index)
        else:
            self._cache[index] = load_projections(self.files[index])
            if len(self._cache) > self.keep:
                self._cache.popitem(last=False)
        return self._cache[index]
