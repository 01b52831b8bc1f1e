"""A report as an encapsulated PDF (PS3.3 A.45.1) and key pictures as Secondary Capture images (PS3.3 A.8.1)."""

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage

from sinusviewer.exchange.sources import RESEARCH_ONLY, blank


def encapsulated_pdf(pdf: bytes, title: str, source: Dataset) -> Dataset:
    """A PDF of the same patient and study as ``source``."""
    dataset = blank(source, EncapsulatedPDFStorage, "DOC", 9003, "Sinus report. Research use only")
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "YES"
    dataset.DocumentTitle = f"{title}. {RESEARCH_ONLY}"
    dataset.ConceptNameCodeSequence = Sequence([_diagnostic_report()])
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.AcquisitionDateTime = ""
    dataset.SourceInstanceSequence = Sequence([_reference(source)])
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return dataset


def secondary_capture(rgb: npt.NDArray[np.uint8], caption: str, source: Dataset, number: int, series: str) -> Dataset:
    """A picture ``[row, column, 3]`` of the same patient and study; pictures of one export share a series."""
    dataset = blank(source, SecondaryCaptureImageStorage, "OT", 9002, "Sinus key pictures. Research use only")
    dataset.SeriesInstanceUID, dataset.InstanceNumber = series, number
    dataset.ConversionType, dataset.BurnedInAnnotation = "WSD", "YES"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ImageComments = f"{RESEARCH_ONLY} {caption}"[:10240]
    dataset.PatientOrientation = dataset.Laterality = ""
    dataset.SourceImageSequence = Sequence([_reference(source)])
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = rgb.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    content = np.ascontiguousarray(rgb, np.uint8).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    return dataset


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return item


def _diagnostic_report() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "18748-4", "LN", "Diagnostic Imaging Report"
    return item
