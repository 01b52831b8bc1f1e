"""The multi-task 3-D U-Net of He 2023: it segments the sinuses, and a perceptron on its bottleneck predicts recurrence.

The two losses are joined by learned uncertainty weights (Kendall 2018). Single-task variants leave one part out.
"""

import itertools
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Variant = Literal["multi", "segmentation", "classification"]
Norm = Literal["instance", "batch"]


@dataclass(frozen=True, slots=True)
class MultiTaskOutput:
    """What the network gives; None is a part it does not have.

    Attributes
    ----------
    segmentation, recurrence, burden
        Logits ``[n, classes, z, y, x]``, ``[n, 2]`` and, of how much of each sinus is filled, ``[n, burdens]``.
    features
        Of the bottleneck.
    """

    segmentation: Tensor | None
    recurrence: Tensor | None
    features: Tensor
    burden: Tensor | None = None


class MultiTaskUNet3D(nn.Module):
    """Encoder, decoder with skips, and an MLP with two outputs (softmax) on the bottleneck.

    Parameters
    ----------
    classes
        Of the segmentation, background included.
    pool
        The bottleneck is averaged to ``pool`` cells a side before the MLP: 1 forgets where things are, 2 keeps the octant.
    norm
        "instance" (as nnU-Net) or "batch". Instance normalisation sets every channel's mean over the volume, so what is
        averaged after it says little of how much of the volume is filled; batch normalisation keeps that.
    burdens
        Above 0, what the MLP reads must also tell how much of each of so many sinuses is filled: a third task of training
        (not in the paper), which a few hundred patients need. The model file leaves it out.
    concepts
        The MLP reads these burdens (:func:`concepts_of`) instead of the bottleneck itself (Koh 2020): a dozen numbers that mean
        something. No better than the bottleneck in the short trainings tried.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        base: int = 8,
        depth: int = 4,
        *,
        variant: Variant = "multi",
        hidden: int = 32,
        pool: int = 1,
        dropout: float = 0.4,
        norm: Norm = "instance",
        burdens: int = 0,
        concepts: bool = False,
    ) -> None:
        super().__init__()
        self.variant = variant
        self.concepts = concepts and burdens > 0
        self.pool = pool
        widths = [base * 2**level for level in range(depth)]
        self.encoders = nn.ModuleList(
            _double(a, b, norm) for a, b in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.decoders = nn.ModuleList()
        self.classify: nn.Module | None = None
        if variant != "classification":
            self.decoders.extend(_double(a + b, a, norm) for a, b in itertools.pairwise(widths))
            final = nn.Conv3d(base, classes, 1)
            with torch.no_grad():  # most voxels are background
                if final.bias is not None:
                    final.bias.zero_()
                    final.bias[0] = 2.0
            self.classify = final
        self.mlp: nn.Sequential | None = None
        if variant != "segmentation":
            read = burdens if self.concepts else widths[-1] * pool**3
            self.mlp = nn.Sequential(
                nn.Dropout(0.0 if self.concepts else dropout / 2), nn.Linear(read, hidden), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(hidden, 2),
            )  # fmt: skip
        self.burden: nn.Module | None = nn.Linear(widths[-1] * pool**3, burdens) if burdens else None
        # log variances of the tasks; the network's own forward does not use them
        self.log_variance = nn.Parameter(torch.zeros(3 if burdens else 2))

    def forward(self, image: Tensor) -> MultiTaskOutput:
        skips = self._encoded(image)
        features = x = skips[-1]
        burden, read = self._read(features)
        recurrence = None if self.mlp is None else self.mlp(read)
        if self.classify is None:
            return MultiTaskOutput(None, recurrence, features, burden)
        for level in reversed(range(len(self.decoders))):
            raised = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.decoders[level](torch.cat([skips[level], raised], dim=1))
        return MultiTaskOutput(self.classify(x), recurrence, features, burden)

    def read(self, image: Tensor) -> Tensor:
        """What the MLP reads of an image, ``[n, numbers]``."""
        return self._read(self._encoded(image)[-1])[1]

    def _encoded(self, image: Tensor) -> list[Tensor]:
        skips: list[Tensor] = []
        x = image - 0.5
        for level, encoder in enumerate(self.encoders):
            x = encoder(x if level == 0 else functional.max_pool3d(x, 2))
            skips.append(x)
        return skips

    def _read(self, features: Tensor) -> tuple[Tensor | None, Tensor]:
        """The burdens, where they are learnt, and what the MLP reads."""
        pooled = self.pooled(features)
        if self.burden is None:
            return None, pooled
        burden = self.burden(pooled)
        return burden, read_concepts(burden.sigmoid()) if self.concepts else pooled

    def pooled(self, features: Tensor) -> Tensor:
        """What the MLP reads: averages of the bottleneck over its cells, ``[n, channels * pool**3]``."""
        size = self._cell(features)
        return functional.avg_pool3d(features, size, stride=size).flatten(1)

    def activation(self, features: Tensor) -> Tensor:
        """Where the bottleneck speaks for recurrence, ``[n, z, y, x]``, not below 0.

        Features times the gradient of the logits' difference by them, summed over channels (HiResCAM, Draelos 2020; with
        ``pool`` 1 it is Grad-CAM). Written out, since the MLP has one hidden layer; so a model file needs no gradients.
        """
        if self.mlp is None:
            raise TypeError("a network that only segments has no recurrence to explain")
        first, last = cast("nn.Linear", self.mlp[1]), cast("nn.Linear", self.mlp[4])
        pooled = self.pooled(features)
        if self.concepts and self.burden is not None:
            filled = self.burden(pooled).sigmoid()
            open_units = (first(read_concepts(filled)) > 0).to(features.dtype)
            by_concept = (open_units * (last.weight[1] - last.weight[0])) @ first.weight * _CONCEPT_SCALE
            by_logit = gradient_by_burden(by_concept, filled) * filled * (1 - filled)
            by_pooled = by_logit @ cast("nn.Linear", self.burden).weight
        else:
            open_units = (first(pooled) > 0).to(features.dtype)
            by_pooled = (open_units * (last.weight[1] - last.weight[0])) @ first.weight
        size = self._cell(features)
        cells = by_pooled.reshape(-1, features.shape[1], self.pool, self.pool, self.pool) / (
            size[0] * size[1] * size[2]
        )
        for axis in range(3):
            cells = cells.repeat_interleave(size[axis], dim=axis + 2)
        z, y, x = cells.shape[2:]
        return functional.relu((cells * features[:, :, :z, :y, :x]).sum(dim=1))

    def _cell(self, features: Tensor) -> tuple[int, int, int]:
        z, y, x = (int(n) // self.pool for n in features.shape[2:])
        return z, y, x


_PAIRED = 10
"""The ten sinuses come first among the burdens, right before left."""
_CONCEPT_CENTER, _CONCEPT_SCALE = 0.3, 4.0
"""So that shares, which lie between 0 and 1, reach the MLP with about unit spread."""


def concepts_of(filled: Tensor) -> Tensor:
    """Burdens ``[n, burdens]`` as the MLP reads them: mean and difference of the sides of each sinus, then the others.

    So a mirrored patient has the same score.
    """
    right, left = filled[:, 0:_PAIRED:2], filled[:, 1:_PAIRED:2]
    return torch.cat([(right + left) / 2, (right - left).abs(), filled[:, _PAIRED:]], dim=1)


def read_concepts(filled: Tensor) -> Tensor:
    """The concepts of burdens, shifted and scaled for the MLP."""
    return (concepts_of(filled) - _CONCEPT_CENTER) * _CONCEPT_SCALE


def gradient_by_burden(by_concept: Tensor, filled: Tensor) -> Tensor:
    """From the gradient by :func:`concepts_of` to that by the burdens themselves."""
    pairs = _PAIRED // 2
    half, sign = by_concept[:, :pairs] / 2, torch.sign(filled[:, 0:_PAIRED:2] - filled[:, 1:_PAIRED:2])
    unlike = by_concept[:, pairs:_PAIRED] * sign
    paired = torch.stack([half + unlike, half - unlike], dim=2).flatten(1)
    return torch.cat([paired, by_concept[:, _PAIRED:]], dim=1)


def weigh_by_uncertainty(terms: dict[str, Tensor], log_variance: Tensor) -> dict[str, Tensor]:
    """``exp(-s) * loss + s`` for each task, s its learned log variance (He 2023, equation of the total loss; Kendall 2018).

    The terms sum to the total; a single task is left as it is.
    """
    if len(terms) < 2:
        return dict(terms)
    return {name: torch.exp(-log_variance[i]) * term + log_variance[i] for i, (name, term) in enumerate(terms.items())}


class ExportedMultiTask(nn.Module):
    """The network as its model file has it, a tuple.

    First the probability of recurrence ``[n, 1]`` and its activation map, then the segmentation logits; those it has.
    """

    def __init__(self, network: MultiTaskUNet3D) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        out = self.network(image)
        outputs: list[Tensor] = []
        if out.recurrence is not None:
            outputs += [out.recurrence.softmax(dim=1)[:, 1:], self.network.activation(out.features)]
        if out.segmentation is not None:
            outputs.append(out.segmentation)
        return tuple(outputs)


def _double(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(*_block(inputs, outputs, norm), *_block(outputs, outputs, norm))


def _block(inputs: int, outputs: int, norm: Norm) -> tuple[nn.Module, ...]:
    return (
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
        nn.InstanceNorm3d(outputs, affine=True) if norm == "instance" else nn.BatchNorm3d(outputs),
        nn.LeakyReLU(0.01, inplace=True),
    )
