"""Sides, sinuses and the codes of label maps.

A side is always the PATIENT's side. Where the film does not prove which that is, a finding carries an ``ImageSide``
instead, as seen on the stored pixels.
"""

from enum import IntEnum, StrEnum


class Side(StrEnum):
    """The patient's side."""

    RIGHT = "right"
    LEFT = "left"

    @property
    def opposite(self) -> "Side":
        return Side.LEFT if self is Side.RIGHT else Side.RIGHT


class ImageSide(StrEnum):
    """A side of the stored image, used when the patient's side is unverified."""

    IMAGE_RIGHT = "image-right"
    IMAGE_LEFT = "image-left"


AnySide = Side | ImageSide


class Sinus(StrEnum):
    """The paired paranasal sinuses, as Lund and Mackay (1993) score them."""

    MAXILLARY = "maxillary"
    ANTERIOR_ETHMOID = "anterior_ethmoid"
    POSTERIOR_ETHMOID = "posterior_ethmoid"
    FRONTAL = "frontal"
    SPHENOID = "sphenoid"


class Structure(IntEnum):
    """Codes of label maps, in files, networks and on screen. Odd sinus codes are right, even ones left."""

    BACKGROUND = 0
    RIGHT_MAXILLARY = 1
    LEFT_MAXILLARY = 2
    RIGHT_ANTERIOR_ETHMOID = 3
    LEFT_ANTERIOR_ETHMOID = 4
    RIGHT_POSTERIOR_ETHMOID = 5
    LEFT_POSTERIOR_ETHMOID = 6
    RIGHT_FRONTAL = 7
    LEFT_FRONTAL = 8
    RIGHT_SPHENOID = 9
    LEFT_SPHENOID = 10
    NASAL_CAVITY = 11
    # Only in simulated anatomy; no network predicts these.
    RIGHT_ORBIT = 20
    LEFT_ORBIT = 21
    TEETH = 22
    RIGHT_PETROUS = 23
    LEFT_PETROUS = 24
    SEPTUM = 25
    RIGHT_TURBINATES = 26
    LEFT_TURBINATES = 27


SINUS_CODES: dict[tuple[Sinus, Side], Structure] = {
    (Sinus.MAXILLARY, Side.RIGHT): Structure.RIGHT_MAXILLARY,
    (Sinus.MAXILLARY, Side.LEFT): Structure.LEFT_MAXILLARY,
    (Sinus.ANTERIOR_ETHMOID, Side.RIGHT): Structure.RIGHT_ANTERIOR_ETHMOID,
    (Sinus.ANTERIOR_ETHMOID, Side.LEFT): Structure.LEFT_ANTERIOR_ETHMOID,
    (Sinus.POSTERIOR_ETHMOID, Side.RIGHT): Structure.RIGHT_POSTERIOR_ETHMOID,
    (Sinus.POSTERIOR_ETHMOID, Side.LEFT): Structure.LEFT_POSTERIOR_ETHMOID,
    (Sinus.FRONTAL, Side.RIGHT): Structure.RIGHT_FRONTAL,
    (Sinus.FRONTAL, Side.LEFT): Structure.LEFT_FRONTAL,
    (Sinus.SPHENOID, Side.RIGHT): Structure.RIGHT_SPHENOID,
    (Sinus.SPHENOID, Side.LEFT): Structure.LEFT_SPHENOID,
}

MIRRORED: dict[Structure, Structure] = {
    s: Structure[
        s.name.replace("RIGHT_", "LEFT_") if s.name.startswith("RIGHT_") else s.name.replace("LEFT_", "RIGHT_")
    ]
    for s in Structure
}
"""The same structure on the other side; midline structures map to themselves."""
