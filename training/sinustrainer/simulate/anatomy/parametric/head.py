"""The parametric head: all parts in the order in which they cover each other."""

import numpy as np

from sinustrainer.simulate.anatomy.parametric.brain import paint_brain
from sinustrainer.simulate.anatomy.parametric.canvas import Canvas, Field
from sinustrainer.simulate.anatomy.parametric.face import paint_facial_bones, paint_nose, paint_teeth
from sinustrainer.simulate.anatomy.parametric.person import Person, draw_person
from sinustrainer.simulate.anatomy.parametric.sinuses import paint_sinuses
from sinustrainer.simulate.anatomy.parametric.skull import paint_base, paint_mandible, paint_neck
from sinustrainer.simulate.anatomy.parametric.soft import paint_body, paint_orbits, paint_throat
from sinustrainer.simulate.anatomy.parametric.vault import brain_case, paint_skull
from sinustrainer.simulate.anatomy.templates import antrum_floors
from sinustrainer.simulate.head import Head

SOURCE = "parametric"
_NORMAL_BOX = ((-94.0, -122.0, -124.0), (94.0, 96.0, 132.0))
_NECK_MM = 126.0
_GROWN_AT = 15.0
_EYE_LEVEL = -8.0
"""Below this height the face's own scale holds."""


def parametric_head(rng: np.random.Generator, age: float = 40.0, sex: str = "F", spacing_mm: float = 1.0) -> Head:
    """A healthy head of random measures, from implicit surfaces alone.

    Parameters
    ----------
    spacing_mm
        Voxel size; 1 mm takes some seconds and about 0.5 GB, 3 mm is enough for a test.
    """
    return build_head(draw_person(rng, age, sex), rng, spacing_mm)


def build_head(person: Person, rng: np.random.Generator, spacing_mm: float = 1.0) -> Head:
    """The head of one person."""
    low, high = (np.asarray(corner) for corner in _NORMAL_BOX)
    low_mm = low * np.asarray(person.size)
    high_mm = high * np.asarray(person.size)
    # A child's small head stands on the film with its neck in the field, down to the edge.
    low_mm[2] = min(_to_person_z(low[2], person), -_NECK_MM if person.age < _GROWN_AT else 0.0)
    right, left = person.lopsided.width
    low_mm[0] *= right
    high_mm[0] *= left
    low_mm = np.floor(low_mm / spacing_mm) * spacing_mm
    axes = [np.arange(low_mm[i], high_mm[i] + spacing_mm / 2, spacing_mm) for i in range(3)]
    normal_z = _to_normal_z(axes[2], person)
    canvas = Canvas.blank(
        (axes[0] / person.size[0] / np.where(axes[0] < 0, right, left)).astype(np.float32),
        (axes[1] / person.size[1]).astype(np.float32),
        normal_z.astype(np.float32),
        spacing_mm,
        rng,
    )
    case = canvas.smooth_field(brain_case(person))
    paint_body(canvas, person, case)
    paint_skull(canvas, person, case)
    paint_brain(canvas, person, case)
    paint_neck(canvas, person)
    paint_throat(canvas, person)
    paint_base(canvas, person)
    paint_mandible(canvas, person)
    paint_facial_bones(canvas, person)
    paint_orbits(canvas, person)
    paint_teeth(canvas, person)
    paint_nose(canvas, person)
    paint_sinuses(canvas, person, rng)
    noise = rng.standard_normal(canvas.hu.shape, dtype=np.float32)
    noise *= 4.0
    canvas.hu[...] += noise
    hu = np.clip(np.round(canvas.hu), -1024, 3071).astype(np.int16)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low_mm
    return Head(hu, canvas.labels, affine, _landmarks(person) | antrum_floors(canvas.labels, affine), SOURCE)


def _to_normal_z(z_mm: Field, person: Person) -> Field:
    z = z_mm / person.size[2]
    return np.where(z < _EYE_LEVEL, _EYE_LEVEL + (z - _EYE_LEVEL) / person.face_height, z)


def _to_person_z(z: float, person: Person) -> float:
    below = _EYE_LEVEL + (z - _EYE_LEVEL) * person.face_height if z < _EYE_LEVEL else z
    return below * person.size[2]


def _landmarks(person: Person) -> dict[str, tuple[float, float, float]]:
    d = person.eye_distance
    width, face, ear = person.lopsided.width, person.lopsided.face, person.lopsided.ear
    normal = {
        "porion_right": (-60.0, 3.0, 0.0),
        "porion_left": (60.0, 3.0, 0.0),
        "orbitale_right": (-d + 3, -82.0, -20.0),
        "orbitale_left": (d - 3, -82.0, -20.0),
        "outer_canthus_right": (-d - 13, -76.0, 0.0),
        "outer_canthus_left": (d + 13, -76.0, 0.0),
        "nasion": (0.0, -97.0, 5.0),
        "anterior_nasal_spine": (0.0, -88.0, person.palate_z),
    }
    placed = {}
    for name, (x, y, z) in normal.items():
        half = int(x > 0)
        move = ear[half] if name.startswith("porion") else face[half] if x else (0.0, 0.0, 0.0)
        across = x + (move[0] if half else -move[0])
        placed[name] = (
            across * person.size[0] * width[half],
            (y + move[1]) * person.size[1],
            _to_person_z(z + move[2], person),
        )
    return placed
