"""How much of each sinus is filled, measured on a decoder's own voxels, and what a perceptron reads of that.

A dozen numbers that mean something (concepts, Koh 2020). Predicted from a pooled bottleneck they agreed with the true ones to r = 0.15
(unlike sides) to 0.8; counted softly over the decoder's voxels they are what the mask shows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

MEASURED = 12
"""How much of each of the ten sinuses and of the nose is filled (codes 1 to 11), and how dense that is."""
PAIRED = 10
"""The ten sinuses come first, right before left."""
_USUAL_SHARE, _USUAL_DENSITY = 0.3, 0.25
_USUAL_VOXELS = 12.0
"""A sinus that is not there is taken for usual: so many voxels of the usual share are added to each."""
_FLOOR = 0.02
"""Shares are read as log odds, between this and one minus this."""
_DENSITY_SCALE = 6.0
_DENSE_FROM, _DENSE_TO, _DENSEST_HU = -50.0, 250.0, 100.0
_SHARP_HU = 25.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted in ``n`` patients.

    Attributes
    ----------
    shares
        ``[n, 11]``, of each structure, 0-1.
    density
        ``[n]``, mean HU of what is filled over 100, 0-1.
    voxels
        ``[n, 11]``, soft size of each structure.
    """

    shares: Tensor
    density: Tensor
    voxels: Tensor

    def burden(self) -> Tensor:
        """All of it, ``[n, 12]``, 0-1."""
        return torch.cat([self.shares, self.density[:, None]], dim=1)


def measure(labels: Tensor, opacity: Tensor, image: Tensor, window: tuple[float, float]) -> Measured:
    """Count softly.

    Parameters
    ----------
    labels
        Logits ``[n, 12, z, y, x]`` of background, the ten sinuses and the nose.
    opacity
        Logits ``[n, z, y, x]`` of being opacified.
    image
        ``[n, channels, z, y, x]``, of which the first is a soft-tissue ``window`` (centre, width in HU) as 0-1.
    """
    chances = labels.float().softmax(dim=1)[:, 1:].flatten(2)
    filled = opacity.float().sigmoid().flatten(1)[:, None]
    voxels = chances.sum(dim=2)
    shares = ((chances * filled).sum(dim=2) + _USUAL_VOXELS * _USUAL_SHARE) / (voxels + _USUAL_VOXELS)
    center, width = window
    hu = image[:, 0].float().flatten(1) * width + (center - width / 2)
    # neither mixed with air nor with bone; soft, so that a gradient passes
    soft = torch.sigmoid((hu - _DENSE_FROM) / _SHARP_HU) * torch.sigmoid(
        (min(_DENSE_TO, center + width / 2) - hu) / _SHARP_HU
    )
    weight = chances.sum(dim=1) * filled[:, 0] * soft
    usual = _USUAL_DENSITY * _USUAL_VOXELS
    density = ((weight * hu).sum(dim=1) / _DENSEST_HU + usual) / (weight.sum(dim=1) + _USUAL_VOXELS)
    return Measured(shares, density.clamp(0.0, 1.0), voxels)


def concepts_of(burden: Tensor) -> Tensor:
    """Burdens ``[n, 12]`` as the perceptron reads them: mean and difference of the sides' log odds, then nose and density.

    So a mirrored patient has the same score. The simulator's and the clinic's shares are skewed; their log odds are not.
    """
    odds = _log_odds(burden[:, : PAIRED + 1])
    right, left = odds[:, 0:PAIRED:2], odds[:, 1:PAIRED:2]
    density = (burden[:, PAIRED + 1 :] - _USUAL_DENSITY) * _DENSITY_SCALE
    return torch.cat([(right + left) / 2, (right - left).abs(), odds[:, PAIRED:], density], dim=1)


def gradient_by_shares(by_concept: Tensor, shares: Tensor) -> Tensor:
    """From the gradient by :func:`concepts_of` ``[n, 12]`` to that by the shares themselves ``[n, 11]``."""
    odds = _log_odds(shares)
    pairs = PAIRED // 2
    half, sign = by_concept[:, :pairs] / 2, torch.sign(odds[:, 0:PAIRED:2] - odds[:, 1:PAIRED:2])
    unlike = by_concept[:, pairs:PAIRED] * sign
    paired = torch.stack([half + unlike, half - unlike], dim=2).flatten(1)
    by_odds = torch.cat([paired, by_concept[:, PAIRED : PAIRED + 1]], dim=1)
    return by_odds * (1 / (shares + _FLOOR) + 1 / (1 + _FLOOR - shares))


def contribution(labels: Tensor, opacity: Tensor, by_shares: Tensor, voxels: Tensor) -> Tensor:
    """What the opacity of each voxel adds to the score, to first order: ``[n, z, y, x]``, negative where it lowers it."""
    per_voxel = by_shares / (voxels + _USUAL_VOXELS)
    chances = labels.float().softmax(dim=1)[:, 1:]
    return (chances * per_voxel[:, :, None, None, None]).sum(dim=1) * opacity.float().sigmoid()


def _log_odds(shares: Tensor) -> Tensor:
    return torch.log((shares + _FLOOR) / (1 + _FLOOR - shares))
