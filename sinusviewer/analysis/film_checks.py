"""Is this a Waters' view? An empty answer is yes; else a sentence that says why the score is withheld."""

import re

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import Radiograph
from sinusviewer.imaging.preprocess import Box, FilmSource
from sinusviewer.inference.detector import AntrumScore, ScoredBox
from sinusviewer.inference.film_template import FilmTemplate, patch_vector

_OTHER_REGION = re.compile(
    r"chest|thorax|lung|panoram|orthopan|\bopg\b|abdom|pelvi|hand|wrist|foot|knee|hip|spine|cervical|lumbar|mammo",
    re.IGNORECASE,
)
_SINUS_VIEW = re.compile(r"water|sinus|\bpns\b|occipito.?mental|\bom\b|nnh|facial", re.IGNORECASE)
_SMALLEST_SIDE = 64
_WIDEST = 1.7
_GRID = 64
_MINIMUM_NEIGHBOUR_CORRELATION = 0.6
_SMALLEST_FACE, _LONGEST_FACE_RATIO = 0.15, 2.0
_MAXIMUM_TILT = 0.2
_CLEARLY_NEARER = 0.08
_ANTRA_TOO_LOW = 0.02


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


def refuse_face(
    face: ScoredBox, face_box: Box, shape: tuple[int, ...], threshold: float, upside_down_score: float
) -> str:
    """Checks on the facial patch: found, upright, of plausible size and place."""
    if face.score < threshold:
        if upside_down_score >= threshold:
            return "Not assessed: the film seems to stand upside down. Turn it and read it again."
        return f"Not assessed: no face of a Waters' view was found (score {face.score:.2f}, wanted {threshold:.2f})."
    if upside_down_score > face.score + 0.25:
        return "Not assessed: the film seems to stand upside down. Turn it and read it again."
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


def refuse_patch(source: FilmSource, face_box: Box, template: FilmTemplate | None) -> str:
    """Check of the patch against those of the training cohort, upright and upside down."""
    if template is None:
        return ""
    rows = source.values.shape[0]
    upright = template.distance(patch_vector(source, face_box))
    turned = FilmSource(source.values[::-1], None if source.valid is None else source.valid[::-1], source.inverted)
    flipped_box = (face_box[0], rows - face_box[3], face_box[2], rows - face_box[1])
    upside_down = template.distance(patch_vector(turned, flipped_box))
    if upside_down <= template.limit and upside_down < upright - _CLEARLY_NEARER:
        return "Not assessed: the film seems to stand upside down. Turn it and read it again."
    if upright > template.limit:
        return f"Not assessed: this does not look like a Waters' view (distance {upright:.2f}, at most {template.limit:.2f})."
    return ""


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
