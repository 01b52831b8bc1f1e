"""A film as a DICOM file that names nobody: its grey values, how it hangs and what a network needs, made from nothing."""

import io

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from sinusviewer.domain.image import Radiograph, SpacingKind
from sinusviewer.errors import InputError
from sinusviewer.exchange.sources import new_uid

_HIGHEST = 0xFFFF
_EMPTY = (
    "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def bare_film(film: Radiograph, patient_name: str, film_name: str) -> bytes:
    """The film as a new DX or CR file under pseudonyms and new UIDs; nothing of the old header is copied.

    Whole-number values come back as they are, others to one part in 65,000 of their range. What is burned into the pixels stays.

    Raises
    ------
    InputError
        For colour and for images without any value.
    """
    if film.is_color:
        raise InputError("A colour image is no film to learn from.")
    stored, slope, intercept, padding = _stored(film)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    is_dx = film.identity.modality == "DX"
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation if is_dx else ComputedRadiographyImageStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = new_uid(), new_uid(), new_uid()
    dataset.Modality = "DX" if is_dx else "CR"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = dataset.PatientID = patient_name
    dataset.SeriesDescription = film_name
    for name in _EMPTY:
        setattr(dataset, name, "")
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Written anew: grey values and geometry only"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    if is_dx:
        dataset.PresentationIntentType = "FOR PRESENTATION"
    if film.patient_right_is_image_left is not None:
        row = "L" if film.patient_right_is_image_left else "R"
        dataset.PatientOrientation = [row, "H" if film.upside_down else "F"]
    if film.spacing is not None and film.spacing_kind is not SpacingKind.NONE:
        calibrated = film.spacing_kind is SpacingKind.CALIBRATED
        setattr(dataset, "PixelSpacing" if calibrated else "ImagerPixelSpacing", [f"{v:.6g}" for v in film.spacing])
    if film.windows:
        window = film.windows[0]
        dataset.WindowCenter, dataset.WindowWidth = f"{window.center:.10g}", f"{window.width:.10g}"
        dataset.VOILUTFunction = window.function.value
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:.10g}", f"{intercept:.10g}", "US"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME1" if film.inverted else "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    if padding is not None:
        dataset.PixelPaddingValue = padding
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _stored(film: Radiograph) -> tuple[npt.NDArray[np.uint16], float, float, int | None]:
    """Sixteen-bit values, the slope and intercept that bring the film's own back, and the value of padding."""
    values = film.pixels.astype(np.float64)
    valid = np.ones(values.shape, bool) if film.padding is None else ~film.padding
    if not valid.any():
        raise InputError("The film is all padding.")
    low, high = float(values[valid].min()), float(values[valid].max())
    first = 0 if film.padding is None else 1  # 0 is kept for padding
    whole = film.pixels.dtype.kind in "iu"
    if whole and low >= first and high <= _HIGHEST:
        slope, intercept = 1.0, 0.0
    elif whole and high - low <= _HIGHEST - first:
        slope, intercept = 1.0, low - first
    else:
        slope = max((high - low) / (_HIGHEST - first), 1e-12)
        intercept = low - first * slope
    stored = np.clip(np.rint((values - intercept) / slope), first, _HIGHEST)
    stored[~valid] = 0
    return stored.astype(np.uint16), slope, intercept, None if film.padding is None else 0
