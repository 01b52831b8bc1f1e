"""PatientOrientation (0020,0020) of projection images: what it proves about sides (PS3.3 C.7.6.1.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sinusviewer.domain.image import ImageWarning, OrientationEvidence

_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_UNVERIFIED = "side_unverified"


@dataclass(frozen=True, slots=True)
class RadiographSides:
    """What the header says about the sides of a radiograph."""

    patient_right_is_image_left: bool | None = None
    upside_down: bool = False
    evidence: OrientationEvidence = OrientationEvidence.UNVERIFIED
    warnings: tuple[ImageWarning, ...] = ()


def read_patient_orientation(values: Sequence[str]) -> RadiographSides:
    r"""Sides from the directions of rows and columns, e.g. ``("L", "F")``.

    Only a frontal image whose rows run right-left and whose columns run head-feet proves its sides. ``L\F`` is the usual
    hanging, ``R\F`` is stored mirrored; with ``H`` the image is upside down.
    """
    if not any(v.strip() for v in values):
        return _unknown("The file does not say which side of the image is the patient's right.")
    if len(values) != 2:
        return _unknown("The file's patient orientation is incomplete: left and right are not known.")
    row, column = (v.strip().upper() for v in values)
    if not _is_direction(row) or not _is_direction(column) or _axis(row) == _axis(column):
        return _unknown("The file's patient orientation contradicts itself: left and right are not known.")
    if _axis(row) == "FH" and _axis(column) == "LR":
        return _unknown("The image is stored turned by 90 degrees: its sides are not assigned.")
    if _axis(row) != "LR" or _axis(column) != "FH":
        return _unknown(
            "The image is not a frontal view by its patient orientation: it has no left and right to assign."
        )
    usual, upside_down = row[0] == "L", column[0] == "H"
    notes = []
    if not usual:
        notes.append(
            ImageWarning(
                "stored_mirrored", "The image is stored mirrored (patient's right on its right); it is shown turned."
            )
        )
    if upside_down:
        notes.append(ImageWarning("stored_upside_down", "The image is stored upside down; it is shown turned."))
    return RadiographSides(usual, upside_down, OrientationEvidence.HEADER, tuple(notes))


def _is_direction(letters: str) -> bool:
    """One to three letters, none twice and none with its opposite; the first is the strongest."""
    return (
        1 <= len(letters) <= 3
        and all(c in _OPPOSITE for c in letters)
        and len({_axis(c) for c in letters}) == len(letters)
    )


def _axis(letters: str) -> str:
    first = letters[0]
    return "".join(sorted((first, _OPPOSITE[first])))


def _unknown(message: str) -> RadiographSides:
    return RadiographSides(warnings=(ImageWarning(_UNVERIFIED, message),))
