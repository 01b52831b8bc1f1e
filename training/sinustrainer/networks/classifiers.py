"""Slice classifiers that end in global average pooling and one linear layer, so that Grad-CAM needs no gradients.

Hua 2022: EfficientNet-B0, ResNet-50, Inception-ResNet-v2, Xception. Beside the slice logit, an attention head (Ilse 2018)
weighs a patient's slices: patient logit = sum of softmax(attention) * evidence.
"""

from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from sinustrainer.networks.backbones import LITE0, freeze_stages, grey_stem, load_matching
from sinusviewer.errors import InputError

NETWORKS = {
    "efficientnet_b0": "efficientnet_b0",
    "efficientnet_lite0": LITE0,
    "resnet50": "resnet50",
    "inception_resnet_v2": "inception_resnet_v2",
    "xception": "legacy_xception",
}
"""The paper's names to timm's."""


@dataclass(frozen=True, slots=True)
class SliceOutput:
    """Logit of each slice ``[n]``, attention logit ``[n]``, evidence ``[n]``, last convolutional features ``[n, c, h, w]``.

    ``fill`` ``[n, fills]`` are logits of a second task that only training uses.
    """

    logit: Tensor
    attention: Tensor
    evidence: Tensor
    features: Tensor
    fill: Tensor | None = None


class SliceClassifier(nn.Module):
    """A timm classifier without its head, and the three linear heads on its pooled features.

    Parameters
    ----------
    name
        One of ``NETWORKS``, or any timm name whose ``forward_features`` gives a map.
    weights
        As for a backbone; "lite0_package" also starts EfficientNet-B0, where shapes agree.
    fills
        Outputs of the second training task; 0 for none.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        weights: str = "none",
        dropout: float = 0.2,
        frozen: int = 0,
        fills: int = 0,
    ) -> None:
        super().__init__()
        known = NETWORKS.get(name, name)
        options: dict[str, Any] = {"bn_eps": 1e-3} if known.startswith("efficientnet") else {}
        try:
            body: Any = timm.create_model(known, num_classes=0, pretrained=weights == "timm", **options)
        except RuntimeError as error:
            raise InputError(f"There is no network “{name}”.", "timm's names are accepted.") from error
        if weights not in ("none", "timm"):
            load_matching(body, weights)
        grey_stem(body, channels)
        self.frozen = freeze_stages(body, frozen)
        self.body = body
        width = int(body.num_features)
        self.dropout = nn.Dropout(dropout)
        self.fill = nn.Linear(width, fills) if fills else None
        self.head = nn.Linear(width, 1)
        self.attention = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))
        self.evidence = nn.Linear(width, 1)

    def train(self, mode: bool = True) -> "SliceClassifier":
        """Switch the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, image: Tensor) -> SliceOutput:
        features = self.body.forward_features((image - 0.5) / 0.25)
        pooled = self.dropout(features.mean(dim=(2, 3)))
        fill = None if self.fill is None else self.fill(pooled)
        return SliceOutput(
            self.head(pooled)[:, 0], self.attention(pooled)[:, 0], self.evidence(pooled)[:, 0], features, fill
        )


def attention_pool(attention: Tensor, evidence: Tensor, patient: Tensor, patients: int) -> Tensor:
    """Patient logits ``[patients]``: evidence weighted by the softmax of attention over each patient's slices."""
    top = torch.full((patients,), -torch.inf, dtype=attention.dtype).scatter_reduce(0, patient, attention, "amax")
    weight = torch.exp(attention - top[patient])
    total = torch.zeros(patients, dtype=attention.dtype).index_add(0, patient, weight)
    summed = torch.zeros(patients, dtype=attention.dtype).index_add(0, patient, weight * evidence)
    return summed / total


class ExportedClassifier(nn.Module):
    """The classifier as its model file has it: logit, attention, evidence ``[n, 1]`` and features, in a tuple."""

    def __init__(self, network: SliceClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out = self.network(image)
        return out.logit[:, None], out.attention[:, None], out.evidence[:, None], out.features
