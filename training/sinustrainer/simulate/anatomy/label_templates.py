"""Label maps of template heads, from a small table of boxes in millimetres.

The table (``training/recipes/templates/*.toml``) says where each structure surely is; a watershed on the CT numbers, with
constrictions of the air (the ostia) as ridges, finds its edges. Nothing is drawn by hand, so the map can be made again
from the scan at any time, and is kept in a cache under a hash of the scan and of the table.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinusviewer.domain.anatomy import Structure

sitk: Any = SimpleITK  # it carries no types

Labels = npt.NDArray[np.uint8]
Voxels = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]

AIR_BELOW_HU = -350.0
"""Half-way between air and mucosa, a little up: partial volume in 1 mm voxels must not thin the cells."""
BONE_ABOVE_HU = 250.0

SINUS_CODES = tuple(Structure(code) for code in range(1, 11))
ETHMOID_CODES = tuple(Structure(code) for code in range(3, 7))
_BACKGROUND_MARKER = 99


@dataclass(frozen=True, slots=True)
class Box:
    """A box in head coordinates (mm) that holds ``structure``; None stands for background."""

    structure: Structure | None
    x: tuple[float, float]
    y: tuple[float, float]
    z: tuple[float, float]


@dataclass(frozen=True, slots=True)
class NasalSection:
    """A coronal cross-section of the nasal cavity at ``y``: a trapezium, wide at the floor, narrow at the roof (mm)."""

    y: float
    floor_z: float
    roof_z: float
    half_width_floor: float
    half_width_roof: float
    septum_x: float


NASAL_SHOULDER_Z = -10.0
"""Below the shoulder a nasal section keeps its full width; above it narrows to the olfactory cleft (mm)."""


@dataclass(frozen=True, slots=True)
class Orbit:
    """A cone from a globe's centre to the orbital apex (mm)."""

    structure: Structure
    globe: tuple[float, float, float]
    apex: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, slots=True)
class LabelTable:
    """All that is told about one template by hand."""

    markers: tuple[Box, ...]
    limits: tuple[Box, ...]
    """Where a structure may be at all; a structure without a limit may be anywhere."""
    carved: tuple[Box, ...]
    """Soft tissue or fluid in these boxes is lumen too (post-mortem fluid): it is labelled and then emptied."""
    nasal_sections: tuple[NasalSection, ...]
    orbits: tuple[Orbit, ...]
    bones: tuple[Box, ...]
    """Teeth and petrous bones: the bright voxels of these boxes."""
    airless: tuple[Box, ...] = ()
    """Inside these boxes gas is an artefact of death or surgery and becomes tissue."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A regular 1 mm grid: coordinates of voxel centres by axis."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    z: npt.NDArray[np.float64]

    @staticmethod
    def of(shape: tuple[int, ...], affine: npt.NDArray[np.float64]) -> "Grid":
        nz, ny, nx = shape
        return Grid(
            affine[0, 3] + affine[0, 0] * np.arange(nx),
            affine[1, 3] + affine[1, 1] * np.arange(ny),
            affine[2, 3] + affine[2, 2] * np.arange(nz),
        )

    def slices(self, box: Box) -> tuple[slice, slice, slice]:
        def cut(values: npt.NDArray[np.float64], limits: tuple[float, float]) -> slice:
            low, high = np.searchsorted(values, [min(limits) - 1e-6, max(limits) + 1e-6])
            return slice(int(low), int(high))

        return cut(self.z, box.z), cut(self.y, box.y), cut(self.x, box.x)


def head_mask(hu: Voxels) -> Mask:
    """The head without table, headrest and tubes, its cavities filled: the largest body above -300 HU, a voxel or two wide.

    Found on every second voxel: it says what belongs to the head, not where the skin's edge lies.
    """
    body = ndimage.binary_opening(hu[::2, ::2, ::2] > -300, ndimage.generate_binary_structure(3, 1))
    parts, count = ndimage.label(body)
    if count == 0:
        return np.zeros(hu.shape, dtype=bool)
    largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    closed = ndimage.binary_closing(np.pad(parts == largest, 4), iterations=3)[4:-4, 4:-4, 4:-4]
    for z in range(closed.shape[0]):
        closed[z] = ndimage.binary_fill_holes(closed[z])
    closed = ndimage.binary_dilation(closed)
    for axis in range(3):
        closed = np.repeat(closed, 2, axis).take(np.arange(hu.shape[axis]), axis)
    return closed


def label_sinuses(hu: Voxels, inside: Mask, grid: Grid, table: LabelTable) -> tuple[Labels, Mask]:
    """Sinus lumens and nasal air by watershed from the table's markers, within the head (``inside``).

    Returns
    -------
    labels, carved
        Codes 1-11, and the voxels of fluid or soft tissue to be emptied.
    """
    boxes = [*table.markers, *table.limits, *table.carved]
    region = grid.slices(
        Box(
            None,
            (min(b.x[0] for b in boxes) - 6, max(b.x[1] for b in boxes) + 6),
            (min(b.y[0] for b in boxes) - 6, max(b.y[1] for b in boxes) + 6),
            (min(b.z[0] for b in boxes) - 6, max(b.z[1] for b in boxes) + 6),
        )
    )
    part = Grid(grid.x[region[2]], grid.y[region[1]], grid.z[region[0]])
    labels, carved = np.zeros(hu.shape, dtype=np.uint8), np.zeros(hu.shape, dtype=bool)
    labels[region], carved[region] = _label_region(hu[region], inside[region], part, table)
    return labels, carved


def _label_region(hu: Voxels, inside: Mask, grid: Grid, table: LabelTable) -> tuple[Labels, Mask]:
    """``label_sinuses`` on a part of the scan."""
    air = (hu < AIR_BELOW_HU) & inside
    for box in table.airless:
        air[grid.slices(box)] = False
    depth = ndimage.distance_transform_edt(air)
    landscape = np.clip(hu, -1000, 700).astype(np.float32) - 60.0 * np.minimum(depth, 6.0).astype(np.float32)
    markers = np.zeros(hu.shape, dtype=np.uint8)
    markers[~inside] = _BACKGROUND_MARKER
    for box in table.markers:
        where = grid.slices(box)
        if box.structure is None:
            markers[where][~air[where]] = _BACKGROUND_MARKER
        else:
            region = markers[where]
            region[(hu[where] < -600) & (region == 0)] = box.structure
    flooded = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(landscape),
        sitk.GetImageFromArray(markers),
        markWatershedLine=False,
        fullyConnected=False,
    )
    basins: Labels = sitk.GetArrayFromImage(flooded).astype(np.uint8)
    labels = np.where(air & (basins < _BACKGROUND_MARKER), basins, 0).astype(np.uint8)
    carved = np.zeros(hu.shape, dtype=bool)
    for box in table.carved:
        where = grid.slices(box)
        filled = (
            (basins[where] == box.structure) & (labels[where] == 0) & inside[where] & (hu[where] < _carve_below_hu(box))
        )
        # Fat lies outside the bony wall; only next to air, without bone between, may a voxel look like fat (half air).
        soft = hu[where] < BONE_ABOVE_HU
        filled &= (hu[where] > -40) | ndimage.binary_dilation(labels[where] == box.structure, iterations=5, mask=soft)
        # Only bodies of fluid, not the grey rim that every wall has: an opening with a 3 mm cross, grown back.
        filled = ndimage.binary_dilation(ndimage.binary_opening(filled), mask=filled)
        carved[where] |= filled
        labels[where][filled] = box.structure or 0
    for structure in {box.structure for box in table.limits}:
        forbidden = np.ones(hu.shape, dtype=bool)
        for box in table.limits:
            if box.structure == structure:
                forbidden[grid.slices(box)] = False
        labels[(labels == structure) & forbidden] = 0
    for code in SINUS_CODES:
        lumen = labels == code
        # Ethmoid cells stand apart by nature; of any other sinus small parts apart are froth or gas elsewhere.
        labels[_specks(lumen, 40 if code in ETHMOID_CODES else int(0.008 * np.count_nonzero(lumen)) + 40)] = 0
    return labels, carved & (labels > 0)


def _carve_below_hu(box: Box) -> float:
    # Septa between ethmoid cells are thin and grey at 1 mm; a lower limit leaves them standing.
    return 90.0 if box.structure in ETHMOID_CODES else BONE_ABOVE_HU


def _specks(mask: Mask, smallest: int) -> Mask:
    parts, _count = ndimage.label(mask, ndimage.generate_binary_structure(3, 3))
    small: Mask = (np.bincount(parts.ravel()) < smallest)[parts] & mask
    return small


def close_lumens(labels: Labels, hu: Voxels) -> Labels:
    """Each lumen closed over froth, single voxels and thin septa; bone thicker than a septum stays out."""
    result = labels.copy()
    ball = ndimage.iterate_structure(ndimage.generate_binary_structure(3, 1), 2)
    for code in SINUS_CODES:
        span = box_of(labels, code)
        if span is None:
            continue
        z, y, x = (slice(max(s.start - 4, 0), s.stop + 4) for s in span)
        wide = z, y, x
        lumen = ndimage.binary_closing(labels[wide] == code, ball)
        addition = lumen & (result[wide] == 0) & (hu[wide] < (500 if code in ETHMOID_CODES else 100))
        result[wide][addition] = code
    return result


def label_nose(labels: Labels, hu: Voxels, grid: Grid, sections: tuple[NasalSection, ...]) -> None:
    """Write nasal air, septum and turbinates into the labels, inside the sections and outside the sinuses."""
    if not sections:
        return
    at = np.array([s.y for s in sections])

    def along_y(values: list[float]) -> npt.NDArray[np.float64]:
        return np.asarray(np.interp(grid.y, at, values))[None, :, None]

    floor, roof = along_y([s.floor_z for s in sections]), along_y([s.roof_z for s in sections])
    wide, narrow = along_y([s.half_width_floor for s in sections]), along_y([s.half_width_roof for s in sections])
    septum_x = along_y([s.septum_x for s in sections])
    z, x = grid.z[:, None, None], grid.x[None, None, :] - septum_x
    rise = np.clip((z - NASAL_SHOULDER_Z) / np.maximum(roof - NASAL_SHOULDER_Z, 1.0), 0, 1)
    inside = (z > floor) & (z < roof) & (np.abs(x) < wide + (narrow - wide) * rise)
    inside &= ((grid.y >= at.min()) & (grid.y <= at.max()))[None, :, None] & (
        (labels == 0) | (labels == Structure.NASAL_CAVITY)
    )
    tissue = inside & (hu >= AIR_BELOW_HU) & (hu < 400)
    labels[inside & (hu < AIR_BELOW_HU)] = Structure.NASAL_CAVITY
    labels[tissue & (x < 0)] = Structure.RIGHT_TURBINATES
    labels[tissue & (x >= 0)] = Structure.LEFT_TURBINATES
    labels[inside & (hu >= AIR_BELOW_HU) & (np.abs(x) < 2.0)] = Structure.SEPTUM


def label_others(labels: Labels, hu: Voxels, grid: Grid, table: LabelTable) -> None:
    """Write orbits, teeth and petrous bones into the labels where nothing stands yet."""
    z, y, x = grid.z[:, None, None], grid.y[None, :, None], grid.x[None, None, :]
    for orbit in table.orbits:
        start, end = np.asarray(orbit.globe), np.asarray(orbit.apex)
        axis = end - start
        along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1] + (z - start[2]) * axis[2]) / float(axis @ axis)
        t = np.clip(along, 0, 1)
        distance2 = (
            (x - start[0] - t * axis[0]) ** 2 + (y - start[1] - t * axis[1]) ** 2 + (z - start[2] - t * axis[2]) ** 2
        )
        cone = (distance2 < (orbit.radius * (1 - 0.75 * t)) ** 2) & (hu < 200) & (hu > -250) & (labels == 0)
        parts, count = ndimage.label(ndimage.binary_opening(cone))
        if count:
            labels[parts == int(np.argmax(np.bincount(parts.ravel())[1:])) + 1] = orbit.structure
    for box in table.bones:
        where = grid.slices(box)
        bright = hu[where] > (1300 if box.structure is Structure.TEETH else 300)
        if box.structure is Structure.TEETH:  # a sheet of the jaw's cortex is as bright, but thinner than a tooth
            bright = ndimage.binary_dilation(ndimage.binary_opening(bright), mask=bright)
        labels[where][bright & (labels[where] == 0)] = box.structure or 0
