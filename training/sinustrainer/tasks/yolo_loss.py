"""The YOLOv2 loss (Redmon 2016/2017): squared error of location, objectness against IoU, cross-entropy of classes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from sinustrainer.networks.yolo_v2 import Decoded, YoloV2


@dataclass(frozen=True, slots=True)
class YoloLossWeights:
    """Weights of the terms; the first three are Darknet's.

    Attributes
    ----------
    neighbour_classes
        Weight of the class term of predictions that overlap a box without being assigned to it. Zero in the published
        variant. With it, every box that may win at reading has learnt its class.
    class_weights
        Of the class term, per class; empty for equal.
    """

    location: float = 5.0
    objects: float = 5.0
    background: float = 1.0
    classes: float = 1.0
    neighbour_classes: float = 0.0
    ignore_iou: float = 0.6
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()


def yolo_loss(
    network: YoloV2, raw: Tensor, boxes: Tensor, labels: Tensor, weights: YoloLossWeights
) -> dict[str, Tensor]:
    """Terms of the loss, already weighted, per image.

    Parameters
    ----------
    boxes
        ``[n, k, 4]`` xyxy as shares of the image, padded.
    labels
        ``[n, k]`` class indices, -1 for padding.
    """
    out = network.decode(raw)
    n, count, rows, columns, _ = out.xyxy.shape
    present = labels >= 0
    image, which = torch.nonzero(present, as_tuple=True)
    truth, truth_label = boxes[image, which], labels[image, which]
    centers = (truth[:, :2] + truth[:, 2:]) / 2
    sizes = (truth[:, 2:] - truth[:, :2]).clamp(min=1e-4)
    column = (centers[:, 0] * columns).long().clamp(0, columns - 1)
    row = (centers[:, 1] * rows).long().clamp(0, rows - 1)
    overlap = torch.minimum(sizes[:, None], network.anchors[None]).prod(dim=-1)
    shape_iou = overlap / (sizes.prod(dim=-1)[:, None] + network.anchors.prod(dim=-1)[None] - overlap)
    anchor = shape_iou.argmax(dim=1)
    at = (image, anchor, row, column)

    with torch.no_grad():
        iou_all = _iou(out.xyxy.reshape(n, -1, 4), boxes) * present[:, None, :]
        best_iou, best_truth = iou_all.max(dim=-1)
        best_iou, best_truth = (t.reshape(n, count, rows, columns) for t in (best_iou, best_truth))
        background = best_iou < weights.ignore_iou
        background[at] = False
        assigned_iou = _paired_iou(out.xyxy[at], truth)

    cells = raw.float().reshape(n, count, -1, rows, columns).movedim(2, -1)[at]
    wanted_xy = torch.stack([centers[:, 0] * columns - column, centers[:, 1] * rows - row], dim=-1)
    wanted_wh = torch.log(sizes / network.anchors[anchor])
    small = (2 - sizes.prod(dim=-1))[:, None]  # Darknet: small boxes count up to twice
    location = (small * (torch.sigmoid(cells[:, :2]) - wanted_xy) ** 2).sum()
    location = location + (small * (cells[:, 2:4] - wanted_wh) ** 2).sum()
    objectness = ((torch.sigmoid(out.objectness[at]) - assigned_iou) ** 2).sum()
    nothing = (torch.sigmoid(out.objectness[background]) ** 2).sum()
    terms = {
        "location": weights.location * location / n,
        "objects": weights.objects * objectness / n,
        "background": weights.background * nothing / n,
    }
    if network.classes > 1:
        terms["classes"] = weights.classes * _class_term(out.classes[at], truth_label, weights).sum() / n
        if weights.neighbour_classes > 0:
            terms["neighbours"] = _neighbour_term(out, background, at, best_iou, best_truth, labels, weights) / n
    return terms


def _neighbour_term(
    out: Decoded,
    background: Tensor,
    at: tuple[Tensor, Tensor, Tensor, Tensor],
    best_iou: Tensor,
    best_truth: Tensor,
    labels: Tensor,
    weights: YoloLossWeights,
) -> Tensor:
    """Class term of unassigned predictions that overlap a box; each box's share adds up to one."""
    near = ~background & (best_iou >= weights.ignore_iou)
    near[at] = False
    image, anchor, row, column = torch.nonzero(near, as_tuple=True)
    if len(image) == 0:
        return out.classes.sum() * 0
    truth = best_truth[image, anchor, row, column]
    key = image * labels.shape[1] + truth
    crowd = torch.bincount(key, minlength=labels.numel())[key]
    terms = _class_term(out.classes[image, anchor, row, column], labels[image, truth], weights) / crowd
    return weights.neighbour_classes * terms.sum()


def _class_term(logits: Tensor, labels: Tensor, weights: YoloLossWeights) -> Tensor:
    per_class = torch.tensor(weights.class_weights, device=logits.device) if weights.class_weights else None
    return functional.cross_entropy(
        logits, labels, weight=per_class, reduction="none", label_smoothing=weights.label_smoothing
    )


def _iou(first: Tensor, second: Tensor) -> Tensor:
    """``[n, p, 4]`` against ``[n, k, 4]`` as ``[n, p, k]``."""
    a, b = first[:, :, None], second[:, None]
    overlap = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(dim=-1)
    area_a = (a[..., 2:] - a[..., :2]).prod(dim=-1)
    area_b = (b[..., 2:] - b[..., :2]).prod(dim=-1)
    return overlap / (area_a + area_b - overlap).clamp(min=1e-9)


def _paired_iou(first: Tensor, second: Tensor) -> Tensor:
    return torch.diagonal(_iou(first[None], second[None])[0])
