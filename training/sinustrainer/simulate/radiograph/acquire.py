"""From a head and its possible diseases to stored projections: the slow half of a film, once per geometry."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.anatomy.boxes import count_of
from sinustrainer.simulate.head import Head
from sinustrainer.simulate.radiograph import labels
from sinustrainer.simulate.radiograph.geometry import FilmGeometry, Positioning, place
from sinustrainer.simulate.radiograph.projections import DiseaseShadow, Projections
from sinustrainer.simulate.radiograph.projector import project_difference, project_hu
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus

FIELD_MM = 270.0
"""Side of the square detector area that is projected: a whole face with room around it."""


@dataclass(frozen=True, slots=True, eq=False)
class PaintedDisease:
    """A disease painted into a head's volume.

    Attributes
    ----------
    side
        None outside the antra.
    subclass
        As Oh 2021 names it; "other" outside the antra.
    where
        Slices (z, y, x) of the box of the head that it changes.
    delta_hu
        ``[z, y, x]`` int16 of that box: diseased minus healthy.
    """

    side: Side | None
    subclass: str
    severity: float
    opacified_fraction: float
    where: tuple[slice, slice, slice]
    delta_hu: npt.NDArray[np.int16]


def film_geometry(head: Head, positioning: Positioning, pixels: int = 512) -> FilmGeometry:
    """The detector of ``FIELD_MM`` for a head in its place."""
    return place(head, positioning, pixels, pixels, FIELD_MM / pixels)


def acquire(
    head: Head,
    geometry: FilmGeometry,
    painted: tuple[PaintedDisease, ...] = (),
    numbers: dict[str, float] | None = None,
) -> Projections:
    """Project the healthy head and what each disease adds, and find where everything lies."""
    healthy = project_hu(head.hu, head.affine, geometry)
    shadows = tuple(shadow_of(head, geometry, disease) for disease in painted)
    boxes, lumens = labels.antra(head, geometry)
    marks = {}
    for name, point in head.landmarks.items():
        column, row = geometry.project_point(np.asarray(point))
        marks[name] = (float(column), float(row))
    voxel_ml = abs(float(np.linalg.det(head.affine[:3, :3]))) / 1000
    found = dict(numbers or {})
    for side in Side:
        found[f"antrum_ml_{side.value}"] = count_of(head.labels, SINUS_CODES[Sinus.MAXILLARY, side]) * voxel_ml
    found["source_detector_mm"] = geometry.source_detector_mm
    return Projections(
        healthy.soft, healthy.bone, geometry.pixel_mm, labels.face_box(head, geometry, boxes), boxes, lumens,
        shadows, marks, found, head.source,
    )  # fmt: skip


def shadow_of(head: Head, geometry: FilmGeometry, disease: PaintedDisease) -> DiseaseShadow:
    """What one disease adds to the film."""
    z, y, x = disease.where
    first = (int(z.start), int(y.start), int(x.start))
    window, added = project_difference(head.hu[disease.where], disease.delta_hu, first, head.affine, geometry)
    return DiseaseShadow(
        disease.side, disease.subclass, disease.severity, disease.opacified_fraction, window, added.soft, added.bone
    )
