"""How far a facial patch is from the patches of Waters' views: an input check that needs no network.

The patch is made small, freed of its slow brightness changes and of contrast, and compared with the mean and the main
variations (principal components) of the patches of a training cohort. The share of it that they cannot express is its
distance: 0 for a film of the cohort, near 1 for a chest, a CT slice, a film upside down, noise.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
_SETTINGS = FilmPreprocessing(
    name=preprocess.WATERS_PATCH, size=SIDE * _OVERSAMPLING, low=1.0, high=99.0, center=1.0, margin=1.0
)

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FilmTemplate:
    """Mean ``[256]`` and orthonormal variations ``[k, 256]`` of a cohort's patches, and the largest distance taken for one.

    Attributes
    ----------
    limit
        Patches farther than this are not taken for Waters' views.
    fitted_on
        Sentence on the cohort.
    """

    mean: Vector
    components: Vector
    limit: float
    fitted_on: str

    def distance(self, vector: Vector) -> float:
        """Share of a patch (0-1, a little above 1 is possible) that mean and variations cannot express."""
        rest = vector - self.mean
        return float(np.linalg.norm(rest - self.components.T @ (self.components @ rest)))


def patch_vector(source: FilmSource, face_box: Box) -> Vector:
    """A facial patch as a vector of unit length, without slow brightness changes and local contrast; 0 for a blank one."""
    placement = preprocess.place_patch(face_box, _SETTINGS.size)
    image = preprocess.film_input(source, placement, _SETTINGS)[0, 0]
    small = image.reshape(SIDE, _OVERSAMPLING, SIDE, _OVERSAMPLING).mean(axis=(1, 3)).astype(np.float64)
    detail = small - ndimage.gaussian_filter(small, _SLOW_PIXELS)
    contrast = np.sqrt(ndimage.gaussian_filter(detail**2, 1.5 * _SLOW_PIXELS))
    flat = (detail / (contrast + _NOISE_FLOOR)).ravel()
    flat -= flat.mean()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 1e-9 else np.zeros_like(flat))


def fit(
    vectors: npt.NDArray[np.float64], held_out: npt.NDArray[np.float64], components: int, fitted_on: str
) -> FilmTemplate:
    """Mean and main variations of ``vectors [n, 256]``; the limit lies 8 % above 99.5 % of ``held_out``."""
    mean = vectors.mean(axis=0)
    _, _, rows = np.linalg.svd(vectors - mean, full_matrices=False)
    template = FilmTemplate(mean, rows[:components], 1.0, fitted_on)
    usual = float(np.quantile([template.distance(v) for v in held_out], 0.995))
    return FilmTemplate(mean, rows[:components], round(min(0.99, 1.08 * usual), 4), fitted_on)


def save(template: FilmTemplate, path: Path) -> None:
    """Write a template as JSON (numbers rounded to four digits)."""
    content = {
        "schema_version": 1,
        "fitted_on": template.fitted_on,
        "limit": template.limit,
        "mean": np.round(template.mean, 4).tolist(),
        "components": np.round(template.components, 4).tolist(),
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
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError("The template of Waters' views cannot be read.", "Install SinusViewer again.") from error
    if mean.shape != (SIDE * SIDE,) or components.ndim != 2 or components.shape[1] != mean.size:
        raise ModelFileError("The template of Waters' views has the wrong size.", "Install SinusViewer again.")
    return FilmTemplate(mean, components, limit, fitted_on)


@cache
def of_model(folder: Path) -> FilmTemplate | None:
    """The template beside a patch detector's weights; None where it has none, and then the check is left out."""
    path = folder / TEMPLATE_FILE
    return load(path) if path.is_file() else None
