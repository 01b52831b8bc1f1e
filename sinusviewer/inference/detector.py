"""Decoding a YOLOv2 detector's raw output in numpy, and what it says of the two antra.

Redmon and Farhadi, CVPR 2017 ("YOLO9000"), section 2: direct location prediction, softmax classes, anchors.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import ImageSide
from sinusviewer.errors import InferenceError

FloatArray = npt.NDArray[np.float64]
NORMAL = "normal"
MAX_LOG_SCALE = 4.0
"""Boxes larger than e^4 anchors do not occur; the clamp keeps exp finite on odd input."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Every anchor's box of one image: ``xyxy`` in canvas pixels ``[n, 4]``, objectness ``[n]``, classes ``[n, c]``."""

    xyxy: FloatArray
    objectness: FloatArray
    classes: FloatArray


@dataclass(frozen=True, slots=True)
class ScoredBox:
    """A box in canvas pixels with its score and class."""

    xyxy: tuple[float, float, float, float]
    score: float
    label: str
    objectness: float


@dataclass(frozen=True, slots=True)
class AntrumScore:
    """What the network says of the antrum on one half of the patch.

    Attributes
    ----------
    score
        Uncalibrated probability of disease; 0 where no box was found (published variant).
    normal_evidence
        Probability of the class "normal" of the same box; None for a network that has no such class.
    subclass
        Likeliest form of disease; empty for one-class networks.
    box
        Best box on this half, None where there is none.
    """

    side: ImageSide
    score: float
    normal_evidence: float | None
    subclass: str
    box: ScoredBox | None


def decode(raw: npt.NDArray[np.float32], anchors: npt.ArrayLike, size: int) -> Predictions:
    """Boxes from one image's raw output ``[anchors * (5 + classes), rows, columns]``.

    Parameters
    ----------
    anchors
        ``[n, 2]`` widths and heights as shares of the canvas.
    size
        Canvas side in pixels.
    """
    shapes = np.asarray(anchors, dtype=np.float64)
    if raw.ndim != 3 or raw.shape[0] % len(shapes) or raw.shape[0] // len(shapes) < 6:
        raise InferenceError(f"A detector output of shape {raw.shape} does not fit {len(shapes)} anchors.")
    rows, columns = raw.shape[1:]
    cells = raw.reshape(len(shapes), -1, rows, columns).astype(np.float64)
    center_x = (sigmoid(cells[:, 0]) + np.arange(columns)[None, None, :]) / columns * size
    center_y = (sigmoid(cells[:, 1]) + np.arange(rows)[None, :, None]) / rows * size
    width = np.exp(np.minimum(cells[:, 2], MAX_LOG_SCALE)) * shapes[:, 0, None, None] * size
    height = np.exp(np.minimum(cells[:, 3], MAX_LOG_SCALE)) * shapes[:, 1, None, None] * size
    xyxy = np.stack([center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2], axis=-1)
    logits = np.moveaxis(cells[:, 5:], 1, -1)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    classes = weights / weights.sum(axis=-1, keepdims=True)
    return Predictions(xyxy.reshape(-1, 4), sigmoid(cells[:, 4]).ravel(), classes.reshape(-1, classes.shape[-1]))


def sigmoid(x: npt.NDArray[Any]) -> FloatArray:
    """1 / (1 + exp(-x)) without overflow."""
    result: FloatArray = 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))
    return result


def box_iou(first: npt.ArrayLike, second: npt.ArrayLike) -> FloatArray:
    """IoU of each of ``first [n, 4]`` with each of ``second [m, 4]``, as ``[n, m]``."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(1, -1, 4)
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=-1)
    area_a = (a[..., 2:] - a[..., :2]).prod(axis=-1)
    area_b = (b[..., 2:] - b[..., :2]).prod(axis=-1)
    result: FloatArray = overlap / np.maximum(area_a + area_b - overlap, 1e-12)
    return result


def best_face(predictions: Predictions) -> ScoredBox:
    """The facial patch: the box of highest objectness (there is one face on a film)."""
    best = int(np.argmax(predictions.objectness))
    score = float(predictions.objectness[best])
    return ScoredBox(_box(predictions.xyxy[best]), score, "face", score)


def antrum_scores(
    predictions: Predictions, labels: tuple[str, ...], size: int, *, vote_iou: float | None = None
) -> tuple[AntrumScore, AntrumScore]:
    """Score each half of the patch, image-left first; the side is the box centre's against the patch's midline.

    With a class ``normal`` among ``labels``, every half has an antrum: its best box by objectness says how likely disease
    is. Without one (published variant) the score is that of the best sinusitis box, objectness times class.

    Parameters
    ----------
    vote_iou
        If given, boxes overlapping the best by at least this vote on its classes, weighted by objectness.
    """
    middle = (predictions.xyxy[:, 0] + predictions.xyxy[:, 2]) / 2
    left = _antrum(predictions, np.flatnonzero(middle < size / 2), labels, ImageSide.IMAGE_LEFT, vote_iou)
    right = _antrum(predictions, np.flatnonzero(middle >= size / 2), labels, ImageSide.IMAGE_RIGHT, vote_iou)
    return left, right


def _antrum(
    predictions: Predictions,
    rows: npt.NDArray[np.intp],
    labels: tuple[str, ...],
    side: ImageSide,
    vote_iou: float | None,
) -> AntrumScore:
    if rows.size == 0:
        return AntrumScore(side, 0.0, None, "", None)
    has_normal = NORMAL in labels
    disease = [i for i, label in enumerate(labels) if label != NORMAL]
    ranking = predictions.objectness[rows]
    if not has_normal:
        ranking = ranking * predictions.classes[rows][:, disease].sum(axis=1)
    best = int(rows[int(np.argmax(ranking))])
    xyxy, objectness = predictions.xyxy[best], float(predictions.objectness[best])
    classes = predictions.classes[best]
    if has_normal and vote_iou is not None:
        voters = rows[box_iou(xyxy, predictions.xyxy[rows])[0] >= vote_iou]
        weights = predictions.objectness[voters]
        classes = weights @ predictions.classes[voters] / max(float(weights.sum()), 1e-12)
        xyxy = weights @ predictions.xyxy[voters] / max(float(weights.sum()), 1e-12)
    sick = float(classes[disease].sum())
    score = sick if has_normal else sick * objectness
    form = labels[disease[int(np.argmax(classes[disease]))]]
    subclass = form if len(disease) > 1 else ""
    normal = float(classes[labels.index(NORMAL)]) if has_normal else None
    return AntrumScore(side, score, normal, subclass, ScoredBox(_box(xyxy), score, form, objectness))


def _box(row: FloatArray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(v) for v in row)
    return x0, y0, x1, y1
