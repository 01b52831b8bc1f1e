"""Bones of the face, teeth and the inside of the nose."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from sinustrainer.simulate.anatomy.parametric.canvas import (
    Axes,
    Canvas,
    Field,
    Shape,
    block,
    capsule,
    ellipsoid,
    grown,
    half_spaces,
    intersection,
    shell,
    smooth_max,
    union,
)
from sinustrainer.simulate.anatomy.parametric.person import Person
from sinustrainer.simulate.anatomy.parametric.soft import orbit_cavity
from sinusviewer.domain.anatomy import Structure

_SIDES = ((-1.0, "RIGHT"), (1.0, "LEFT"))
_UPPER_NECK_MM, _LOWER_NECK_MM = 18.0, 36.0
"""From the palate down to where the crowns of the upper and the lower teeth meet their roots."""
_ROOT_HU, _ENAMEL_HU, _DENTIN_HU = 800.0, 1600.0, 850.0
"""As a millimetre voxel shows them: enamel and roots share theirs with softer neighbours."""


def paint_facial_bones(canvas: Canvas, person: Person) -> None:
    """Maxilla with alveolar arch, zygoma and its arch, orbital walls and rims, nasal bones, hard palate."""
    bone, p = person.bone_hu, person.palate_z
    whole = canvas
    for side, _name in _SIDES:
        canvas = whole.moved(person.lopsided.shift(person.lopsided.face, side))
        cavity = orbit_cavity(person, side)
        low, high = (min(side * 2, side * 66), -86.0, -30.0), (max(side * 2, side * 66), -28.0, 30.0)
        canvas.fill(shell(cavity, 0.7), low, (high[0], -40.0, high[2]), bone * 0.6, bumps_mm=0.3)
        d = person.eye_distance
        rim = [
            (d - 16, -84.0, 8.0),
            (d - 3, -84.0, 21.0),
            (d + 14, -76.0, 14.0),
            (d + 19, -66.0, 0.0),
            (d + 13, -72.0, -15.0),
            (d - 3, -80.0, -21.0),
            (d - 15, -86.0, -14.0),
        ]
        radii = (3.0, 4.5, 4.5, 4.0, 4.5, 3.5, 3.0, 3.0)
        smooth = _smooth_path(rim, radii[: len(rim)])
        parts = [
            capsule((side * a[0], a[1], a[2]), (side * b[0], b[1], b[2]), a[3], b[3])
            for a, b in itertools.pairwise(smooth)
        ]
        zygoma = [
            capsule((side * 39, -73, -23), (side * 48, -66, -22), 4.2, 5.0, (1, 1, 0.36)),
            capsule((side * 48, -66, -22), (side * 56, -57, -19), 5.0, 4.0, (1, 1, 0.45)),
            capsule((side * 47, -66, -26), (side * 40, -66, -36), 4.5, 3.5),
            capsule((side * 54, -60, -20), (side * 65, -38, -14), 4.5, 2.8, (1.5, 1, 0.6)),
            capsule((side * 65, -38, -14), (side * 65, -6, -5), 2.6, 3.5, (1.4, 1, 0.6)),
            capsule((side * 42, -68, -26), (side * 34, -64, -42), 4.5, 3.5),
        ]
        _solid(canvas, union(*parts, softness=3), (-74, -96, -40), (74, -4, 34), bone, 0.5)
        _solid(canvas, union(*zygoma, softness=4), (-74, -92, -54), (74, 4, -2), bone, 0.46)
        for a, b, flat in (((25, -38, -2), (47, -56, 0), 0.2), ((24, -40, -12), (39, -50, -13), 0.4)):
            # Orbit's outer wall, and the side of the maxilla below it.
            wall = capsule((side * a[0], a[1], a[2]), (side * b[0], b[1], b[2]), 1.7, 2.2, (1, 1, flat))
            canvas.fill(wall, (-62, -72, -32), (62, -24, 18), bone * 0.6, bumps_mm=0.6)
        # Front and side of the maxilla; the antrum is hollowed out of it later and brings its own thin wall.
        frontal_process = capsule((side * 9, -90, -2), (side * 16, -83.5, -29), 2.2, 2.4, (0.6, 1, 1))
        canvas.fill(frontal_process, (-24, -98, -40), (24, -74, 8), bone * 0.85)
        bridge = capsule((side * 4.5, -95, 2), (side * 15, -87, -6), 1.9, 2.2, (1, 1, 0.35))
        canvas.fill(bridge, (-22, -102, -20), (22, -78, 14), bone * 0.75)
        tip = 0.6 * person.lopsided.nose_tip_mm
        nasal = capsule((side * 2.4, -95, 5), (side * 3.2 + tip, -104.5, -15), 1.8, 1.0, (0.5, 1.1, 1))
        canvas.fill(nasal, (-12, -112, -24), (12, -86, 12), bone * 0.8, bumps_mm=0.4)
    canvas = whole
    arch = _alveolar_arch(p)
    _solid(canvas, arch, (-42, -96, p - 20), (42, -28, p + 6), bone * 0.62, 0.25)
    outline = ellipsoid((0, -54, p), (24, 31, 30))

    def palate(axes: Axes) -> Field:
        return np.maximum(outline(axes), np.asarray(np.abs(axes[2] - palate_height(p, axes)) - 1.3, dtype=np.float32))

    canvas.fill(palate, (-26, -88, p - 6), (26, -34, p + 6), bone * 0.7, bumps_mm=0.4)
    canvas.fill(capsule((0, -84, p), (0, -89, p - 1), 2.5, 1.2), (-6, -94, p - 6), (6, -78, p + 6), bone)
    nasion = ellipsoid((0, -92, 7), (9, 5, 6))
    _solid(canvas, nasion, (-14, -102, -6), (14, -80, 18), bone, 0.36)


def palate_height(p: float, axes: Axes) -> Field:
    """Height of the hard palate: it sinks forwards, and is vaulted across."""
    return np.asarray(p + 0.07 * (axes[1] + 62) + 0.8 - 2.0 * (axes[0] / 20) ** 2, dtype=np.float32)


def _smooth_path(
    points: list[tuple[float, float, float]], radii: tuple[float, ...]
) -> list[tuple[float, float, float, float]]:
    """(x, y, z, radius) along a curve through the points: a rim has no corners."""
    known = np.column_stack([np.asarray(points), np.asarray(radii)])
    curve = CubicSpline(np.arange(len(known)), known)(np.linspace(0, len(known) - 1, 3 * len(known) - 2))
    return [(float(x), float(y), float(z), float(r)) for x, y, z, r in curve]


def _alveolar_arch(p: float) -> Shape:
    points = [(0.0, -82.5), (11.0, -80.5), (19.5, -72.5), (24.5, -59.0), (28.0, -39.0)]
    parts: list[Shape] = []
    for side, _name in _SIDES:
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            parts.append(capsule((side * x0, y0, p - 8), (side * x1, y1, p - 8), 7, 7, (1.5, 1.5, 0.75)))
    return union(*parts, softness=3)


def _solid(
    canvas: Canvas, shape: Shape, low: tuple[float, ...], high: tuple[float, ...], bone: float, inner: float
) -> None:
    """Bone with a cortex of 1.3 mm; ``inner`` is the brightness of the rest."""
    canvas.fill_bone(shape, low, high, bone, bone * inner, texture=110 * inner, thickness_mm=1.3, bumps_mm=0.5)


def paint_teeth(canvas: Canvas, person: Person) -> None:
    """The teeth of that age: milk teeth, buds of those to come, permanent ones as they erupt; some missing."""
    for jaw, (z, step) in enumerate(
        ((person.palate_z - _UPPER_NECK_MM, 1.0), (person.palate_z - _LOWER_NECK_MM, -1.0))
    ):
        for side_index, (side, _name) in enumerate(_SIDES):
            for k, erupts in enumerate(_ERUPTION_YEARS):
                x, y = _tooth_place(k, jaw)
                number = jaw * 16 + side_index * 8 + k
                aside, ahead, down = person.lopsided.teeth[number]
                place = (side * x + aside, y + ahead)
                if person.age >= erupts:
                    if number not in person.missing_teeth:
                        _paint_tooth(canvas, place, z + down, step, _PERMANENT[k], molar=k >= _MOLARS_FROM)
                    continue
                if person.age >= _BUD_YEARS[k]:
                    milk = k < _MOLARS_FROM
                    _paint_bud(canvas, side * x, y + milk, z + step * ((15 if milk else 8) - 2 * (k % 3)))
                if k < _MOLARS_FROM and person.age >= _MILK_YEARS[k]:
                    _paint_tooth(canvas, place, z, step, _MILK[k], molar=k >= _MILK_MOLARS_FROM)


def _tooth_place(k: int, jaw: int) -> tuple[float, float]:
    """|x| and y of a tooth, from the middle incisor backwards; the lower arch stands a little inside the upper."""
    x, y = _ARCH_MM[k]
    inner = 1.0 if jaw == 0 else 2.0
    return x - inner * x / 28.0, -85.0 + inner + y


@dataclass(frozen=True, slots=True)
class _ToothSize:
    """Half width of the crown, half its height and the length of the root (mm)."""

    half: float
    tall: float
    root: float


_ARCH_MM = ((4.2, 0.0), (10.8, 1.6), (16.4, 5.5), (20.2, 11.5), (23.0, 18.0), (25.6, 26.0), (27.8, 35.5), (29.2, 44.5))
"""Tooth by tooth: from the middle plane, and behind the front of the arch."""
_MOLARS_FROM, _MILK_MOLARS_FROM = 5, 3
_ERUPTION_YEARS = (7.0, 8.0, 11.0, 10.5, 11.5, 6.0, 12.0, 19.0)
_BUD_YEARS = (0.5, 0.5, 0.5, 2.0, 2.5, 0.0, 3.0, 9.0)
"""From when on a permanent tooth's crown holds enough lime to be seen."""
_MILK_YEARS = (0.7, 0.9, 1.6, 1.3, 2.3)
_PERMANENT = (*((_ToothSize(3.2, 3.6, 12.0),) * 5), *((_ToothSize(4.5, 3.4, 11.0),) * 3))
_MILK = (*((_ToothSize(2.5, 2.5, 8.0),) * 3), *((_ToothSize(3.7, 2.5, 7.0),) * 2))


def _paint_tooth(
    canvas: Canvas, place: tuple[float, float], z: float, step: float, size: _ToothSize, *, molar: bool
) -> None:
    x, y = place
    half, tall = size.half, size.tall
    low, high = (x - 9, y - 9, z - 22), (x + 9, y + 9, z + 22)
    tops = ((-2.2, 0.0), (2.2, 1.0), (1.0, -2.2)) if molar else ((0.0, 0.0),)
    thick = 0.46 * half if molar else 0.62 * half
    roots = [
        capsule((x + dx * 0.6, y + dy * 0.6, z), (x + dx, y + dy, z + step * size.root), thick, 0.9) for dx, dy in tops
    ]
    canvas.fill(union(*roots, softness=1), low, high, _ROOT_HU, label=Structure.TEETH)
    crown = block((x, y, z - step * tall), (half, half * 0.95, tall), 1.8)
    canvas.fill(crown, low, high, _ENAMEL_HU, label=Structure.TEETH)
    core = block((x, y, z - step * 0.65 * tall), (half - 1.1, half * 0.95 - 1.1, 0.8 * tall), 1)
    canvas.fill(core, low, high, _DENTIN_HU)
    canvas.fill(capsule((x, y, z - step), (x, y, z + step * 0.65 * size.root), 0.8, 0.5), low, high, 250)


def _paint_bud(canvas: Canvas, x: float, y: float, z: float) -> None:
    low, high = (x - 8, y - 8, z - 8), (x + 8, y + 8, z + 8)
    canvas.fill(ellipsoid((x, y, z), (5, 5, 5.5)), low, high, 60)  # follicle
    canvas.fill(ellipsoid((x, y, z), (3.6, 3.6, 4.2)), low, high, 1350, label=Structure.TEETH)
    canvas.fill(ellipsoid((x, y, z + 0.8), (2.4, 2.4, 3.0)), low, high, 220)


def nose_cavity(person: Person) -> Shape:
    """The inside of the nose: wide over the palate, narrow under the cribriform plate."""
    w, p = person.nose_half_width, person.palate_z

    def distance(axes: Axes) -> Field:
        x, y, z = axes
        roof = np.interp(y, (-92, -84, -72, -62, -50, -38, -30), (-16, -4, 9, 10, 8, -8, -12)).astype(np.float32)
        rise = np.clip((z + 12) / np.maximum(roof + 12, 4), 0, 1)
        front = np.interp(y, (-92, -84, -74, -40, -30), (0.5, 0.75, 1, 1, 0.8)).astype(np.float32)
        half = (w + (3.6 - w) * rise**0.7) * front
        d = smooth_max(
            np.asarray(np.abs(x) - half, dtype=np.float32), np.asarray(z - roof + 0 * x, dtype=np.float32), 4
        )
        d = smooth_max(d, palate_height(p, axes) + np.float32(1.9) - z, 4)
        return smooth_max(d, np.asarray(np.abs(y + 60) - 30 + 0 * x, dtype=np.float32), 3)

    return distance


def paint_nose(canvas: Canvas, person: Person) -> None:
    """Air, lateral walls, septum (bone behind, cartilage in front) and turbinates; labels 11, 25, 26, 27."""
    bone, w, p = person.bone_hu, person.nose_half_width, person.palate_z
    low, high = (-24.0, -96.0, p - 4), (24.0, -24.0, 16.0)
    cavity = nose_cavity(person)
    canvas.fill(shell(cavity, 1.6), (low[0], -86.0, low[2]), (high[0], -36.0, -10.0), bone * 0.6, bumps_mm=0.4)
    canvas.fill(shell(cavity, 0.7), (low[0], -86.0, -10.0), (high[0], -36.0, high[2]), bone * 0.5)
    canvas.fill(cavity, low, high, -990, label=Structure.NASAL_CAVITY)
    for side, name in _SIDES:
        tip = person.lopsided.nose_tip_mm
        vestibule = capsule((side * 5, -90, -36), (side * 5.5 + tip, -106, -37), 4.5, 3.5, (1.2, 1, 0.6))
        canvas.fill(vestibule, (-14, -118, -48), (14, -84, -24), -990, label=Structure.NASAL_CAVITY)
        label = Structure[f"{name}_TURBINATES"]
        # The turbinates of the side that the septum leaves grow into the room it makes.
        t = person.turbinate_size * person.lopsided.turbinate[int(side > 0)]
        t *= 1 - 0.16 * side * float(np.clip(person.septum_bend_mm / 3, -1, 1))
        inferior = capsule(
            (side * (w - 5.6), -83, p + 11), (side * (w - 5.4), -38, p + 10), 5.4 * t, 5.6 * t, (1.15, 1, 0.6)
        )
        middle = capsule((side * 6.4, -75, -11), (side * 7.0, -41, -15), 3.3 * t, 3.9 * t, (1.05, 1, 0.5))
        lamella = capsule((side * 4.4, -70, -8), (side * 4.6, -50, 9), 1.2, 0.9, (1, 0.4, 0.4))
        superior = capsule((side * 4.8, -55, 0), (side * 5, -42, -3), 1.4, 1.6, (1, 1, 0.6))
        for turbinate in (inferior, middle, superior):
            canvas.fill(turbinate, low, high, 52, texture=8, bumps_mm=1.5, label=label)
        stem = capsule((side * (w - 5), -80, p + 14), (side * (w + 1), -44, p + 16), 1.6, 1.6, (0.6, 0.3, 1))
        canvas.fill(stem, low, high, 55, label=label)
        canvas.fill(
            capsule((side * (w - 4.5), -80, p + 13), (side * (w - 4.5), -42, p + 12), 0.9, 0.9, (1, 1, 0.3)),
            low,
            high,
            380,
        )
        canvas.fill(capsule((side * 5.6, -72, -7), (side * 6, -44, -12), 0.7, 0.7, (1, 1, 0.25)), low, high, 350)
        canvas.fill(lamella, low, high, 220, label=label, bumps_mm=0.8)
    inside = (-14.0, -93.0, p + 1), (14.0, -32.0, 14.0)
    canvas.fill(
        intersection(_septum(person, 1.6), grown(cavity, 1.0)), *inside, 50, label=Structure.SEPTUM, bumps_mm=0.5
    )
    canvas.fill(
        intersection(_septum(person, 0.5), grown(cavity, 1.0)),
        (-14, -78, p + 1),
        (14, -32, 14),
        190,
        texture=70,
        bumps_mm=0.3,
    )
    tip = person.lopsided.nose_tip_mm
    cartilage = capsule((0, -92, -26), (0.9 * tip, -106, -30), 1.6, 1.6, (1, 1, 0.2))
    canvas.fill(cartilage, (-6, -112, -44), (6, -86, -14), 70, label=Structure.SEPTUM)


def _septum(person: Person, half_mm: float) -> Shape:
    def distance(axes: Axes) -> Field:
        x, y, z = axes
        bend = person.septum_bend_mm * np.exp(-(((y + 62) / 18) ** 2) - ((z - person.septum_bend_z) / 10) ** 2)
        # No septum is a plane: edge-on to the beam it would be a white line from top to bottom.
        bend = bend + (0.9 + 0.25 * abs(person.septum_bend_mm)) * np.sin((y + 0.8 * z) / 9.0) * np.clip(
            (12 - z) / 20, 0, 1
        )
        # One long curve from floor to roof, and leaning with the nose in front.
        height = np.clip((z - person.palate_z) / (10 - person.palate_z), 0, 1)
        bend = bend + person.lopsided.septum_curve_mm * np.sin(np.pi * height) * np.clip((-34 - y) / 12, 0, 1)
        bend = bend + person.lopsided.nose_tip_mm * np.clip((-78 - y) / 14, 0, 1)
        return np.asarray(np.abs(x - bend) - np.float32(half_mm), dtype=np.float32)

    return distance


def antrum_space(person: Person, side: float) -> Shape:
    """Room for the maxillary sinus: a pyramid with its base at the nose and its apex in the zygoma."""
    w = person.nose_half_width + 1.5
    floor = person.palate_z - 5.0
    planes = [
        ((-side, 0.0, 0.06), -w),  # nose
        (
            (side * 0.2, -0.05, 1.0),
            float(np.dot((side * 0.2, -0.05, 1.0), (side * 20, -55, -6.5))),
        ),  # below the ethmoid
        ((side * 0.55, -0.80, -0.1), float(np.dot((side * 0.55, -0.80, -0.1), (side * 27, -76, -30)))),  # cheek
        ((side * 0.62, 0.78, 0.0), float(np.dot((side * 0.62, 0.78, 0.0), (side * 29, -44, -30)))),  # infratemporal
        ((side * 0.55, 0.0, -0.80), float(np.dot((side * 0.55, 0.0, -0.80), (side * 29, -60, floor + 9)))),  # alveolus
        ((-side * 0.6, 0.64, -0.48), float(np.dot((-side * 0.6, 0.64, -0.48), (side * w, -52, floor + 15)))),  # palate
        ((0.0, 0.75, -0.66), float(np.dot((0.0, 0.75, -0.66), (side * 20, -48, floor + 9)))),  # tuberosity
        ((0.0, 0.0, -1.0), -floor),
        ((0.0, 1.0, 0.0), -39.0),
    ]
    normalised = [(n, o / float(np.linalg.norm(n))) for n, o in planes]
    return half_spaces(normalised, 7.0)
