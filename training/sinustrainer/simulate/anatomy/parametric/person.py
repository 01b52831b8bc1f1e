"""The numbers a parametric head is built from."""

from dataclasses import dataclass, field

import numpy as np

from sinustrainer.simulate.anatomy.growth import draw_volumes_ml, head_size
from sinusviewer.domain.anatomy import Side, Sinus

Offset = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Lopsided:
    """How the right (first) and the left (second) half of one person differ; nothing by default.

    Attributes
    ----------
    width
        Of the halves.
    face, ear, jaw
        Shift (x outwards, y, z mm) of orbit with cheek and antrum, of the petrous bone, and of the mandible's ramus.
    turbinate
        Size of the turbinates.
    nose_tip_mm, septum_curve_mm
        Sideways, of the nose's tip and of the septum's long curve.
    skull_skew
        How much one side of the brain case lies behind the other, by width.
    teeth
        Shift of each of 32 teeth.
    """

    width: tuple[float, float] = (1.0, 1.0)
    face: tuple[Offset, Offset] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    ear: tuple[Offset, Offset] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    jaw: tuple[Offset, Offset] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    turbinate: tuple[float, float] = (1.0, 1.0)
    nose_tip_mm: float = 0.0
    septum_curve_mm: float = 0.0
    skull_skew: float = 0.0
    teeth: tuple[Offset, ...] = ((0.0, 0.0, 0.0),) * 32

    def shift(self, halves: tuple[Offset, Offset], side: float) -> Offset:
        """(x, y, z) of one side's ``face``, ``ear`` or ``jaw`` in the head; ``side``: -1 right, 1 left."""
        outwards, y, z = halves[int(side > 0)]
        return side * outwards, y, z


@dataclass(frozen=True, slots=True)
class SkullBase:
    """What makes one skull base, and the brain on it, differ from the next.

    Attributes
    ----------
    vault_width
        Of the vault, by a factor; its length by the inverse: round and long heads.
    middle_floor_mm, middle_shift_mm
        How much higher the floors of the middle fossae (right, left) lie than usual, and how far back both.
    posterior_mm, occiput_mm
        Depth added to the posterior fossa; thickness of the occiput's inner and outer knob.
    floor_tilt
        How fast the anterior floor rises forwards.
    petrous_turn_mm, petrous_tip_mm
        The pyramids' tips, forwards and upwards.
    mastoid_size, mastoid_air
        Of the mastoids, by a factor; 0 no cells, 1 cells everywhere (right, left).
    falx_mm, ventricles, ventricle_ratio, pineal_hu
        Sideways bow of the falx, width of the ventricles, the left against the right, and how chalky the pineal is.
    """

    vault_width: float = 1.0
    middle_floor_mm: tuple[float, float] = (0.0, 0.0)
    middle_shift_mm: float = 0.0
    posterior_mm: float = 0.0
    occiput_mm: float = 4.0
    floor_tilt: float = 0.1
    petrous_turn_mm: float = 0.0
    petrous_tip_mm: float = 0.0
    mastoid_size: float = 1.0
    mastoid_air: tuple[float, float] = (0.7, 0.7)
    falx_mm: float = 0.5
    ventricles: float = 1.0
    ventricle_ratio: float = 1.0
    pineal_hu: float = 120.0


@dataclass(frozen=True, slots=True)
class Person:
    """One person's measures; lengths in mm of the normal adult head."""

    age: float
    sex: str
    size: tuple[float, float, float]
    face_height: float
    skull_mm: float
    fat_mm: float
    bone_hu: float
    brow_mm: float
    jaw_width: float
    nose_length: float
    eye_distance: float
    orbit_radius: float
    palate_z: float
    nose_half_width: float
    septum_bend_mm: float
    septum_bend_z: float
    turbinate_size: float
    wall_mm: float
    sphenoid_septum_x: float
    frontal_septum_x: float
    missing_teeth: frozenset[int]
    volumes_ml: dict[tuple[Sinus, Side], float]
    brain_hu: float = 33.0
    lopsided: Lopsided = field(default_factory=Lopsided)
    base: SkullBase = field(default_factory=SkullBase)

    @property
    def is_child(self) -> bool:
        return self.age < 13


_NOSE_GROWS = ((1.0, 4.0, 8.0, 13.0, 17.0), (0.4, 0.5, 0.65, 0.88, 1.0))
"""Age, and how far a nose stands out against a grown one's."""


def draw_person(rng: np.random.Generator, age: float, sex: str) -> Person:
    """Random measures for an age and sex."""
    size, height, _width = head_size(age, sex)
    man = sex.upper().startswith("M")
    own = size * (1 + 0.03 * rng.standard_normal(3))
    volumes = draw_volumes_ml(rng, age, sex)
    lost = float(np.interp(age, (20, 45, 70, 90), (0.02, 0.08, 0.3, 0.5)))
    return Person(
        age=age,
        sex=sex,
        size=(float(own[0]), float(own[1]), float(own[2])),
        face_height=float(np.clip(height * (1 + 0.04 * rng.standard_normal()), 0.6, 1.12)),
        skull_mm=float(np.interp(age, (0, 3, 15, 25), (2.0, 2.8, 4.6, 5.8)) * rng.uniform(0.8, 1.25)),
        fat_mm=float(rng.uniform(2.0, 6.0) + (0 if man else 1)),
        bone_hu=float(np.interp(age, (0, 3, 15, 50, 90), (750, 950, 1380, 1430, 1150)) * rng.uniform(0.87, 1.13)),
        brow_mm=_brow(volumes, man=man and age > 14) * float(np.interp(age, (3, 12), (0.3, 1)))
        + float(rng.uniform(0, 1)),
        jaw_width=float(rng.uniform(0.92, 1.06)),
        nose_length=float(rng.uniform(0.85, 1.1) * np.interp(age, *_NOSE_GROWS)),
        eye_distance=float(rng.uniform(30.5, 33.5)),
        orbit_radius=float(rng.uniform(18.5, 20.5)),
        palate_z=float(rng.uniform(-44, -40)),
        nose_half_width=float(rng.uniform(11.5, 14.0)),
        septum_bend_mm=float(rng.normal(0, 2.5)),
        septum_bend_z=float(rng.uniform(-32, -14)),
        turbinate_size=float(rng.uniform(0.85, 1.2)),
        wall_mm=float(rng.uniform(0.7, 1.3)),
        sphenoid_septum_x=float(rng.normal(0, 2.5)),
        frontal_septum_x=float(rng.normal(0, 2.0)),
        missing_teeth=frozenset(int(i) for i in range(32) if rng.random() < lost),
        volumes_ml=volumes,
        brain_hu=float(rng.uniform(22, 42)),
        lopsided=draw_lopsided(rng),
        base=draw_base(rng),
    )


def draw_lopsided(rng: np.random.Generator) -> Lopsided:
    """Nobody's halves are alike: a millimetre or two anywhere, as in the real heads."""

    def offsets(x: float, y: float, z: float) -> tuple[Offset, Offset]:
        right, left = (np.array([x, y, z]) * np.clip(rng.standard_normal(3), -2, 2) for _ in range(2))
        return (float(right[0]), float(right[1]), float(right[2])), (float(left[0]), float(left[1]), float(left[2]))

    halves = np.clip(0.008 * rng.standard_normal(2), -0.02, 0.02)
    turbinates = np.exp(0.12 * np.clip(rng.standard_normal(2), -2, 2))
    teeth = np.clip(0.4 * rng.standard_normal((32, 3)), -0.9, 0.9)
    return Lopsided(
        width=(1 + float(halves[0]), 1 + float(halves[1])),
        face=offsets(0.4, 0.8, 0.5),
        ear=offsets(0.8, 1.2, 0.6),
        jaw=offsets(1.2, 1.4, 1.0),
        turbinate=(float(turbinates[0]), float(turbinates[1])),
        nose_tip_mm=float(np.clip(1.6 * rng.standard_normal(), -3.5, 3.5)),
        septum_curve_mm=float(np.clip(1.8 * rng.standard_normal(), -4, 4)),
        skull_skew=float(np.clip(0.012 * rng.standard_normal(), -0.03, 0.03)),
        teeth=tuple((float(x), float(y), float(z)) for x, y, z in teeth),
    )


def draw_base(rng: np.random.Generator) -> SkullBase:
    """One of the many plans of a skull base."""

    def normal(sd: float, centre: float = 0.0) -> float:
        return centre + sd * float(np.clip(rng.standard_normal(), -2, 2))

    floor, air = normal(2.0), float(rng.beta(3.0, 1.2))
    return SkullBase(
        vault_width=normal(0.03, 1.0),
        middle_floor_mm=(floor + normal(0.8), floor + normal(0.8)),
        middle_shift_mm=normal(2.0),
        posterior_mm=normal(2.0),
        occiput_mm=float(rng.uniform(1.0, 7.0)),
        floor_tilt=normal(0.05, 0.1),
        petrous_turn_mm=normal(2.5),
        petrous_tip_mm=normal(1.5),
        mastoid_size=normal(0.08, 1.0),
        mastoid_air=(float(np.clip(air + normal(0.1), 0, 1)), float(np.clip(air + normal(0.1), 0, 1))),
        falx_mm=normal(0.7),
        ventricles=float(np.exp(normal(0.15))),
        ventricle_ratio=float(np.exp(normal(0.1))),
        pineal_hu=float(rng.uniform(20, 260)),
    )


def _brow(volumes_ml: dict[tuple[Sinus, Side], float], *, man: bool) -> float:
    """Extra thickness of the forehead: a man's brow, and room for the frontal sinuses."""
    largest = max(volumes_ml[Sinus.FRONTAL, side] for side in Side)
    return (2.5 if man else 1.0) + 4.0 * float(np.sqrt(min(largest / 3.0, 1.6)))
