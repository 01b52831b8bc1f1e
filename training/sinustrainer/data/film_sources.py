"""Where labelled films come from: stored DICOM files, or projections from which every call draws a new film."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sinustrainer.data.manifest import Case
from sinusviewer.domain.image import Radiograph
from sinusviewer.errors import InputError
from sinusviewer.imaging.preprocess import Box, FilmSource, film_source


@dataclass(frozen=True, slots=True)
class LabelledAntrum:
    """One antrum of a film: its box in stored pixels, whether it is diseased, and how."""

    xyxy: Box
    diseased: bool
    subclass: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFilm:
    """A film with what is known of it; ``antra`` lists both, healthy ones too, where the labels allow."""

    source: FilmSource
    face_box: Box
    antra: tuple[LabelledAntrum, ...]


class Films(Protocol):
    """A row of films; ``film(i, rng)`` may draw a different film of case ``i`` each time."""

    def __len__(self) -> int: ...

    def film(self, index: int, rng: np.random.Generator) -> LabelledFilm: ...


def antra_of(labels: dict[str, Any]) -> tuple[LabelledAntrum, ...]:
    """Antra from a manifest's labels; a hospital that boxed disease only gives ``boxes`` alone."""
    entries = labels.get("antra")
    if entries is None:
        return tuple(
            LabelledAntrum(_box(b["xyxy"]), True, str(b.get("subclass") or ""), str(b.get("side") or ""))
            for b in labels.get("boxes", ())
        )
    return tuple(
        LabelledAntrum(_box(a["xyxy"]), bool(a["diseased"]), str(a.get("subclass") or ""), str(a.get("side") or ""))
        for a in entries
    )


@dataclass
class StoredFilms:
    """Films as files, read once and kept at no more than ``longest`` pixels a side (boxes scaled with them)."""

    cases: tuple[Case, ...]
    longest: int = 768
    keep: int = 4000
    _cache: "OrderedDict[int, LabelledFilm]" = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return len(self.cases)

    def film(self, index: int, rng: np.random.Generator) -> LabelledFilm:
        """The film of a case; nothing is random about it."""
        if index not in self._cache:
            self._cache[index] = read_film(self.cases[index], self.longest)
            if len(self._cache) > self.keep:
                self._cache.popitem(last=False)
        return self._cache[index]


def read_film(case: Case, longest: int | None = None) -> LabelledFilm:
    """Read one stored film with its labels; boxes in the pixels of what is returned.

    Raises
    ------
    InputError
        Where the case has no image or no face box.
    """
    if "face_box" not in case.labels:
        raise InputError(f"Case {case.case_id} has no face box.", "Label it or leave it out.")
    source = film_source(load_case_radiograph(case))
    face, antra = _box(case.labels["face_box"]), antra_of(case.labels)
    factor = 1 if longest is None else max(1, max(source.values.shape) // longest)
    if factor > 1:
        source = _reduced(source, factor)
        face = _scaled(face, 1 / factor)
        antra = tuple(LabelledAntrum(_scaled(a.xyxy, 1 / factor), a.diseased, a.subclass, a.side) for a in antra)
    return LabelledFilm(source, face, antra)


def load_case_radiograph(case: Case) -> Radiograph:
    """The radiograph of a case, as the window would open it.

    Raises
    ------
    InputError
        Where the case names no file, or the file holds no radiograph.
    """
    from sinusviewer.imaging.load import load_radiograph
    from sinusviewer.imaging.scan import scan

    path = case.files.get("image")
    if path is None:
        raise InputError(f"Case {case.case_id} has no image.", "Check the manifest.")
    series = [s for study in scan([path]).studies for s in study.series]
    if not series:
        raise InputError(f"Case {case.case_id} holds no radiograph.", "Check the manifest.")
    return load_radiograph(series[0].instances[0], series[0].identity)


def _reduced(source: FilmSource, factor: int) -> FilmSource:
    rows, columns = (n // factor * factor for n in source.values.shape)
    shape = (rows // factor, factor, columns // factor, factor)
    values = source.values[:rows, :columns].reshape(shape).mean(axis=(1, 3))
    valid = None
    if source.valid is not None:
        valid = np.asarray(source.valid[:rows, :columns].reshape(shape).all(axis=(1, 3)), dtype=np.bool_)
    return FilmSource(values.astype(np.float32), valid, source.inverted)


def _box(values: Any) -> Box:
    x0, y0, x1, y1 = (float(v) for v in values)
    return x0, y0, x1, y1


def _scaled(box: Box, factor: float) -> Box:
    x0, y0, x1, y1 = box
    return x0 * factor, y0 * factor, x1 * factor, y1 * factor
