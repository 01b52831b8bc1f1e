"""Digital X-Ray and Computed Radiography images of virtual patients (PS3.3 A.26 and A.2)."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation

from sinustrainer.simulate.dicom.header import Subject, add_subject, codes, new_file, uid_of


class Orientation(StrEnum):
    """How the file says which side is which."""

    NORMAL = "normal"  # stored as hung, PatientOrientation L\\F
    MIRRORED = "mirrored"  # stored turned over, PatientOrientation R\\F
    ABSENT = "absent"  # stored as hung, PatientOrientation empty: allowed in CR only (type 1C in DX)


@dataclass(frozen=True, slots=True, eq=False)
class StoredFilm:
    """A film as it will be stored.

    Attributes
    ----------
    pixels
        ``[y, x]`` uint16 in ``bits``, dense tissue high; MONOCHROME1 files are inverted here, once.
    pixel_mm
        At the detector.
    """

    pixels: npt.NDArray[np.uint16]
    bits: int
    monochrome1: bool
    orientation: Orientation
    pixel_mm: float
    computed: bool
    burned_in_text: bool
    view: str
    kvp: float
    mas: float
    exposure_ms: float
    source_detector_mm: float
    source_patient_mm: float
    grid: bool = True


def write_radiograph(path: Path, film: StoredFilm, subject: Subject, seed_key: str) -> str:
    """Write one film; return its SOP instance UID.

    Raises
    ------
    OSError
        As the file system does.
    """
    sop_class = ComputedRadiographyImageStorage if film.computed else DigitalXRayImageStorageForPresentation
    sop_instance_uid = uid_of(seed_key, "instance")
    ds = new_file(sop_class, sop_instance_uid)
    add_subject(ds, subject)
    ds.Modality = "CR" if film.computed else "DX"
    ds.SeriesInstanceUID = uid_of(seed_key, "series")
    ds.SeriesNumber = 1
    ds.SeriesDescription = film.view
    ds.SeriesDate, ds.SeriesTime = subject.study_date, subject.study_time
    ds.InstanceNumber = 1
    ds.ContentDate, ds.ContentTime = subject.study_date, subject.study_time
    ds.AcquisitionDate, ds.AcquisitionTime = subject.study_date, subject.study_time
    ds.BodyPartExamined = "HEAD"
    ds.ViewPosition = "PA"
    _add_exposure(ds, film)
    _add_pixels(ds, film)
    if film.computed:
        ds.PlateType = "Storage phosphor"
    else:
        _add_digital_x_ray(ds, film)
    ds.save_as(path, enforce_file_format=True)
    return sop_instance_uid


def _add_exposure(ds: Dataset, film: StoredFilm) -> None:
    ds.KVP = f"{film.kvp:.0f}"
    ds.Exposure = round(film.mas)
    ds.ExposureInuAs = round(film.mas * 1000)
    ds.ExposureTime = round(film.exposure_ms)
    ds.XRayTubeCurrent = round(film.mas / film.exposure_ms * 1000)
    ds.DistanceSourceToDetector = f"{film.source_detector_mm:.0f}"
    ds.DistanceSourceToPatient = f"{film.source_patient_mm:.0f}"
    ds.ImagerPixelSpacing = [f"{film.pixel_mm:.5f}"] * 2


def _add_pixels(ds: Dataset, film: StoredFilm) -> None:
    pixels = film.pixels
    if film.orientation is Orientation.MIRRORED:
        pixels = pixels[:, ::-1]
    if film.monochrome1:
        pixels = (2**film.bits - 1 - pixels).astype(np.uint16)
    if film.orientation is Orientation.ABSENT:
        ds.PatientOrientation = ""
    else:
        ds.PatientOrientation = ["L" if film.orientation is Orientation.NORMAL else "R", "F"]
    ds.ImageType = ["DERIVED" if film.computed else "ORIGINAL", "PRIMARY", ""]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME1" if film.monochrome1 else "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, film.bits, film.bits - 1
    ds.PixelRepresentation = 0
    ds.PixelData = np.ascontiguousarray(pixels, dtype="<u2").tobytes()
    ds["PixelData"].VR = "OW"
    ds.BurnedInAnnotation = "YES" if film.burned_in_text else "NO"
    ds.WindowCenter = str(2 ** (film.bits - 1))
    ds.WindowWidth = str(2**film.bits)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape = "INVERSE" if film.monochrome1 else "IDENTITY"


def _add_digital_x_ray(ds: Dataset, film: StoredFilm) -> None:
    """DX series, anatomy, detector and acquisition context modules (PS3.3 C.8.11.1 to C.8.11.4)."""
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.ImageLaterality = "U"
    ds.Grid = MultiValue(str, ["FOCUSED", "PARALLEL"]) if film.grid else "NONE"
    ds.PixelIntensityRelationship = "LOG"
    # -1: lower values mean more X-ray intensity; MONOCHROME1 turns that round (PS3.3 C.8.11.3.1.2).
    ds.PixelIntensityRelationshipSign = 1 if film.monochrome1 else -1
    ds.AnatomicRegionSequence = codes("2095001", "SCT", "Paranasal sinus")
    # CID 4010 has no code for Waters or Caldwell; SeriesDescription names them.
    ds.ViewCodeSequence = codes("272479007", "SCT", "postero-anterior")
    ds.PatientOrientationCodeSequence = codes("10904000", "SCT", "Erect")
    ds.PositionerType = "NONE"
    ds.DetectorType = "SCINTILLATOR"
    ds.DetectorConfiguration = "AREA"
    ds.DetectorDescription = "Simulated CsI flat panel"
    ds.DetectorTemperature = "25"
    ds.FieldOfViewShape = "RECTANGLE"
    ds.FieldOfViewDimensions = [round(ds.Rows * film.pixel_mm), round(ds.Columns * film.pixel_mm)]
    ds.AcquisitionDeviceProcessingDescription = "Simulated vendor processing"
    ds.AcquisitionContextSequence = Sequence([])
