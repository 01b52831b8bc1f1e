"""Batches of films for the two Waters detectors. A batch is a function of the step alone, so a resumed run sees the same."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sinustrainer.data.film_augmentation import (
    FilmAugmentation,
    FilmImage,
    apply_grey,
    canvas_motion,
    draw_augmentation,
    move_boxes,
)
from sinustrainer.data.film_sources import Films, LabelledFilm
from sinusviewer.imaging.preprocess import (
    Box,
    FilmPreprocessing,
    Placement,
    place_patch,
    place_whole,
    sample,
    to_unit,
)

Batch = dict[str, npt.NDArray[Any]]
Stage = Literal["patch", "antra"]
MOST_BOXES = 2


@dataclass(frozen=True, slots=True)
class PatchJitter:
    """How training crops differ from the labelled face box: the first stage is never exact.

    Attributes
    ----------
    shift
        Either way and direction, as a share of the square's side (0.08 of 125 mm is 10 mm).
    scale
        Side of the square over that of the labelled one.
    """

    shift: float = 0.08
    scale: tuple[float, float] = (0.85, 1.25)


def jittered(face_box: Box, jitter: PatchJitter, rng: np.random.Generator) -> Box:
    """A square near the face box, as a first stage might give it."""
    x0, y0, x1, y1 = face_box
    side = max(x1 - x0, y1 - y0)
    dx, dy = rng.uniform(-jitter.shift, jitter.shift, size=2) * side
    half = side / 2 * float(np.exp(rng.uniform(*np.log(jitter.scale))))
    cx, cy = (x0 + x1) / 2 + dx, (y0 + y1) / 2 + dy
    return cx - half, cy - half, cx + half, cy + half


@dataclass(frozen=True)
class FilmBatches:
    """Training batches by step number; plain data, so that a spawned worker can hold it.

    ``labels`` empty: stage "patch", one class. Otherwise a box per antrum with the class of its subclass; an antrum whose
    class is not among ``labels`` (normal ones, in the published variant) gets no box.
    """

    films: Films
    stage: Stage
    preprocessing: FilmPreprocessing
    augmentation: FilmAugmentation
    batch: int
    seed: int
    labels: tuple[str, ...] = ()
    one_class: bool = False
    jitter: PatchJitter = PatchJitter()
    sizes: tuple[int, ...] = ()
    """Multi-scale training (YOLOv2): canvas sides, drawn anew every ten steps."""

    def __call__(self, step: int) -> Batch:
        size = self._size(step)
        rows = [self._one(step * self.batch + i, size) for i in range(self.batch)]
        return {
            "image": np.stack([r[0] for r in rows]),
            "boxes": np.stack([r[1] for r in rows]),
            "labels": np.stack([r[2] for r in rows]),
        }

    def _size(self, step: int) -> int:
        if not self.sizes:
            return self.preprocessing.size
        return int(np.random.default_rng([self.seed, 7, step // 10]).choice(self.sizes))

    def _one(self, number: int, size: int) -> tuple[FilmImage, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        epoch, place = divmod(number, len(self.films))
        case = int(np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.films))[place])
        rng = np.random.default_rng([self.seed, 2, number])
        film = self.films.film(case, rng)
        if self.stage == "patch":
            placement = place_whole((film.source.values.shape[0], film.source.values.shape[1]), size)
        else:
            placement = place_patch(jittered(film.face_box, self.jitter, rng), size, self.preprocessing.margin)
        settings = replace(self.preprocessing, size=size)
        image, to_canvas = render(film, placement, settings, self.augmentation, rng)
        boxes, labels = self._targets(film)
        padded = np.zeros((MOST_BOXES, 4), dtype=np.float32)
        classes = np.full(MOST_BOXES, -1, dtype=np.int64)
        for i, (box, label) in enumerate(zip(move_boxes(boxes, to_canvas) / size, labels, strict=True)):
            center = (box[:2] + box[2:]) / 2
            if i < MOST_BOXES and (center > 0).all() and (center < 1).all():
                padded[i], classes[i] = box, label
        return image[None], padded, classes

    def _targets(self, film: LabelledFilm) -> tuple[list[Box], list[int]]:
        if self.stage == "patch":
            return [film.face_box], [0]
        boxes: list[Box] = []
        labels: list[int] = []
        for antrum in film.antra:
            name = "normal" if not antrum.diseased else antrum.subclass
            if self.one_class and antrum.diseased:
                name = self.labels[0]
            if name in self.labels:
                boxes.append(antrum.xyxy)
                labels.append(self.labels.index(name))
        return boxes, labels


def render(
    film: LabelledFilm,
    placement: Placement,
    settings: FilmPreprocessing,
    augmentation: FilmAugmentation,
    rng: np.random.Generator,
) -> tuple[FilmImage, npt.NDArray[np.float64]]:
    """An augmented canvas 0-1, and the 3 x 3 map from image to canvas for its boxes."""
    drawn = draw_augmentation(augmentation, rng)
    to_image = np.eye(3)
    to_image[:2] = placement.canvas_to_image
    to_image = to_image @ canvas_motion(drawn, placement.size)
    values, valid = sample(film.source, to_image[:2], placement.size)
    unit = to_unit(values, valid, film.source.inverted, settings)
    to_canvas = np.linalg.inv(to_image).astype(np.float64)
    return apply_grey(unit, drawn), to_canvas
