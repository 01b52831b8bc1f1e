"""Corrected boxes as training data: a film without identity and what a reader decided of it, as the trainer reads them.

A label is what a person said. A box that the network proposes and nobody has judged is no label, and a sinus of which nobody said
anything is not a clear one: such films are not written. A sinus is spoken of by a judged box, or by confirming the whole film.
Boxes are in the pixels of the stored film, sides are the patient's. An antrum without disease has the place where the network
saw it (its box below the threshold, or one that the reader rejected); where that is unknown, only the diseased ones are listed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.display import is_drawn
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import Radiograph
from sinusviewer.domain.reading import SeriesReading, WatersReading
from sinusviewer.errors import StorageError
from sinusviewer.report.atomic import write_bytes, write_text
from sinusviewer.report.training_data import MANIFEST, open_manifest, pseudonym, years

STATEMENT = "Clinical Waters' views whose boxes readers judged or drew, exported from SinusViewer without identity."
BURNED_IN_CAUTION = "Text burned into the pixels stays: look at each film before the folder is passed on."
_DISEASED = (FindingStatus.ACCEPTED, FindingStatus.EDITED)


def film_labels(
    waters: WatersReading, boxes: Sequence[Detection], threshold: float, *, confirmed: bool = False
) -> dict[str, Any]:
    """The manifest's labels of a film: four-way label, face box, diseased boxes, and both antra where both are known.

    Parameters
    ----------
    boxes
        All of the film, as the reader left them.
    threshold
        In force on screen: what the network proposes below it was not shown.
    confirmed
        Whether the reader said that nothing is to be seen on the film but what is marked.

    Raises
    ------
    StorageError
        Where a shown box is not judged, a side is not proved, a sinus has two boxes, or nobody spoke of a sinus.
    """
    by_side: dict[Side, list[Detection]] = {Side.RIGHT: [], Side.LEFT: []}
    for box in boxes:
        if not isinstance(box.side, Side):
            raise StorageError(
                "The side of this film is unverified.", "Confirm which side is the patient's right first."
            )
        if box.status is FindingStatus.PROPOSED and is_drawn(box, threshold):
            raise StorageError(
                f"The box of the {box.side.value} side is not judged yet.", "Accept, correct or reject every box first."
            )
        by_side[box.side].append(box)
    diseased, antra = [], []
    for side, found in by_side.items():
        ill = [box for box in found if box.status in _DISEASED]
        if len(ill) > 1:
            raise StorageError(f"The {side.value} maxillary sinus has two boxes.", "Keep one for each sinus.")
        if ill:
            diseased.append({"xyxy": _rounded(ill[0].xyxy), "side": side.value, "subclass": "", **_origin(ill[0])})
        if not confirmed and all(box.status is FindingStatus.PROPOSED for box in found):
            raise StorageError(
                f"Nobody has said that the {side.value} maxillary sinus is clear.",
                "If there is nothing else to see, confirm the film (Shift+Enter).",
            )
        if found:
            place = ill[0] if ill else max(found, key=lambda box: box.score)
            antra.append({"side": side.value, "xyxy": _rounded(place.xyxy), "diseased": bool(ill), "subclass": ""})
    sick = [box["side"] for box in diseased]
    label = "normal" if not sick else "bilateral" if len(sick) == 2 else sick[0]
    labels = {
        "label": label, "face_box": _rounded(waters.face_box), "boxes": diseased, "confirmed_by_reader": confirmed,
    }  # fmt: skip
    # Without the place of one antrum the list would call the other the whole film: then boxes alone are given.
    return {**labels, "antra": antra} if len(antra) == 2 else labels


def write_film_case(
    folder: Path, film: Radiograph, reading: SeriesReading, labels: dict[str, Any], image: bytes
) -> Path:
    """Write a film and its labels into a data folder and its manifest; the same film again replaces its case.

    Parameters
    ----------
    image
        The film as a DICOM file without identity.

    Raises
    ------
    StorageError
        Where the folder holds other data, or it cannot be written.
    """
    manifest = open_manifest(folder, "waters", f"{STATEMENT} {BURNED_IN_CAUTION}")
    case_id, patient_id = film_names(film)
    name = f"{case_id}/film.dcm"
    write_bytes(folder / name, image)
    who, waters = film.identity, reading.waters
    case = {
        "case_id": case_id,
        "patient_id": patient_id,
        "site": "",
        "split": "train",
        "age": years(who.age),
        "sex": who.sex if who.sex in ("F", "M") else "",
        "files": {"image": name},
        "labels": labels,
        "clinical": {},
        "acquisition": {
            "manufacturer": who.manufacturer, **film.exposure, "side_evidence": film.orientation_evidence.value,
        },
        "seed": None,
        "reading": {
            "model": waters.model.name if waters else "",
            "model_sha256": waters.model.sha256 if waters else "",
            "face_box_by": waters.patch_model.name if waters and waters.patch_model else "",
        },
    }  # fmt: skip
    manifest["cases"] = [c for c in manifest["cases"] if c.get("case_id") != case_id] + [case]
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return folder


def film_names(film: Radiograph) -> tuple[str, str]:
    """Pseudonyms of the film and of its patient."""
    who = film.identity
    own = film.sop_instance_uid or who.series_instance_uid
    return pseudonym("case", own), pseudonym("patient", who.patient_id or who.study_instance_uid or own)


def _origin(box: Detection) -> dict[str, Any]:
    """How the reader came to it, and the network's own box where it was changed."""
    if box.author is Author.READER:
        return {"origin": "drawn"}
    if box.original_xyxy is None:
        return {"origin": "accepted"}
    return {"origin": "corrected", "network_xyxy": _rounded(box.original_xyxy)}


def _rounded(xyxy: Sequence[float]) -> list[float]:
    return [round(float(v), 2) for v in xyxy]
