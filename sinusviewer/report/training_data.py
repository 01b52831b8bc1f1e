"""Corrected masks as training data: a CT without identity and its masks, in the folder format that the trainer reads.

Masks that a network drew and nobody has judged teach a network its own mistakes: like films that nobody has judged, they are not
written. The CT goes out as NIfTI: that holds voxels and their place in space, no name, number or date. Patients and cases are named by
keyed digests, the same at each export from this computer, so that one patient never lands in two splits.
"""

import hashlib
import hmac
import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Any

from sinusviewer.domain.anatomy import SINUS_CODES, Side
from sinusviewer.domain.finding import Author
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.errors import StorageError
from sinusviewer.paths import user_data_dir
from sinusviewer.report.atomic import write_bytes, write_text
from sinusviewer.report.masks import label_names, nifti_bytes

MANIFEST = "manifest.json"
STATEMENT = (
    "Clinical CTs with sinus masks, exported from SinusViewer without identity; masks.state of a case says whether a reader "
    "confirmed all of them as right, or corrected or drew them."
)
FACE_CAUTION = "A head CT can be rendered to a face: keep the folder as safe as the study itself."


def pseudonym(kind: str, value: str) -> str:
    """A name for a patient or a case that only this computer's key leads to."""
    path = user_data_dir() / "pseudonym.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        write_bytes(path, key)
    except OSError as error:
        raise StorageError("The key for pseudonyms cannot be read.", "Check the user data folder.") from error
    return (
        f"{kind}-{hmac.new(key, f'{kind}:{value}'.encode('utf-8', 'surrogateescape'), hashlib.sha256).hexdigest()[:16]}"
    )


def write_ct_case(folder: Path, volume: Volume, reading: SeriesReading, *, confirmed: bool = False) -> Path:
    """Write a CT and its masks into a data folder and its manifest; the same CT again replaces its case.

    Parameters
    ----------
    confirmed
        Whether a reader said of the masks as a whole that they are right.

    Raises
    ------
    StorageError
        Where there are no masks, nobody has judged them, the folder holds other data, or it cannot be written.
    """
    missing, segmentation = why_no_case(reading, confirmed=confirmed), reading.segmentation
    if missing is not None or segmentation is None:
        raise missing or _no_masks()
    manifest = open_manifest(folder, "ct", f"{STATEMENT} {FACE_CAUTION}", label_names=label_names())
    who = volume.identity
    series = reading.series_instance_uid or who.series_instance_uid
    case_id = pseudonym("case", series)
    files = {"image": f"{case_id}/ct.nii.gz", "labels": f"{case_id}/labels.nii.gz"}
    write_bytes(folder / files["image"], nifti_bytes(volume.voxels, volume.affine))
    write_bytes(folder / files["labels"], nifti_bytes(segmentation.labels, volume.affine))
    if segmentation.opacified is not None:
        files["opacified"] = f"{case_id}/opacified.nii.gz"
        write_bytes(folder / files["opacified"], nifti_bytes(segmentation.opacified.astype("uint8"), volume.affine))
    case = {
        "case_id": case_id,
        "patient_id": pseudonym("patient", who.patient_id or who.study_instance_uid or series),
        "site": "",
        "split": "train",
        "age": years(who.age),
        "sex": who.sex if who.sex in ("F", "M") else "",
        "files": files,
        "labels": _labels(reading),
        "clinical": {},
        "acquisition": {"manufacturer": who.manufacturer, **volume.exposure, "side_verified": volume.oriented},
        "seed": None,
        "masks": {
            "state": masks_state(reading, confirmed=confirmed).value,
            "edited_by_reader": made_by_reader(reading),
            "confirmed_by_reader": confirmed,
            "model": reading.segmentation_model.name if reading.segmentation_model else "",
            "model_sha256": reading.segmentation_model.sha256 if reading.segmentation_model else "",
        },
    }
    manifest["cases"] = [c for c in manifest["cases"] if c.get("case_id") != case_id] + [case]
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return folder


class MasksState(StrEnum):
    """Who vouches for the masks of a case."""

    CONFIRMED = "confirmed"  # a reader, for all of them as they stand
    EDITED = "edited"  # a reader changed or drew some; of the others nobody has said anything
    NETWORK = "network"  # nobody: as a network drew them, or as they were stored with the study


def why_no_case(reading: SeriesReading | None, *, confirmed: bool) -> StorageError | None:
    """What is missing before masks can teach anything; None where nothing is."""
    if reading is None or reading.segmentation is None:
        return _no_masks()
    if masks_state(reading, confirmed=confirmed) is MasksState.NETWORK:
        return StorageError(
            "Nobody has said that these masks are right.",
            "Correct them with the brush (M), or look at all of them and confirm them (Shift+Enter).",
        )
    return None


def _no_masks() -> StorageError:
    return StorageError("This CT has no masks to learn from.", "Read it, or draw masks with the brush (M).")


def masks_state(reading: SeriesReading, *, confirmed: bool) -> MasksState:
    """Who vouches for the masks of a reading."""
    if confirmed:
        return MasksState.CONFIRMED
    return MasksState.EDITED if made_by_reader(reading) else MasksState.NETWORK


def made_by_reader(reading: SeriesReading) -> bool:
    """Whether a reader corrected or drew the masks here; those of a network, or stored with the study, nobody here vouches for."""
    masks = reading.segmentation
    drawn = masks is not None and masks.author is Author.READER and reading.status is SeriesStatus.READ
    return masks is not None and (drawn or masks.is_edited)


def open_manifest(folder: Path, task: str, statement: str, **more: Any) -> dict[str, Any]:
    """The folder's manifest, or a new one.

    Raises
    ------
    StorageError
        Where the folder holds data of another kind, or its manifest cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {
            "schema_version": 1, "task": task, "simulated": False, "statement": statement, "recipe": {}, **more, "cases": [],
        }  # fmt: skip
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        fits = known["task"] == task and known.get("simulated") is False and isinstance(known["cases"], list)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"The {MANIFEST} of that folder cannot be read.", "Choose an empty folder.") from error
    if not fits:
        raise StorageError("That folder holds training data of another kind.", "Choose an empty folder.")
    return dict(known)


def _labels(reading: SeriesReading) -> dict[str, Any]:
    """What is known of the patient beside the masks, only where sides are proved."""
    named = {SINUS_CODES[m.sinus, m.side].name.lower(): m for m in reading.sinuses if isinstance(m.side, Side)}
    fractions = {name: m.opacified_fraction for name, m in named.items() if m.opacified_fraction is not None}
    scores = {name: m.lund_mackay for name, m in named.items() if m.lund_mackay is not None}
    return {"opacified_fraction": fractions, "lund_mackay": scores} if named else {}


def years(dicom_age: str) -> float | None:
    """034Y as 34 (PS3.5 Table 6.2-1, AS); None for anything else than years."""
    return float(dicom_age[:-1]) if dicom_age[-1:] == "Y" and dicom_age[:-1].isdigit() else None
