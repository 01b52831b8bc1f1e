"""Files written whole or not at all, and folder names that stay inside their folder."""

import contextlib
import hashlib
import os
import re
from pathlib import Path

from sinusviewer.errors import StorageError

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_NAME = 64


def write_bytes(path: Path, content: bytes) -> None:
    """Write beside the target, then rename: a reader never finds half a file.

    Raises
    ------
    StorageError
        Where the disk is full, the folder is not writable, or the like.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # what cannot be written may not be removable either
            temporary.unlink(missing_ok=True)
        raise StorageError(
            f"“{path.name}” could not be written: {error.strerror or type(error).__name__}.",
            "Check the free space and the rights of the output folder.",
        ) from error


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode("utf-8", "replace"))


def folder_name(study_instance_uid: str) -> str:
    """A folder name for a study: its UID where that is one, else a harmless name that differs for different UIDs."""
    if len(study_instance_uid) <= _LONGEST_NAME and _UID.fullmatch(study_instance_uid):
        return study_instance_uid
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", study_instance_uid)[:32].strip("_") or "study"
    digest = hashlib.sha256(study_instance_uid.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{plain}_{digest}"
