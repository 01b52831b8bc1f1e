"""How large heads and sinuses are by age and sex, from the literature.

Adults of 25 and over: maxillary 12.8 ± 4.4 ml (men 14.4 ± 4.6, women 12.2 ± 3.8, a fifth less after 65), sphenoid 4.0 ± 2.0,
frontal 2.9 ± 2.6 (PMID 28341352). Full-grown under 25: ethmoid 4.5 ± 0.9 (PMID 20863577). Growth by age after PMID 20863577:
maxillary to 15 years, ethmoid fast to 7 and done at 15-16, frontal from 2 and fast from 6 to 19, sphenoid spurt 6-10.
"""

import numpy as np

from sinusviewer.domain.anatomy import Side, Sinus

_AGES = (0.0, 2.0, 3.0, 6.0, 8.0, 10.0, 12.0, 15.0, 17.0, 19.0, 25.0)
_GROWN: dict[Sinus, tuple[float, ...]] = {  # share of the adult volume at _AGES
    Sinus.MAXILLARY: (0.02, 0.12, 0.18, 0.38, 0.50, 0.62, 0.76, 0.95, 1.0, 1.0, 1.0),
    Sinus.ANTERIOR_ETHMOID: (0.10, 0.35, 0.45, 0.70, 0.78, 0.85, 0.92, 1.0, 1.0, 1.0, 1.0),
    Sinus.POSTERIOR_ETHMOID: (0.10, 0.30, 0.40, 0.65, 0.75, 0.83, 0.92, 1.0, 1.0, 1.0, 1.0),
    Sinus.FRONTAL: (0.0, 0.0, 0.02, 0.08, 0.18, 0.32, 0.48, 0.75, 0.90, 1.0, 1.0),
    Sinus.SPHENOID: (0.0, 0.03, 0.06, 0.22, 0.42, 0.65, 0.80, 1.0, 1.0, 1.0, 1.0),
}
_ADULT_ML: dict[Sinus, tuple[float, float]] = {  # mean, SD of one side
    Sinus.MAXILLARY: (13.3, 4.3),
    Sinus.ANTERIOR_ETHMOID: (2.5, 0.6),
    Sinus.POSTERIOR_ETHMOID: (2.0, 0.5),
    Sinus.FRONTAL: (3.1, 2.0),
    Sinus.SPHENOID: (4.0, 1.8),
}
_SIDE_SHARE = 0.25
"""Share of the variance between people that the two sides of one person do not have in common."""
LOPSIDED_SHARE = 0.2
"""People whose antra are drawn each by itself, small or large: rarer in life, but without them a small normal antrum is read
as a sick one (pilot in the simulation facts: AUC 0.49 against 0.94)."""
HYPOPLASIA_SHARE = 0.05
ABSENT_FRONTAL_SHARE = 0.05


def head_size(age: float, sex: str) -> tuple[float, float, float]:
    """Linear size of the cranium (adult mean 1), and height and width of the face relative to the cranium's."""
    grown = float(np.interp(age, (0, 1, 3, 8, 12, 15, 18), (0.68, 0.84, 0.90, 0.945, 0.965, 0.985, 1.0)))
    height = float(np.interp(age, (0, 1, 3, 8, 12, 15, 18), (0.60, 0.65, 0.75, 0.86, 0.93, 0.97, 1.0)))
    width = float(np.interp(age, (0, 1, 3, 8, 12, 15, 18), (0.78, 0.82, 0.87, 0.93, 0.97, 0.99, 1.0)))
    adult = 1.015 if sex.upper().startswith("M") else 0.97
    return grown * (adult if age >= 12 else 1 + (adult - 1) * 0.5), height, width


def antral_proportions(age: float) -> tuple[float, float, float]:
    """Width, depth and height of an antrum against an adult's of the same volume; their product is 1.

    Width and depth hardly grow after 12, height in every age group (IJPO 2016;91:146): a child's antrum is low and long, and its
    floor stays above the nasal floor until 7 to 15 (PMID 20863577).
    """
    height = float(np.interp(age, (0, 3, 8, 12, 18), (0.76, 0.80, 0.88, 0.93, 1.0)))
    width = height**-0.45
    return width, 1 / (height * width), height


def draw_volumes_ml(rng: np.random.Generator, age: float, sex: str) -> dict[tuple[Sinus, Side], float]:
    """Volume of every sinus of one healthy person (ml); 0 where it is absent."""
    man = sex.upper().startswith("M")
    volumes: dict[tuple[Sinus, Side], float] = {}
    for sinus, (mean, deviation) in _ADULT_ML.items():
        size = mean * float(np.interp(age, _AGES, _GROWN[sinus]))
        if sinus is Sinus.MAXILLARY:
            size *= (1.08 if man else 0.92) * (0.85 if age >= 65 else 1.0)
        # Log-normal, so that nobody has a negative sinus and a few have very large ones.
        sigma = float(np.sqrt(np.log(1 + (deviation / mean) ** 2)))
        common = rng.standard_normal() * sigma * np.sqrt(1 - _SIDE_SHARE)
        for side in Side:
            own = common + rng.standard_normal() * sigma * np.sqrt(_SIDE_SHARE)
            volumes[sinus, side] = size * float(np.exp(own - sigma**2 / 2))
    typical = _ADULT_ML[Sinus.MAXILLARY][0] * float(np.interp(age, _AGES, _GROWN[Sinus.MAXILLARY]))
    if rng.random() < LOPSIDED_SHARE:
        for side in Side:
            volumes[Sinus.MAXILLARY, side] = typical * float(rng.uniform(0.55, 1.2)) ** 3
    if rng.random() < HYPOPLASIA_SHARE:
        affected = Side.RIGHT if rng.random() < 0.5 else Side.LEFT
        volumes[Sinus.MAXILLARY, affected] = typical * float(rng.uniform(0.42, 0.62)) ** 3
    for side in Side:
        if rng.random() < ABSENT_FRONTAL_SHARE or volumes[Sinus.FRONTAL, side] < 0.15:
            volumes[Sinus.FRONTAL, side] = 0.0
        if volumes[Sinus.SPHENOID, side] < 0.1:
            volumes[Sinus.SPHENOID, side] = 0.0
    return volumes
