"""What a room leaves on a film, drawn first and applied afterwards."""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.radiograph import overlays
from sinustrainer.simulate.radiograph.overlays import Lead, Marks
from sinustrainer.simulate.radiograph.physics import Image

_LETTERS = ("R", "L", "RT", "LT", "Rt", "Lt")
_TEXTS = ("WATERS", "PNS", "PNS WATERS", "PA", "Waters view", "ERECT", "OM", "12:41", "S# 2", "PNS OM")


@dataclass(frozen=True, slots=True)
class Text:
    """Burnt-in text; column, row and height are shares of the film."""

    text: str
    column: float
    row: float
    height: float


@dataclass(frozen=True, slots=True)
class Clutter:
    """Markers and objects of one film. Lead positions are shares of the film; ``seed`` draws the objects' details."""

    leads: tuple[Lead, ...] = ()
    texts: tuple[Text, ...] = ()
    earrings: bool = False
    spectacles: bool = False
    hand: str = ""
    chin_rest: bool = False
    seed: int = 0


def draw_clutter(rng: np.random.Generator, amount: float) -> Clutter:
    """Random clutter; ``amount`` 0-1 scales every chance. A letter always names the patient's side it lies on."""
    leads: list[Lead] = []
    if rng.random() < 0.75:
        letter = _LETTERS[int(rng.integers(len(_LETTERS)))]
        across = rng.uniform(0.04, 0.14)
        column = across if letter[0] == "R" else 1 - across
        row = float(rng.uniform(0.05, 0.3) if rng.random() < 0.6 else rng.uniform(0.7, 0.95))
        turn = float(rng.normal(0, 6)) if rng.random() < 0.8 else float(rng.choice([90.0, -90.0, 180.0]))
        leads.append(Lead(letter, float(column), row, float(rng.uniform(8, 16)), turn))
    texts: list[Text] = []
    if rng.random() < 0.5 * amount:
        words = _TEXTS[int(rng.integers(len(_TEXTS)))]
        texts.append(
            Text(words, float(rng.choice([rng.uniform(0.1, 0.2), rng.uniform(0.8, 0.9)])),
                 float(rng.choice([rng.uniform(0.03, 0.08), rng.uniform(0.92, 0.97)])), float(rng.uniform(0.018, 0.04)))
        )  # fmt: skip
    return Clutter(
        tuple(leads),
        tuple(texts),
        earrings=bool(rng.random() < 0.12 * amount),
        spectacles=bool(rng.random() < 0.03 * amount),
        hand=str(rng.choice(["left", "right", "both"])) if rng.random() < 0.06 * amount else "",
        chin_rest=bool(rng.random() < 0.15 * amount),
        seed=int(rng.integers(2**31)),
    )


def add_objects(soft: Image, bone: Image, clutter: Clutter, marks: Marks, pixel_mm: float) -> None:
    """Add chin rest, hands, earrings and spectacles to the area densities, in place."""
    rng = np.random.default_rng(clutter.seed)
    if clutter.chin_rest:
        overlays.add_chin_rest(soft, marks, pixel_mm, rng)
    if clutter.hand:
        for from_left in (True, False):
            if clutter.hand == "both" or (clutter.hand == "left") == from_left:
                overlays.add_hand(soft, bone, pixel_mm, rng, from_left)
    if clutter.earrings:
        overlays.add_earrings(bone, marks, pixel_mm, rng)
    if clutter.spectacles:
        overlays.add_spectacles(bone, marks, pixel_mm, rng)


def lead_letters(clutter: Clutter, shape: tuple[int, int], pixel_mm: float) -> Image | None:
    """``[y, x]`` share of the beam that the lead letters leave; None where there are none."""
    if not clutter.leads:
        return None
    rows, columns = shape
    open_share = np.ones(shape, np.float32)
    for lead in clutter.leads:
        placed = Lead(lead.text, lead.column * columns, lead.row * rows, lead.height_mm, lead.turn_deg)
        overlays.add_lead(open_share, placed, pixel_mm)
    return open_share
