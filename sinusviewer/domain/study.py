"""Studies and series as a scan finds them: headers only, no pixels."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sinusviewer.domain.image import Identity, ImageWarning


def mark_of(uid: str) -> str:
    """A short name for a study or series, for files in a folder that may hold those of many."""
    return hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:8]


EMPTY_FILE = "The file is empty."
"""Why a file of 0 bytes is left out."""
MASKS_ALONE = "label_map"
"""Code of the warning that a series bears which is masks and no image (a label map in a research format)."""


class SeriesKind(StrEnum):
    """What a series can be used for."""

    RADIOGRAPH = "radiograph"  # CR, DX: each instance an image of its own
    VOLUME = "volume"  # CT slices or Enhanced CT frames that form a volume
    STACK = "stack"  # several slices that form no volume
    LOCALIZER = "localizer"
    VIEW_ONLY = "view_only"  # secondary capture, other modalities, pictures: never given to a model


class FileStatus(StrEnum):
    """What became of a file that was given."""

    READ = "read"
    IGNORED = "ignored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One line of ``index.json``: every file given appears once."""

    path: str
    status: FileStatus
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One file (or one member of a ZIP that was unpacked): where it is and where it lies in space."""

    path: Path
    sop_instance_uid: str
    sop_class_uid: str = ""
    instance_number: int = 0
    rows: int = 0
    columns: int = 0
    frames: int = 1
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    spacing: tuple[float, float] | None = None
    transfer_syntax_uid: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Instances that belong together by geometry (one DICOM series may give several)."""

    identity: Identity
    kind: SeriesKind
    instances: tuple[Instance, ...]
    description: str = ""
    key: str = ""
    """Unique within the study: the series UID, with a suffix where the series was split."""
    warnings: tuple[ImageWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """All series of one study instance UID."""

    study_instance_uid: str
    identity: Identity
    series: tuple[Series, ...]
    source: str = ""
    masks: tuple[Instance, ...] = ()
    """DICOM Segmentation objects about the study's series."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Everything a scan found, and what became of every file."""

    studies: tuple[Study, ...] = ()
    files: tuple[FileOutcome, ...] = field(default=())
    labels: dict[str, str] = field(default_factory=dict)
    """Path of an instance to its path in ``files``, where the two differ (members of archives)."""
