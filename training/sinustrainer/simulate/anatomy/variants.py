"""Variants of normal anatomy that readers know and networks must: aerated turbinates, extra cells and septa, roots, teeth.

How often: concha bullosa 41 %, Haller cell 5-25 % by series, septa and roots in the antral floor common (simulation facts).
Each function changes the arrays of a new head in place, inside a small box.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.disease.noise import smooth_noise
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure

AIR_HU, WALL_HU, JAW_HU, ROOT_HU, CROWN_HU = -980.0, 420.0, 330.0, 1250.0, 1350.0
"""CROWN_HU: the thin shell of a crown that is still forming, where it shares its millimetre with soft tissue."""
Field = npt.NDArray[np.float32]


def add_variants(head: Head, age: float, rng: np.random.Generator) -> None:
    """Draw and add variants to both sides, each side by itself."""
    for side in Side:
        for chance, add in (
            (0.30, add_concha_bullosa),
            (0.12, add_haller_cell),
            (0.35, add_antral_septum),
            (0.30 if age > 12 else 0.0, add_dental_roots),
            (1.0 if 2 < age < 11 else 0.0, add_tooth_buds),
            (float(np.interp(age, (3, 6, 16, 20, 30), (0.0, 0.9, 0.8, 0.4, 0.1))), add_unerupted_molar),
        ):
            if rng.random() < chance:
                add(head, side, rng)
    lost = float(np.interp(age, (20, 45, 70, 90), (0.0, 0.05, 0.25, 0.4)))
    if rng.random() < 0.5:
        lose_teeth(head, lost * float(rng.uniform(0, 2)), rng)


def add_concha_bullosa(head: Head, side: Side, rng: np.random.Generator) -> None:
    """An air cell inside the middle turbinate."""
    turbinate = Structure.RIGHT_TURBINATES if side is Side.RIGHT else Structure.LEFT_TURBINATES
    found = box_of(head.labels, turbinate)
    if found is None:
        return
    inside = head.labels[found] == turbinate
    z = head.affine[2, 3] + head.affine[2, 2] * np.arange(found[0].start, found[0].stop)
    middle = inside & (np.abs(z - _middle_turbinate_z(head)) < 5)[:, None, None]
    depth = ndimage.distance_transform_edt(inside, head.spacing) * middle
    if depth.max() < 1.8:
        return
    seat = np.array(np.unravel_index(int(np.argmax(depth)), depth.shape)) + [s.start for s in found]
    half = np.array([rng.uniform(2.5, 4.5), rng.uniform(4, 8), min(float(depth.max()) + 0.6, 3.5)])
    _ball(head, seat, half, wall=True, keep=_nose_only, label=Structure.NASAL_CAVITY)


def add_haller_cell(head: Head, side: Side, rng: np.random.Generator) -> None:
    """An infraorbital ethmoid cell: a thin-walled ball in the antrum's upper, inner corner, given to the ethmoid."""
    antrum = SINUS_CODES[Sinus.MAXILLARY, side]
    found = box_of(head.labels, antrum)
    if found is None:
        return
    inside = head.labels[found] == antrum
    places = np.argwhere(inside)
    inwards = 1.0 if side is Side.RIGHT else -1.0  # towards the midline along x
    order = places[:, 0] / inside.shape[0] + 0.8 * inwards * places[:, 2] / inside.shape[2]
    best = places[order > np.quantile(order, 0.93)]
    seat = np.median(best, axis=0) + [s.start for s in found]
    radius = float(rng.uniform(4.0, 7.0))
    if inside.sum() * float(np.prod(head.spacing)) < 12 * radius**3:
        return
    _ball(
        head, seat, np.full(3, radius), wall=True, keep=_only(antrum), label=SINUS_CODES[Sinus.ANTERIOR_ETHMOID, side]
    )


def add_antral_septum(head: Head, side: Side, rng: np.random.Generator) -> None:
    """A thin bony septum rising from the antrum's floor, complete or (more often) not."""
    antrum = SINUS_CODES[Sinus.MAXILLARY, side]
    found = box_of(head.labels, antrum)
    if found is None:
        return
    z, y, x = _millimetres(head, found)
    low, high = float(z.min()), float(z.max())
    turn = float(rng.uniform(-0.8, 0.8))
    at = float(rng.uniform(np.quantile(y, 0.3), np.quantile(y, 0.7)))
    bend = 1.5 * smooth_noise(head.labels[found].shape, 9.0, head.spacing, rng)
    distance = np.abs((y - at) * np.cos(turn) + (x - x.mean()) * np.sin(turn) + bend)
    top = low + (high - low) * float(rng.uniform(0.2, 0.5) if rng.random() < 0.75 else 1.1)
    thickness = float(rng.uniform(0.6, 1.4))
    cover = np.clip(0.5 + (thickness / 2 - distance) / max(head.spacing), 0, 1) * np.clip((top - z) / 3.0, 0, 1)
    _mix(head, found, cover.astype(np.float32) * (head.labels[found] == antrum), WALL_HU + 200)


def add_dental_roots(head: Head, side: Side, rng: np.random.Generator) -> None:
    """Roots of the molars standing up into the antral floor."""
    antrum = SINUS_CODES[Sinus.MAXILLARY, side]
    found = box_of(head.labels, antrum)
    if found is None:
        return
    floor = np.argwhere(head.labels[found] == antrum)
    lowest = floor[floor[:, 0] <= np.quantile(floor[:, 0], 0.06)]
    for _ in range(int(rng.integers(1, 4))):
        seat = lowest[int(rng.integers(len(lowest)))] + [s.start for s in found]
        tip = seat + np.array([rng.uniform(2, 6), rng.normal(0, 1), rng.normal(0, 1)]) / head.spacing
        _rod(head, seat - np.array([3.0, 0, 0]) / head.spacing, tip, 2.2, 0.8, ROOT_HU)


def add_tooth_buds(head: Head, side: Side, rng: np.random.Generator) -> None:
    """Crowns of unerupted permanent teeth in the bone below a child's antrum."""
    antrum = SINUS_CODES[Sinus.MAXILLARY, side]
    found = box_of(head.labels, antrum)
    if found is None:
        return
    z, y, x = (np.asarray(axis).ravel() for axis in _millimetres(head, found))
    inwards = 1.0 if side is Side.RIGHT else -1.0
    seats = []
    for k in range(int(rng.integers(3, 5))):
        along = 0.05 + 0.25 * k
        # The row curves inwards in front: a bud below the front of the antrum lies half as far out as the antrum's middle.
        place = np.array(
            [
                z.min() - rng.uniform(3, 8),
                y.min() + along * (y.max() - y.min()) + rng.normal(0, 1),
                x.mean() + inwards * (abs(x.mean()) * 0.45 * (1 - along) + rng.uniform(-1, 2)),
            ]
        )
        seat = (place - head.affine[[2, 1, 0], 3]) / np.diag(head.affine)[[2, 1, 0]]
        half = np.array([rng.uniform(3.5, 5), rng.uniform(3, 4.2), rng.uniform(3, 4.2)])
        seats.append((seat, half, rng.uniform(-0.4, 1.0)))
    for seat, half, _ in seats:  # one ridge of bone around all of them
        _ball(head, seat, half + 2.6, wall=False, keep=_tissue, label=None, hu=JAW_HU)
    for seat, half, tip in seats:
        _ball(head, seat, half + 1.3, wall=False, keep=_tissue, label=None, hu=60.0)
        _ball(head, seat, half, wall=False, keep=_tissue, label=Structure.TEETH, hu=CROWN_HU)
        # A crown is a cap that is open towards its root, not a ball with a hole in its middle.
        pulp = seat + np.array([0.5 * half[0], 0.3 * tip, inwards * 0.3 * tip]) / head.spacing
        _ball(head, pulp, half - 1.2, wall=False, keep=_tissue, label=Structure.TEETH, hu=220.0)


def add_unerupted_molar(head: Head, side: Side, rng: np.random.Generator) -> None:
    """A molar still in the tuberosity, behind and below the antrum: on a film it lies over the antrum's outer corner."""
    antrum = SINUS_CODES[Sinus.MAXILLARY, side]
    found = box_of(head.labels, antrum)
    if found is None:
        return
    z, y, x = (np.asarray(axis).ravel() for axis in _millimetres(head, found))
    outwards = -1.0 if side is Side.RIGHT else 1.0
    place = np.array(
        [z.min() - rng.uniform(1, 6), y.max() + rng.uniform(-4, 3), x.mean() + outwards * rng.uniform(-2, 4)]
    )
    seat = (place - head.affine[[2, 1, 0], 3]) / np.diag(head.affine)[[2, 1, 0]]
    half = np.array([rng.uniform(3.2, 4.5), rng.uniform(4, 5), rng.uniform(4, 5)])
    _ball(head, seat, half + 2.4, wall=False, keep=_tissue, label=None, hu=480.0)  # the tuberosity's bone
    _ball(head, seat, half + 1.2, wall=False, keep=_tissue, label=None, hu=60.0)  # the follicle
    _ball(head, seat, half, wall=False, keep=_tissue, label=Structure.TEETH, hu=CROWN_HU)
    _ball(head, seat + np.array([1.0, 0, 0]), half - 1.3, wall=False, keep=_tissue, label=Structure.TEETH, hu=650.0)


def lose_teeth(head: Head, share: float, rng: np.random.Generator) -> None:
    """Take out a share of the teeth, crown and root: sectors of the dental arch as wide as a tooth become soft tissue."""
    found = box_of(head.labels, Structure.TEETH)
    if found is None or share <= 0:
        return
    _z, y, x = _millimetres(head, found)
    back = float(y.max())
    arc = np.arctan2(x - float(x.mean()), back + 1.0 - y) * 28.0  # mm along an arch of that radius
    tooth = np.floor(arc / 7.5 + float(rng.uniform(0, 1))).astype(int)
    lost = rng.random(tooth.max() - tooth.min() + 1) < share
    gone = lost[tooth - tooth.min()] & ((head.hu[found] > 450) | (head.labels[found] == Structure.TEETH))
    gone &= ndimage.binary_dilation(head.labels[found] == Structure.TEETH, iterations=2)
    head.hu[found][gone] = np.round(60 + 15 * rng.standard_normal(np.count_nonzero(gone))).astype(np.int16)
    head.labels[found][gone & (head.labels[found] == Structure.TEETH)] = Structure.BACKGROUND


Keep = Callable[[npt.NDArray[np.int16], npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]


def _only(structure: Structure) -> Keep:
    return lambda _hu, labels: labels == structure


def _nose_only(_hu: npt.NDArray[np.int16], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((labels == Structure.NASAL_CAVITY) | (labels >= Structure.RIGHT_TURBINATES))


def _tissue(hu: npt.NDArray[np.int16], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((hu > -200) & ((labels == 0) | (labels == Structure.TEETH)))


def _ball(
    head: Head,
    seat: npt.NDArray[np.float64],
    half_mm: npt.NDArray[np.float64],
    *,
    wall: bool,
    keep: Keep,
    label: Structure | None,
    hu: float = AIR_HU,
) -> None:
    """An ellipsoid about ``seat`` (index z, y, x), with a bony wall of about a millimetre if asked for."""
    spacing = np.asarray(head.spacing)
    reach = np.ceil((half_mm + 2) / spacing).astype(int)
    middle = np.round(seat).astype(int)
    z, y, x = (
        slice(max(int(m - r), 0), min(int(m + r + 1), n)) for m, r, n in zip(middle, reach, head.hu.shape, strict=True)
    )
    box = z, y, x
    axes = np.ogrid[z, y, x]
    radius = np.sqrt(sum(((a - s) * step / h) ** 2 for a, s, step, h in zip(axes, seat, spacing, half_mm, strict=True)))
    distance = (radius - 1) * float(half_mm.min())
    allowed = keep(head.hu[box], head.labels[box])
    cover = np.clip(0.5 - distance / max(head.spacing), 0, 1) * allowed
    if wall:
        rim = np.clip(0.5 + (0.5 - np.abs(distance - 0.5)) / max(head.spacing), 0, 1) * allowed
        _mix(head, box, rim.astype(np.float32), WALL_HU)
    _mix(head, box, cover.astype(np.float32), hu)
    if label is not None:
        head.labels[box][cover > 0.5] = label


def _rod(
    head: Head,
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    start_mm: float,
    end_mm: float,
    hu: float,
) -> None:
    spacing = np.asarray(head.spacing)
    low = np.floor(np.minimum(start, end) - 4 / spacing).astype(int)
    high = np.ceil(np.maximum(start, end) + 4 / spacing).astype(int)
    z, y, x = (slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, head.hu.shape, strict=True))
    axes = np.ogrid[z, y, x]
    along = (end - start) * spacing
    offset = [(a - s) * step for a, s, step in zip(axes, start, spacing, strict=True)]
    t = np.clip(sum(o * v for o, v in zip(offset, along, strict=True)) / float(along @ along), 0, 1)
    gap = np.sqrt(sum((o - t * v) ** 2 for o, v in zip(offset, along, strict=True)))
    cover = np.clip(0.5 + (start_mm + (end_mm - start_mm) * t - gap) / max(head.spacing), 0, 1)
    _mix(head, (z, y, x), cover.astype(np.float32), hu)


def _mix(head: Head, box: tuple[slice, slice, slice], cover: Field, hu: float) -> None:
    here = head.hu[box].astype(np.float32)
    head.hu[box] = np.round(here + cover * (hu - here)).astype(np.int16)


def _millimetres(head: Head, box: tuple[slice, slice, slice]) -> list[npt.NDArray[np.float64]]:
    """Coordinates z, y, x (mm) of a box's voxels, broadcastable."""
    axes = np.ogrid[box]
    return [head.affine[i, 3] + head.affine[i, i] * axis for i, axis in zip((2, 1, 0), axes, strict=True)]


def _middle_turbinate_z(head: Head) -> float:
    """A third of the way from the orbit's lower rim up to its middle: where the middle turbinate's body lies."""
    if "orbitale_right" not in head.landmarks:
        return -12.0
    rim = (head.landmarks["orbitale_right"][2] + head.landmarks["orbitale_left"][2]) / 2
    return 0.65 * rim
