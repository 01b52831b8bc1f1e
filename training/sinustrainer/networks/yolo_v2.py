"""YOLOv2 (Redmon and Farhadi, CVPR 2017): anchors by k-means on IoU, direct location prediction, passthrough layer.

Oh 2021 trained it on ResNet-50 with 7 anchors (facial patch) and 16 (sinusitis). Any timm backbone serves here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sinustrainer.networks.backbones import Backbone
from sinusviewer.inference.detector import MAX_LOG_SCALE

FloatArray = npt.NDArray[np.float64]


def kmeans_anchors(sizes: npt.ArrayLike, count: int, *, seed: int = 0, rounds: int = 100) -> FloatArray:
    """Anchor widths and heights by k-means with distance 1 - IoU (section 2, "Dimension Clusters").

    Parameters
    ----------
    sizes
        ``[n, 2]`` widths and heights, in any one unit.

    Returns
    -------
    ``[count, 2]``, by area.
    """
    boxes = np.asarray(sizes, dtype=np.float64)
    rng = np.random.default_rng(seed)
    distinct = np.unique(boxes, axis=0)
    if len(distinct) < count:  # fewer shapes than anchors: spread them a little so that anchors differ
        extra = boxes[rng.integers(len(boxes), size=count - len(distinct))]
        distinct = np.concatenate([distinct, extra * rng.uniform(0.8, 1.25, size=extra.shape)])
    centers = distinct[rng.choice(len(distinct), size=count, replace=False)]
    for _ in range(rounds):
        nearest = shape_iou(boxes, centers).argmax(axis=1)
        moved = np.array(
            [np.median(boxes[nearest == i], axis=0) if (nearest == i).any() else centers[i] for i in range(count)]
        )
        if np.allclose(moved, centers):
            break
        centers = moved
    return centers[np.argsort(centers.prod(axis=1), kind="stable")]


def shape_iou(sizes: FloatArray, anchors: FloatArray) -> FloatArray:
    """IoU of boxes ``[n, 2]`` and anchors ``[m, 2]`` that share their centre, ``[n, m]``."""
    overlap = np.minimum(sizes[:, None], anchors[None]).prod(axis=-1)
    union = sizes.prod(axis=-1)[:, None] + anchors.prod(axis=-1)[None] - overlap
    result: FloatArray = overlap / np.maximum(union, 1e-12)
    return result


@dataclass(frozen=True, slots=True)
class Decoded:
    """Boxes ``[n, a, h, w, 4]`` xyxy as shares of the image, objectness logits ``[n, a, h, w]``, classes ``[n, a, h, w, c]``."""

    xyxy: Tensor
    objectness: Tensor
    classes: Tensor


class YoloV2(nn.Module):
    """The detector; its output is raw, ``[n, anchors * (5 + classes), rows, columns]``.

    Parameters
    ----------
    backbone
        Two strides, fine and coarse; the fine features pass through a space-to-depth layer beside the coarse ones.
    anchors
        ``[a, 2]`` widths and heights as shares of the image.
    """

    anchors: Tensor

    def __init__(
        self, backbone: Backbone, anchors: npt.ArrayLike, classes: int, width: int = 128, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        fine, coarse = backbone.out_channels
        self.ratio = backbone.strides[1] // backbone.strides[0]
        narrow = max(8, width // 8)
        self.squeeze = _block(fine, narrow, 1)
        self.deepen = nn.Sequential(_block(coarse, width, 1), _block(width, width, 3))
        self.join = nn.Sequential(_block(width + narrow * self.ratio**2, width, 3), nn.Dropout2d(dropout))
        shapes = torch.as_tensor(np.asarray(anchors), dtype=torch.float32)
        self.register_buffer("anchors", shapes)
        self.classes = classes
        self.predict = nn.Conv2d(width, len(shapes) * (5 + classes), 1)
        with torch.no_grad():  # most cells hold nothing
            bias = self.predict.bias
            if bias is not None:
                bias.view(len(shapes), -1)[:, 4] = -4.0

    def forward(self, image: Tensor) -> Tensor:
        fine, coarse = self.backbone(image)
        passed = functional.pixel_unshuffle(self.squeeze(fine), self.ratio)
        joined: Tensor = self.predict(self.join(torch.cat([self.deepen(coarse), passed], dim=1)))
        return joined

    def decode(self, raw: Tensor) -> Decoded:
        """Boxes of raw output; the twin of :func:`sinusviewer.inference.detector.decode`."""
        n, _, rows, columns = raw.shape
        cells = raw.float().reshape(n, len(self.anchors), 5 + self.classes, rows, columns)
        x = (torch.sigmoid(cells[:, :, 0]) + torch.arange(columns, device=raw.device)) / columns
        y = (torch.sigmoid(cells[:, :, 1]) + torch.arange(rows, device=raw.device)[:, None]) / rows
        w = torch.exp(cells[:, :, 2].clamp(max=MAX_LOG_SCALE)) * self.anchors[:, 0, None, None]
        h = torch.exp(cells[:, :, 3].clamp(max=MAX_LOG_SCALE)) * self.anchors[:, 1, None, None]
        xyxy = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], dim=-1)
        return Decoded(xyxy, cells[:, :, 4], cells[:, :, 5:].movedim(2, -1))


def _block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1, inplace=True),
    )
