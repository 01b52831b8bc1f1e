"""Images as arrays with their frame of reference.

Conventions, said once here: arrays are indexed ``[y, x]`` and ``[z, y, x]`` (row 0 on top); boxes are ``xyxy`` in pixel
edges of the STORED image (x right, y down); ``spacing`` is in array order, mm; an affine maps ``(x, y, z, 1)`` voxel-centre
indices to LPS millimetres (DICOM PS3.3 C.7.6.2.1.1).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class VoiFunction(StrEnum):
    """DICOM PS3.3 C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class Window:
    """A value-of-interest window in modality units (HU for CT)."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR
    name: str = ""


BONE = Window(300, 2000, name="Bone")
SOFT_TISSUE = Window(40, 350, name="Soft tissue")


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """A DICOM lookup table (PS3.3 C.11.1, C.11.2): output for inputs from ``first_mapped`` on, clamped at both ends."""

    first_mapped: int
    values: npt.NDArray[np.uint16]
    bits: int
    name: str = ""


class SpacingKind(StrEnum):
    """What a radiograph's spacing means (PS3.3 10.7.1.3)."""

    CALIBRATED = "calibrated"  # PixelSpacing: mm in the patient
    DETECTOR = "detector"  # ImagerPixelSpacing: mm at the detector, magnified
    NONE = "none"  # lengths in pixels only


class OrientationEvidence(StrEnum):
    """How the side of a radiograph is known."""

    HEADER = "header"  # PatientOrientation L\F or R\F
    CONFIRMED = "confirmed"  # a person has said so, recorded
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class ImageWarning:
    """Something about the input that a reader must know. ``code`` is stable, ``message`` is for people."""

    code: str
    message: str
    once_accepted: str = ""
    """What is said in place of ``message`` once a reader accepted the fault; empty where that changes nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which image of which patient this is; shown in every view."""

    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    age: str = ""
    study_date: str = ""
    study_description: str = ""
    series_description: str = ""
    modality: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    frame_of_reference_uid: str = ""
    accession_number: str = ""
    institution: str = ""
    manufacturer: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A projection image (or any single 2-D frame) in modality values, in STORED orientation.

    Attributes
    ----------
    pixels
        ``[y, x]`` (grey, after the modality LUT, before any VOI) or ``[y, x, 3]`` uint8 (colour, view only).
    padding
        ``[y, x]`` True where the pixel is padding or collimated away; None where there is none.
    inverted
        True for MONOCHROME1: low values are bright. The display inverts once, after VOI.
    patient_right_is_image_left
        True for the usual hanging (row direction towards the patient's left), False for stored mirrored, None unknown.
    upside_down
        True where PatientOrientation says that columns run towards the head.
    spacing
        ``(row, column)`` mm or None, meaning per ``spacing_kind``.
    for_models
        False for colour, secondary capture and other images that no network may read.
    upright_turns
        Quarter turns clockwise that bring the stored image upright, as a reader said against the file; 0 where none did.
        ``patient_right_is_image_left`` then speaks of the image so turned.
    """

    pixels: npt.NDArray[np.generic]
    identity: Identity
    sop_instance_uid: str = ""
    inverted: bool = False
    padding: npt.NDArray[np.bool_] | None = None
    windows: tuple[Window, ...] = ()
    voi_luts: tuple[LookupTable, ...] = ()
    presentation_lut: LookupTable | None = None
    spacing: tuple[float, float] | None = None
    spacing_kind: SpacingKind = SpacingKind.NONE
    patient_right_is_image_left: bool | None = None
    orientation_evidence: OrientationEvidence = OrientationEvidence.UNVERIFIED
    upside_down: bool = False
    for_models: bool = True
    exposure: dict[str, float] = field(default_factory=dict)
    warnings: tuple[ImageWarning, ...] = ()
    upright_turns: int = 0

    @property
    def is_color(self) -> bool:
        return self.pixels.ndim == 3


def withholding(code: str, fault: str) -> ImageWarning:
    """A fault of geometry (without a full stop) for which measuring volumes is withheld until a reader accepts it."""
    return ImageWarning(
        code,
        f"{fault}; measuring volumes is withheld until a reader accepts this.",
        f"{fault}; a reader accepted this: volumes are measured.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT volume in HU.

    Attributes
    ----------
    voxels
        ``[z, y, x]`` int16 HU, slices sorted along the normal, increasing ``affine`` k direction.
    affine
        4 x 4, voxel-centre index ``(x, y, z, 1)`` to LPS mm.
    sop_instance_uids
        One per slice (of the nearest original slice where slices were resampled).
    oriented
        False for NIfTI/NRRD or arrays whose left and right nothing proves.
    measurable
        False where geometry faults withhold volumetry until a reader accepts them.
    for_models
        False for localizers, MR and other volumes that no network may read.
    right_is_image_left
        What a person said of a volume whose file proves no side: whether the patient's right is on the left of the image as its
        file gives it. None where nobody did; the affine, and ``oriented``, follow what was said.
    """

    voxels: npt.NDArray[np.int16]
    affine: npt.NDArray[np.float64]
    identity: Identity
    sop_instance_uids: tuple[str, ...] = ()
    oriented: bool = True
    measurable: bool = True
    for_models: bool = True
    padding_hu: int | None = None
    windows: tuple[Window, ...] = ()
    exposure: dict[str, float] = field(default_factory=dict)
    warnings: tuple[ImageWarning, ...] = ()
    right_is_image_left: bool | None = None

    def accepted(self) -> "Volume":
        """The same, measured in spite of its faults: they stay named, and no longer say that volumes are withheld."""
        said = tuple(replace(w, message=w.once_accepted) if w.once_accepted else w for w in self.warnings)
        return replace(self, measurable=True, warnings=said)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """(z, y, x) mm."""
        x, y, z = (float(np.linalg.norm(self.affine[:3, i])) for i in range(3))
        return z, y, x

    @property
    def voxel_ml(self) -> float:
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0
