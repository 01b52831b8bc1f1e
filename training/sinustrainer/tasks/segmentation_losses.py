"""Losses of networks that label voxels: overlap with the labels, and what of a sinus is opacified."""

import torch.nn.functional as functional
from torch import Tensor

from sinustrainer.data.ct_cases import UNKNOWN


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the mean soft Dice of the foreground classes that the batch holds."""
    probabilities = logits.softmax(dim=1)
    truth = functional.one_hot(labels, logits.shape[1]).movedim(-1, 1).to(probabilities.dtype)
    axes = (0, *range(2, logits.ndim))
    overlap = (probabilities * truth).sum(dim=axes)[1:]
    total = (probabilities + truth).sum(dim=axes)[1:]
    present = truth.sum(dim=axes)[1:] > 0
    score = (2 * overlap + 1) / (total + 1)
    if not bool(present.any()):
        return score.sum() * 0
    return 1 - score[present].mean()


def opacity_loss(logits: Tensor, opacified: Tensor) -> Tensor:
    """Half the mean cross-entropy of being opacified, over what is known of it (:data:`UNKNOWN` elsewhere)."""
    known = opacified != UNKNOWN
    wrong = functional.binary_cross_entropy_with_logits(logits, opacified.clamp(min=0).float(), reduction="none")
    return 0.5 * (wrong * known).sum() / known.sum().clamp(min=1)
