"""What every object that is written has in common: the images it is about, who made it, and whose it is."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from sinusviewer import __version__
from sinusviewer.domain.study import Series
from sinusviewer.errors import DicomReadError, StorageError
from sinusviewer.imaging.quiet import quiet_readers

MANUFACTURER = "SinusViewer (open source)"
MODEL = "SinusViewer"
RESEARCH_ONLY = "Research use only. Not for diagnostic use."
UID_PREFIX = None
"""UIDs are made from UUIDs (PS3.5 B.2): no organisation's root is needed."""

# Of patient and study, what the objects need and a source may lack (all of type 2: they may be empty).
_MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
_COPIED = (*_MAY_BE_EMPTY[:-1], "StudyInstanceUID", "StudyDescription", "PatientAge", "SpecificCharacterSet")


def new_uid() -> str:
    return str(generate_uid(prefix=UID_PREFIX))


def source_headers(series: Series, only: Sequence[str] = ()) -> tuple[Dataset, ...]:
    """Headers of a series' files, without pixels.

    Parameters
    ----------
    only
        SOP instance UIDs to take; all where empty.

    Raises
    ------
    DicomReadError
        Where the series is of no DICOM files, or one can no longer be read.
    """
    quiet_readers()
    found = []
    for instance in series.instances:
        if only and instance.sop_instance_uid not in only:
            continue
        if not instance.sop_class_uid:
            raise DicomReadError(
                "These images are not DICOM: results about them cannot be stored as DICOM.", "Export as NIfTI or PDF."
            )
        found.append(_header(instance.path))
    if not found:
        raise DicomReadError("The images that the results are about are not in this study.")
    return tuple(found)


def _header(path: Path) -> Dataset:
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    except (OSError, InvalidDicomError, ValueError, KeyError, EOFError) as error:
        raise DicomReadError(f"“{path.name}” can no longer be read.", "Open the study again.") from error
    for name in _MAY_BE_EMPTY:
        if name not in dataset:
            setattr(dataset, name, "")
    if "DeidentificationMethod" in dataset and not dataset.DeidentificationMethod:
        dataset.DeidentificationMethod = "Not stated"  # of type 1C: copied empty, it would fault all that is made of it
    return dataset


def blank(source: Dataset, sop_class: str, modality: str, series_number: int, description: str) -> Dataset:
    """A dataset of the same patient and study as ``source``, for an object of a new series."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name in _COPIED:
        if name in source:
            setattr(dataset, name, source.get(name))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, new_uid()
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = new_uid(), series_number, 1
    dataset.Modality, dataset.SeriesDescription = modality, description[:64]
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MODEL
    dataset.SoftwareVersions = __version__
    now = datetime.datetime.now().astimezone()
    dataset.ContentDate, dataset.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = dataset.ContentDate, dataset.ContentTime
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    """Write a whole file or none.

    Raises
    ------
    StorageError
        Where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(temporary, enforce_file_format=True)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"“{path.name}” could not be written.", "Check the free space and the folder.") from error
    return path
