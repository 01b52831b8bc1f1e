"""DICOMDIR: which files a medium's index names (PS3.3 F.5, PS3.10 8.6)."""

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sinusviewer.errors import DicomReadError
from sinusviewer.imaging.quiet import PYDICOM_ERRORS, quiet_readers
from sinusviewer.imaging.tags import Tag

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


def referenced_files(index: Path) -> tuple[tuple[Path, str], ...]:
    """The files a DICOMDIR names that are there, and a reason for each that is not.

    Returns
    -------
    tuple of (path, reason)
        ``reason`` is empty where the file exists. Names that lead out of the index's folder are refused.

    Raises
    ------
    DicomReadError
        If the index cannot be read.
    """
    quiet_readers()
    try:
        with index.open("rb") as file:
            dataset = dcmread(file, force=True)
        records = dataset.get(int(Tag.DIRECTORY_RECORD_SEQUENCE))
        items = records.value if records is not None and isinstance(records.value, Sequence) else []
        names = [_file_id(item) for item in items]
    except PYDICOM_ERRORS as error:
        raise DicomReadError("The DICOMDIR is damaged.", "Open the folder it lies in instead.") from error
    found: dict[Path, str] = {}
    for parts in names:
        if parts:
            path, reason = _resolve(index.parent, parts)
            found.setdefault(path, reason)
    return tuple(found.items())


def _file_id(record: Dataset) -> tuple[str, ...]:
    value = record.get("ReferencedFileID")
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _resolve(folder: Path, parts: tuple[str, ...]) -> tuple[Path, str]:
    if any(p in ("", ".", "..") or "/" in p or "\\" in p or ":" in p or "\0" in p for p in parts):
        return folder / "?".join(p.replace("\0", "") for p in parts).replace(
            "/", "?"
        ), "The DICOMDIR names a file outside its own folder."
    path = folder.joinpath(*parts)
    if path.is_file():
        return path, ""
    # Media written in capitals are often copied to file systems that keep small letters.
    current = folder
    for part in parts:
        if not current.is_dir():
            break
        match = next(
            (c for c in current.iterdir() if c.name.lower().rstrip(".") in (part.lower(), f"{part.lower()}.dcm")), None
        )
        if match is None:
            return path, "The DICOMDIR names this file, but it is not there."
        current = match
    return (current, "") if current.is_file() else (path, "The DICOMDIR names this file, but it is not there.")
