"""How far a facial patch is from the patches of Waters' views, and how the head stands in it: checks that need no network.

The patch is made small, freed of its slow brightness changes and of contrast, and compared with the mean and the main
variations (principal components) of the patches of a training cohort. The share of it that they cannot express is its
distance: 0 for a film of the cohort, near 1 for a chest, a CT slice, a film upside down, noise.

A linear readout of the same numbers, fitted on films whose positioning is known, tells tilt, turn and lean of the head. It is
good to a few degrees within its cohort and falls short beyond (it says 30 degrees where 22 are true), so it marks, and
refuses only what is far out.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.errors import ModelFileError
from sinusviewer.imaging import preprocess
from sinusviewer.imaging.preprocess import Box, FilmPreprocessing, FilmSource

TEMPLATE_FILE = "film_template.json"
SIDE = 16
_OVERSAMPLING = 6
_SLOW_PIXELS = 2.0
_NOISE_FLOOR = 0.02
_LEANS_DEG = (-30.0, -22.5, -15.0, -7.5, 0.0, 7.5, 15.0, 22.5, 30.0)
_LEAN_GAIN = 0.03
_RIDGE = 2e-4
_SETTINGS = FilmPreprocessing(
    name=preprocess.WATERS_PATCH, size=SIDE * _OVERSAMPLING, low=1.0, high=99.0, center=1.0, margin=1.0
)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head stands, degrees.

    Attributes
    ----------
    tilt
        Orbitomeatal line to the detector: 37 in the textbook, 30-45 in practice; larger is under-tilted.
    turn
        Of the face to the patient's left.
    lean
        Positive brings the patient's left side (the film's right) down.
    """

    tilt: float
    turn: float
    lean: float


@dataclass(frozen=True, slots=True, eq=False)
class PoseReadout:
    """Pose as ``weights [3, 256] @ vector + offset [3]``; ``error_deg`` is the SD of its error on held-out films."""

    weights: Vector
    offset: Vector
    error_deg: tuple[float, float, float]

    def pose(self, vector: Vector) -> Pose:
        tilt, turn, lean = (float(v) for v in self.weights @ vector + self.offset)
        return Pose(tilt, turn, lean)


@dataclass(frozen=True, slots=True, eq=False)
class FilmTemplate:
    """Mean ``[256]`` and orthonormal variations ``[k, 256]`` of a cohort's patches, and the largest distance taken for one.

    Attributes
    ----------
    limit
        Patches farther than this are not taken for Waters' views.
    fitted_on
        Sentence on the cohort.
    readout
        None where the cohort's positioning was not known.
    """

    mean: Vector
    components: Vector
    limit: float
    fitted_on: str
    readout: PoseReadout | None = None

    def distance(self, vector: Vector) -> float:
        """Share of a patch (0-1, a little above 1 is possible) that mean and variations cannot express."""
        rest = vector - self.mean
        return float(np.linalg.norm(rest - self.components.T @ (self.components @ rest)))


@dataclass(frozen=True, slots=True, eq=False)
class PatchFit:
    """A patch against the template: its distance as it stands and once its lean is taken out, and how the head stands.

    ``lean_deg`` is None where no turning of the patch fits; ``pose`` is None without a readout.
    """

    distance: float
    straightened: float
    lean_deg: float | None
    pose: Pose | None


def fit_patch(source: FilmSource, face_box: Box, template: FilmTemplate) -> PatchFit:
    """Compare a patch, turned by up to 30 degrees either way, with the template."""
    small, box = _cut_out(source, face_box)
    vectors = {lean: patch_vector(small, box, lean) if lean else patch_vector(source, face_box) for lean in _LEANS_DEG}
    distances = {lean: template.distance(vector) for lean, vector in vectors.items()}
    best = min(distances, key=lambda lean: distances[lean])
    if distances[best] > distances[0.0] - _LEAN_GAIN:
        best = 0.0
    fits = distances[best] <= template.limit
    pose = None if template.readout is None else template.readout.pose(vectors[best])
    if pose is not None:
        pose = Pose(pose.tilt, pose.turn, pose.lean + best)
    lean_deg = (best if pose is None else pose.lean) if fits else None
    return PatchFit(distances[0.0], distances[best], lean_deg, pose)


def patch_vector(source: FilmSource, face_box: Box, lean_deg: float = 0.0) -> Vector:
    """A facial patch as a vector of unit length, without slow brightness changes and local contrast; 0 for a blank one.

    Parameters
    ----------
    lean_deg
        The patch is sampled turned so that a head of this lean stands straight.
    """
    to_image = preprocess.place_patch(face_box, _SETTINGS.size).canvas_to_image
    if lean_deg:
        to_image = _turned(to_image, lean_deg)
    values, valid = preprocess.sample(source, to_image, _SETTINGS.size)
    image = preprocess.to_unit(values, valid, source.inverted, _SETTINGS)
    small = image.reshape(SIDE, _OVERSAMPLING, SIDE, _OVERSAMPLING).mean(axis=(1, 3)).astype(np.float64)
    detail = small - ndimage.gaussian_filter(small, _SLOW_PIXELS)
    contrast = np.sqrt(ndimage.gaussian_filter(detail**2, 1.5 * _SLOW_PIXELS))
    flat = (detail / (contrast + _NOISE_FLOOR)).ravel()
    flat -= flat.mean()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 1e-9 else np.zeros_like(flat))


def _cut_out(source: FilmSource, face_box: Box) -> tuple[FilmSource, Box]:
    """The patch with room to turn in, small: eight turns of it cost less than one of the film."""
    room = 1.5
    placement = preprocess.place_patch(face_box, round(room * _SETTINGS.size), room)
    values, valid = preprocess.sample(source, placement.canvas_to_image, placement.size)
    x0, y0, x1, y1 = (float(v) for v in placement.boxes_to_canvas(face_box))
    return FilmSource(values, None if valid.all() else valid, source.inverted), (x0, y0, x1, y1)


def _turned(to_image: npt.NDArray[np.float64], lean_deg: float) -> npt.NDArray[np.float64]:
    """The canvas turned about its middle."""
    angle, half = np.deg2rad(lean_deg), _SETTINGS.size / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = to_image[:, :2] @ turn
    origin = to_image[:, :2] @ (half - turn @ np.array([half, half])) + to_image[:, 2]
    return np.column_stack([linear, origin])


def fit(
    vectors: npt.NDArray[np.float64], held_out: npt.NDArray[np.float64], components: int, fitted_on: str
) -> FilmTemplate:
    """Mean and main variations of ``vectors [n, 256]``; the limit lies 8 % above 99.5 % of ``held_out``."""
    mean = vectors.mean(axis=0)
    _, _, rows = np.linalg.svd(vectors - mean, full_matrices=False)
    template = FilmTemplate(mean, rows[:components], 1.0, fitted_on)
    usual = float(np.quantile([template.distance(v) for v in held_out], 0.995))
    return FilmTemplate(mean, rows[:components], round(min(0.99, 1.08 * usual), 4), fitted_on)


def fit_readout(
    vectors: npt.NDArray[np.float64],
    poses: npt.NDArray[np.float64],
    held_out: npt.NDArray[np.float64],
    held_out_poses: npt.NDArray[np.float64],
) -> PoseReadout:
    """Ridge regression of ``poses [n, 3]`` (tilt, turn, lean) on ``vectors [n, 256]``."""
    middle, offset = vectors.mean(axis=0), poses.mean(axis=0)
    centred = vectors - middle
    ridge = _RIDGE * len(vectors) * np.eye(vectors.shape[1])
    weights = np.linalg.solve(centred.T @ centred + ridge, centred.T @ (poses - offset)).T
    offset = offset - weights @ middle
    error = np.std(held_out @ weights.T + offset - held_out_poses, axis=0)
    return PoseReadout(weights, offset, (float(error[0]), float(error[1]), float(error[2])))


def save(template: FilmTemplate, path: Path) -> None:
    """Write a template as JSON (numbers rounded to four digits)."""
    content: dict[str, object] = {
        "schema_version": 1,
        "fitted_on": template.fitted_on,
        "limit": template.limit,
        "mean": np.round(template.mean, 4).tolist(),
        "components": np.round(template.components, 4).tolist(),
    }
    if template.readout is not None:
        content["pose"] = {
            "weights": np.round(template.readout.weights, 3).tolist(),
            "offset": np.round(template.readout.offset, 3).tolist(),
            "error_deg": [round(e, 3) for e in template.readout.error_deg],
        }
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def load(path: Path) -> FilmTemplate:
    """Read a template.

    Raises
    ------
    ModelFileError
        Where it is missing or its numbers do not fit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        mean = np.array(content["mean"], np.float64)
        components = np.array(content["components"], np.float64)
        limit, fitted_on = float(content["limit"]), str(content["fitted_on"])
        readout = _readout(content.get("pose"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError("The template of Waters' views cannot be read.", "Install SinusViewer again.") from error
    if mean.shape != (SIDE * SIDE,) or components.ndim != 2 or components.shape[1] != mean.size:
        raise ModelFileError("The template of Waters' views has the wrong size.", "Install SinusViewer again.")
    if readout is not None and (readout.weights.shape != (3, mean.size) or readout.offset.shape != (3,)):
        raise ModelFileError("The template of Waters' views has the wrong size.", "Install SinusViewer again.")
    return FilmTemplate(mean, components, limit, fitted_on, readout)


def _readout(content: Any) -> PoseReadout | None:
    if content is None:
        return None
    tilt, turn, lean = (float(e) for e in content["error_deg"])
    return PoseReadout(
        np.array(content["weights"], np.float64), np.array(content["offset"], np.float64), (tilt, turn, lean)
    )


@cache
def of_model(folder: Path) -> FilmTemplate | None:
    """The template beside a patch detector's weights; None where it has none, and then the check is left out."""
    path = folder / TEMPLATE_FILE
    return load(path) if path.is_file() else None
