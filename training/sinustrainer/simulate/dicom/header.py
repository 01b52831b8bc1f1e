"""What every simulated DICOM file says: who the virtual patient is, that nothing is real, and UIDs that follow from the seed."""

import hashlib
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from sinustrainer.simulate.version import SIMULATOR_VERSION

STATEMENT = "SIMULATED IMAGE. Made by SinusViewer's simulator; no patient was imaged. Research use only."
IMPLEMENTATION_CLASS = UID("2.25.214378612349873245981236598712365987123")
IMPLEMENTATION_VERSION = "SINUSVIEWER_SIM"


@dataclass(frozen=True, slots=True)
class Subject:
    """A virtual patient and study.

    Attributes
    ----------
    patient_name
        Starts with "Simulated^".
    age_years
        At the study; fractions only matter under two.
    study_date
        YYYYMMDD.
    """

    patient_id: str
    patient_name: str
    sex: str
    age_years: float
    study_date: str
    study_time: str
    accession_number: str
    institution: str
    manufacturer: str
    model: str
    study_uid: str
    description: str


def subject_of(
    patient_id: str,
    kind: str,
    sex: str,
    age_years: float,
    years: tuple[int, int],
    rng: np.random.Generator,
    site: str,
    manufacturer: str,
    model: str,
    key: str,
    description: str,
) -> Subject:
    """A virtual patient on a day drawn from the ``years`` (the last one excluded); name and numbers follow from the ids."""
    day = f"{int(rng.integers(*years)):04d}{int(rng.integers(1, 13)):02d}{int(rng.integers(1, 29)):02d}"
    time = f"{int(rng.integers(8, 18)):02d}{int(rng.integers(60)):02d}{int(rng.integers(60)):02d}"
    name = f"Simulated^{kind} {patient_id.removeprefix('SIM-')}"
    accession = f"SIM{hashlib.sha256(key.encode()).hexdigest()[:10].upper()}"
    return Subject(
        patient_id, name, sex, age_years, day, time, accession, f"Simulated site ({site})", manufacturer, model,
        uid_of(key, "study"), description,
    )  # fmt: skip


def uid_of(*parts: object) -> str:
    """A UID that follows from its parts alone (PS3.5 B.2: 2.25 and a 128-bit number)."""
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"


def new_file(sop_class_uid: str, sop_instance_uid: str) -> FileDataset:
    """An empty explicit little endian file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = UID(sop_class_uid)
    ds.SOPInstanceUID = UID(sop_instance_uid)
    return ds


def add_subject(ds: Dataset, subject: Subject) -> None:
    """Patient, study and equipment modules (PS3.3 C.7.1.1, C.7.2.1, C.7.5.1)."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = subject.patient_name
    ds.PatientID = subject.patient_id
    ds.PatientBirthDate = _birth_date(subject)
    ds.PatientSex = subject.sex
    ds.PatientAge = _age_string(subject.age_years)
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "Simulated, never identified"
    ds.PatientComments = STATEMENT
    ds.StudyInstanceUID = subject.study_uid
    ds.StudyDate = subject.study_date
    ds.StudyTime = subject.study_time
    ds.ReferringPhysicianName = ""
    ds.StudyID = "1"
    ds.AccessionNumber = subject.accession_number
    ds.StudyDescription = subject.description
    ds.Manufacturer = subject.manufacturer
    ds.InstitutionName = subject.institution
    ds.ManufacturerModelName = f"{subject.model} (simulated)"
    ds.DeviceSerialNumber = "SIMULATED"
    ds.SoftwareVersions = f"SinusViewer simulator {SIMULATOR_VERSION}"
    ds.ImageComments = STATEMENT
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.InstanceCreationDate = subject.study_date
    ds.InstanceCreationTime = subject.study_time


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code sequence item (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def codes(value: str, scheme: str, meaning: str) -> Sequence:
    return Sequence([code(value, scheme, meaning)])


def _age_string(years: float) -> str:
    """PS3.5 6.2, value representation AS."""
    return f"{max(1, int(years * 12)):03d}M" if years < 2 else f"{int(years):03d}Y"


def _birth_date(subject: Subject) -> str:
    """So many whole months before the study as the age has."""
    months = int(subject.study_date[:4]) * 12 + int(subject.study_date[4:6]) - 1 - int(subject.age_years * 12)
    return f"{months // 12:04d}{months % 12 + 1:02d}{min(int(subject.study_date[6:]), 28):02d}"
