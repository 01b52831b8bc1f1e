"""Is this a Waters' view? An empty answer is yes; else a sentence that says why the score is withheld."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import ImageWarning, Radiograph
from sinusviewer.imaging.preprocess import Box, FilmSource
from sinusviewer.inference.detector import AntrumScore, ScoredBox
from sinusviewer.inference.film_template import FilmTemplate, PatchFit, patch_vector

_OTHER_REGION = re.compile(
    r"chest|thorax|lung|panoram|orthopan|\bopg\b|abdom|pelvi|hand|wrist|foot|knee|hip|spine|cervical|lumbar|mammo",
    re.IGNORECASE,
)
_SINUS_VIEW = re.compile(r"water|sinus|\bpns\b|occipito.?mental|\bom\b|nnh|facial", re.IGNORECASE)
_REMEDY = "Turn it upright in the window and read it as shown, or store it the right way up."
_SMALLEST_SIDE = 64
_WIDEST = 1.7
_GRID = 64
_MINIMUM_NEIGHBOUR_CORRELATION = 0.6
_SMALLEST_FACE, _LONGEST_FACE_RATIO = 0.15, 2.0
_MAXIMUM_TILT = 0.2
_CLEARLY_NEARER, _CLEARLY_BETTER = 0.08, 0.1
_ANTRA_TOO_LOW = 0.02
_LEAN_DEG, _FAR_LEAN_DEG = 8.0, 18.0
_TURN_DEG, _FAR_TURN_DEG = 8.0, 20.0
_UNDER_DEG, _FAR_UNDER_DEG = 47.0, 58.0
_OVER_DEG, _FAR_OVER_DEG = 29.0, 18.0


def refuse_film(film: Radiograph, source: FilmSource) -> str:
    """Checks before any network: size, shape, description, contrast, noise."""
    rows, columns = source.values.shape
    if min(rows, columns) < _SMALLEST_SIDE:
        return f"Not assessed: an image of {columns} x {rows} pixels is too small for a Waters' view."
    if max(rows / columns, columns / rows) > _WIDEST:
        return f"Not assessed: an image of {columns} x {rows} pixels has not the shape of a Waters' view."
    described = f"{film.identity.series_description} {film.identity.study_description}"
    if (other := _OTHER_REGION.search(described)) and not _SINUS_VIEW.search(described):
        return f"Not assessed: the description names another region or view ({other.group().lower()})."
    valid = np.ones(source.values.shape, bool) if source.valid is None else source.valid
    inside = source.values[valid]
    if inside.size < 0.1 * source.values.size:
        return "Not assessed: almost all of the image is padding."
    low, high = (float(v) for v in np.percentile(inside, (2, 98)))
    if high - low <= max(2.0, 1e-3 * max(abs(low), abs(high))):
        return "Not assessed: the image is blank (all black, all white or without contrast)."
    middle = float(np.count_nonzero((inside > low) & (inside < high))) / inside.size
    if middle < 0.2:
        return "Not assessed: the image is almost all black or white."
    if _neighbour_correlation(source.values) < _MINIMUM_NEIGHBOUR_CORRELATION:
        return "Not assessed: the image is noise, without structure."
    return ""


def refuse_face(face: ScoredBox, face_box: Box, shape: tuple[int, ...], threshold: float) -> str:
    """Checks on the facial patch: found, of plausible size and place."""
    if face.score < threshold:
        return f"Not assessed: no face of a Waters' view was found (score {face.score:.2f}, wanted {threshold:.2f})."
    rows, columns = shape[:2]
    width, height = face_box[2] - face_box[0], face_box[3] - face_box[1]
    if min(width / columns, height / rows) < _SMALLEST_FACE:
        return "Not assessed: the face found is too small for a Waters' view."
    if max(width / max(height, 1.0), height / max(width, 1.0)) > _LONGEST_FACE_RATIO:
        return "Not assessed: the face found has not the shape of one."
    inside_x = min(face_box[2], columns) - max(face_box[0], 0)
    inside_y = min(face_box[3], rows) - max(face_box[1], 0)
    if inside_x * inside_y < 0.8 * width * height:
        return "Not assessed: the face reaches beyond the film, so both maxillary sinuses may not be on it."
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class TurnedFace:
    """The best face on the film turned another way: ``way`` as a sentence has it, the turned film, and where the face is."""

    way: str
    source: FilmSource
    score: float
    box: Box


def turned_films(source: FilmSource) -> tuple[tuple[str, FilmSource], ...]:
    """The film upside down, and lying on either side."""
    return (
        ("stand upside down", _turned(source, 2)),
        ("lie on its side", _turned(source, 1)),
        ("lie on its side", _turned(source, 3)),
    )


def refuse_turned(
    face: ScoredBox,
    threshold: float,
    upright: PatchFit | None,
    turned: Sequence[TurnedFace],
    template: FilmTemplate | None,
) -> str:
    """Whether the film shows a face better when it is turned; named only where that face is one of a Waters' view."""
    best = max(turned, key=lambda t: t.score)
    if template is not None and upright is not None:
        for other in sorted(turned, key=lambda t: -t.score):
            distance = template.distance(patch_vector(other.source, other.box))
            clearly = distance < upright.straightened - _CLEARLY_NEARER or face.score < threshold
            if other.score >= threshold and distance <= template.limit and clearly:
                return f"Not assessed: the film seems to {other.way}. {_REMEDY}"
    elif best.score >= threshold and (face.score < threshold or best.score > face.score + _CLEARLY_BETTER):
        return f"Not assessed: the film seems to {best.way}. {_REMEDY}"
    if best.score >= threshold and best.score > face.score + _CLEARLY_BETTER:
        return "Not assessed: this does not look like an upright Waters' view."
    return ""


def refuse_patch(source: FilmSource, face_box: Box, fit: PatchFit | None, template: FilmTemplate | None) -> str:
    """Check of the patch against those of the training cohort: alike, not inverted, not leaning or tilted far out."""
    if template is None or fit is None:
        return ""
    if fit.distance > template.limit and template.distance(-patch_vector(source, face_box)) <= template.limit:
        return "Not assessed: the grey values seem inverted (bone dark); the file may name the wrong MONOCHROME type."
    if fit.lean_deg is not None and abs(fit.lean_deg) > _FAR_LEAN_DEG:
        return f"Not assessed: the head leans about {abs(fit.lean_deg):.0f} degrees. Turn the film upright and read it again."
    if fit.straightened > template.limit:
        return f"Not assessed: this does not look like a Waters' view (distance {fit.straightened:.2f}, at most {template.limit:.2f})."
    if fit.pose is not None:
        if fit.pose.tilt > _FAR_UNDER_DEG:
            return (
                "Not assessed: the head is tilted too little for a Waters' view; the petrous ridges lie over the antra."
            )
        if fit.pose.tilt < _FAR_OVER_DEG:
            return "Not assessed: the head is tilted too far for a Waters' view; the antra are foreshortened."
        if abs(fit.pose.turn) > _FAR_TURN_DEG:
            return f"Not assessed: the face is turned about {abs(fit.pose.turn):.0f} degrees to the side."
    return ""


def marks_of_pose(fit: PatchFit | None) -> tuple[ImageWarning, ...]:
    """What a reader must know of the positioning of a film that is scored all the same."""
    if fit is None:
        return ()
    marks = []
    pose = fit.pose
    if pose is not None and pose.tilt > _UNDER_DEG:
        marks.append(ImageWarning(
            "under_tilted", f"The head seems tilted too little (orbitomeatal line about {pose.tilt:.0f} degrees, usual 30 to "
            "45): the petrous ridges may lie over the antral floors and look like disease."))  # fmt: skip
    if pose is not None and pose.tilt < _OVER_DEG:
        marks.append(ImageWarning(
            "over_tilted", f"The head seems tilted too far (orbitomeatal line about {pose.tilt:.0f} degrees, usual 30 to 45): "
            "the antra are foreshortened and their floors hidden."))  # fmt: skip
    if pose is not None and abs(pose.turn) > _TURN_DEG:
        marks.append(ImageWarning(
            "head_turned", f"The face seems turned about {abs(pose.turn):.0f} degrees to the side: one antrum looks narrower and "
            "denser than the other."))  # fmt: skip
    if fit.lean_deg is not None and abs(fit.lean_deg) > _LEAN_DEG:
        marks.append(ImageWarning(
            "head_leans", f"The head leans about {abs(fit.lean_deg):.0f} degrees: fluid levels are not level on this film, and "
            "boxes fit less well."))  # fmt: skip
    return tuple(marks)


def refuse_antra(antra: tuple[AntrumScore, AntrumScore], face_box: Box) -> str:
    """Checks on the antra, for networks that see healthy ones too: both there, level, one on each side."""
    if any(antrum.normal_evidence is None for antrum in antra):
        return ""  # the published variant marks disease only, so nothing can be said of a healthy antrum
    boxes = [antrum.box for antrum in antra]
    if any(box is None or box.objectness < _ANTRA_TOO_LOW for box in boxes):
        return "Not assessed: both maxillary sinuses could not be found in the facial patch."
    heights = [(box.xyxy[1] + box.xyxy[3]) / 2 for box in boxes if box is not None]
    if abs(heights[0] - heights[1]) > _MAXIMUM_TILT * (face_box[3] - face_box[1]):
        return "Not assessed: the maxillary sinuses found are not level; the head is tilted or this is no Waters' view."
    return ""


def _turned(source: FilmSource, quarters: int) -> FilmSource:
    """Upside down is mirrored top to bottom, as files are; a side is a quarter turn."""

    def turn(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.ascontiguousarray(array[::-1] if quarters == 2 else np.rot90(array, quarters))

    return FilmSource(turn(source.values), None if source.valid is None else turn(source.valid), source.inverted)


def _neighbour_correlation(values: npt.NDArray[np.float32]) -> float:
    """Correlation of neighbours on a coarse grid: about 0 for noise, above 0.9 for anything that was X-rayed."""
    rows, columns = values.shape
    step_y, step_x = max(1, rows // _GRID), max(1, columns // _GRID)
    coarse = values[: rows - rows % step_y, : columns - columns % step_x]
    coarse = coarse.reshape(rows // step_y, step_y, columns // step_x, step_x).mean(axis=(1, 3))
    first, second = coarse[:, :-1].ravel(), coarse[:, 1:].ravel()
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
