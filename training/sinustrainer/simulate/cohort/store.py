"""Cases on disk: written aside, renamed when whole, listed in a manifest."""

import json
import os
import posixpath
import shutil
from pathlib import Path
from typing import Any

from sinustrainer.simulate.dicom.header import STATEMENT
from sinustrainer.simulate.version import SIMULATOR_VERSION
from sinusviewer.errors import StorageError

CASES, CASE_FILE, MANIFEST = "cases", "case.json", "manifest.json"


def write_json(path: Path, content: object) -> None:
    """Write JSON under a passing name, then rename it."""
    half = path.with_name(f".{path.name}.part")
    with half.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(path)


def finished_case(out: Path, case_id: str, fingerprint: str) -> dict[str, Any] | None:
    """The manifest entry of a case made before with the same plan, or None."""
    try:
        content = json.loads((out / CASES / case_id / CASE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("fingerprint") != fingerprint:
        return None
    entry = content.get("entry")
    if not isinstance(entry, dict):
        return None
    folder = out / CASES / case_id
    whole = all((folder / name).exists() for name in entry.get("files", {}).values())
    return entry if whole else None


def begin_case(out: Path, case_id: str) -> Path:
    """An empty folder to write a case into."""
    folder = out / CASES / f".{case_id}.part"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def finish_case(out: Path, case_id: str, folder: Path, entry: dict[str, Any], fingerprint: str) -> None:
    """Give a case its name; only now does it exist."""
    write_json(folder / CASE_FILE, {"fingerprint": fingerprint, "entry": entry})
    target = out / CASES / case_id
    if target.exists():
        shutil.rmtree(target)
    folder.replace(target)


def sweep(out: Path) -> None:
    """Remove what an interrupted run left half-written."""
    for folder in (out / CASES).glob(".*.part"):
        shutil.rmtree(folder, ignore_errors=True)


def write_manifest(out: Path, task: str, recipe: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    """``manifest.json`` with file names relative to ``out``."""
    cases = []
    for entry in entries:
        files = {
            kind: posixpath.normpath(f"{CASES}/{entry['case_id']}/{name}") for kind, name in entry["files"].items()
        }
        cases.append({**entry, "files": files})
    write_json(
        out / MANIFEST,
        {
            "schema_version": 1, "task": task, "simulated": True, "statement": STATEMENT,
            "simulator_version": SIMULATOR_VERSION, "recipe": recipe,
            "cases": cases,
        },
    )  # fmt: skip


def as_storage_error(error: OSError, out: Path) -> StorageError:
    """An OSError as one line: a full disk, a folder that may not be written."""
    import errno

    reasons = {
        errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up",
        errno.EACCES: "writing is not allowed", errno.EROFS: "the disk is read-only",
        errno.EFBIG: "a file may not grow that large here",
    }  # fmt: skip
    # Writers that wrap an error in their own keep the system's number only in its cause.
    cause: BaseException | None = error
    while isinstance(cause, OSError) and cause.errno is None:
        cause = cause.__cause__ or cause.__context__
    known = cause if isinstance(cause, OSError) else error
    reason = reasons.get(known.errno or 0) or known.strerror or "a file could not be written"
    return StorageError(
        f"The simulation stopped at {out}: {reason}.", "Finished cases are kept; run the same command again to go on."
    )
