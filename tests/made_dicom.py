"""Small DICOM files made for tests: a CT series from an array, a film from an array."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.1.99"


def _dataset(sop_class: str, sop_uid: str, study_uid: str, series_uid: str, modality: str) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop_uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
    dataset.Modality = modality
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "P1"
    dataset.StudyDate, dataset.StudyTime, dataset.PatientBirthDate, dataset.PatientSex = (
        "20200101",
        "120000",
        "19700101",
        "F",
    )
    dataset.AccessionNumber = dataset.StudyID = dataset.ReferringPhysicianName = ""
    return dataset


def _pixels(dataset: Dataset, pixels: npt.NDArray[np.generic]) -> None:
    signed = pixels.dtype == np.int16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()


def write_ct(folder: Path, voxels: npt.NDArray[np.int16], spacing_mm: float, *, study: str = f"{ROOT}.1",
             origin: tuple[float, float, float] = (0.0, 0.0, 0.0), **tags: object) -> list[Path]:  # fmt: skip
    """Write ``voxels [z, y, x]`` (LPS axes) as an axial series, one file a slice."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, plane in enumerate(voxels):
        dataset = _dataset(CTImageStorage, f"{study}.2.{number + 1}", study, f"{study}.2", "CT")
        dataset.FrameOfReferenceUID = f"{study}.9"
        dataset.InstanceNumber = number + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [origin[0], origin[1], origin[2] + number * spacing_mm]
        dataset.PixelSpacing, dataset.SliceThickness = [spacing_mm, spacing_mm], spacing_mm
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "HU"
        _pixels(dataset, plane.astype(np.int16))
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        path = folder / f"{number + 1:04d}.dcm"
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        written.append(path)
    return written


def write_film(path: Path, pixels: npt.NDArray[np.uint16], orientation: str | None = "L\\F", *, study: str = f"{ROOT}.5",
               **tags: object) -> Path:  # fmt: skip
    """Write a DX film; ``orientation`` is PatientOrientation, None leaves it out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = _dataset(DigitalXRayImageStorageForPresentation, f"{study}.2.1", study, f"{study}.2", "DX")
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImagerPixelSpacing = [0.5, 0.5]
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, 0, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    if orientation is not None:
        dataset.PatientOrientation = orientation.split("\\")
    _pixels(dataset, pixels.astype(np.uint16))
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path
