"""The multi-task 3-D U-Net of He 2023: it segments the sinuses, and a perceptron on its bottleneck predicts recurrence.

The two losses are joined by learned uncertainty weights (Kendall 2018). Single-task variants leave one part out.
"""

import itertools
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sinustrainer.networks.sinus_concepts import (
    MEASURED,
    Measured,
    concepts_of,
    contribution,
    gradient_by_shares,
    measure,
)

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
    opacity, measured
        Logits ``[n, z, y, x]`` of a voxel being opacified, and what was counted with them; of networks with concepts.
    """

    segmentation: Tensor | None
    recurrence: Tensor | None
    features: Tensor
    burden: Tensor | None = None
    opacity: Tensor | None = None
    measured: Measured | None = None


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
        The MLP reads how much of each sinus is filled as the decoder's own voxels have it (:mod:`.sinus_concepts`) instead of the
        bottleneck: the decoder then tells each sinus and, on one channel more, what is opacified.
    soft_window
        Centre and width in HU of the image's first channel, for the density among the concepts.
    outcome_reaches_decoder
        With concepts: whether a gradient passes from the MLP to what it reads.
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
        soft_window: tuple[float, float] = (40.0, 350.0),
        outcome_reaches_decoder: bool = True,
    ) -> None:
        super().__init__()
        self.variant = variant
        self.concepts = concepts
        self.soft_window = soft_window
        self.outcome_reaches_decoder = outcome_reaches_decoder
        self.pool = pool
        widths = [base * 2**level for level in range(depth)]
        self.encoders = nn.ModuleList(
            _double(a, b, norm) for a, b in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.decoders = nn.ModuleList()
        self.classify: nn.Module | None = None
        if variant != "classification":
            self.decoders.extend(_double(a + b, a, norm) for a, b in itertools.pairwise(widths))
            final = nn.Conv3d(base, classes + int(concepts), 1)
            with torch.no_grad():  # most voxels are background
                if final.bias is not None:
                    final.bias.zero_()
                    final.bias[0] = 2.0
            self.classify = final
        self.mlp: nn.Sequential | None = None
        if variant != "segmentation":
            read = MEASURED if concepts else widths[-1] * pool**3
            self.mlp = nn.Sequential(
                nn.Dropout(0.0 if concepts else dropout / 2), nn.Linear(read, hidden), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(hidden, 2),
            )  # fmt: skip
        self.burden: nn.Module | None = nn.Linear(widths[-1] * pool**3, burdens) if burdens and not concepts else None
        # log variances of the tasks; the network's own forward does not use them
        self.log_variance = nn.Parameter(torch.zeros(3 if burdens or concepts else 2))

    def forward(self, image: Tensor) -> MultiTaskOutput:
        skips = self._encoded(image)
        features = x = skips[-1]
        pooled = self.pooled(features)
        burden = None if self.burden is None else self.burden(pooled)
        recurrence = None if self.mlp is None or self.concepts else self.mlp(pooled)
        if self.classify is None:
            return MultiTaskOutput(None, recurrence, features, burden)
        for level in reversed(range(len(self.decoders))):
            raised = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.decoders[level](torch.cat([skips[level], raised], dim=1))
        logits = self.classify(x)
        if not self.concepts:
            return MultiTaskOutput(logits, recurrence, features, burden)
        labels, opacity = logits[:, :-1], logits[:, -1]
        measured = measure(labels, opacity, image, self.soft_window)
        counted = measured.burden()
        read = concepts_of(counted)
        recurrence = None if self.mlp is None else self.mlp(read if self.outcome_reaches_decoder else read.detach())
        return MultiTaskOutput(labels, recurrence, features, counted.logit(eps=1e-4), opacity, measured)

    def read(self, image: Tensor) -> Tensor:
        """What the MLP reads of an image, ``[n, numbers]``."""
        if not self.concepts:
            return self.pooled(self._encoded(image)[-1])
        measured: Measured = self(image).measured
        return concepts_of(measured.burden())

    def _encoded(self, image: Tensor) -> list[Tensor]:
        skips: list[Tensor] = []
        x = image - 0.5
        for level, encoder in enumerate(self.encoders):
            x = encoder(x if level == 0 else functional.max_pool3d(x, 2))
            skips.append(x)
        return skips

    def pooled(self, features: Tensor) -> Tensor:
        """What the MLP reads: averages of the bottleneck over its cells, ``[n, channels * pool**3]``."""
        size = self._cell(features)
        return functional.avg_pool3d(features, size, stride=size).flatten(1)

    def activation(self, out: MultiTaskOutput) -> Tensor:
        """Where what the MLP reads speaks for recurrence, ``[n, z, y, x]``, not below 0.

        On the bottleneck: features times the gradient of the logits' difference by them, summed over channels (HiResCAM,
        Draelos 2020; with ``pool`` 1 it is Grad-CAM). With concepts: each voxel's opacity times that gradient. Both are
        written out, since the MLP has one hidden layer; so a model file needs no gradients.
        """
        if self.mlp is None:
            raise TypeError("a network that only segments has no recurrence to explain")
        if out.measured is not None and out.segmentation is not None and out.opacity is not None:
            by_concept = self._gradient_by_read(concepts_of(out.measured.burden()))
            by_shares = gradient_by_shares(by_concept, out.measured.shares)
            return functional.relu(contribution(out.segmentation, out.opacity, by_shares, out.measured.voxels))
        features = out.features
        size = self._cell(features)
        cells = self._gradient_by_read(self.pooled(features)).reshape(
            -1, features.shape[1], self.pool, self.pool, self.pool
        ) / (size[0] * size[1] * size[2])
        for axis in range(3):
            cells = cells.repeat_interleave(size[axis], dim=axis + 2)
        z, y, x = cells.shape[2:]
        return functional.relu((cells * features[:, :, :z, :y, :x]).sum(dim=1))

    def _gradient_by_read(self, read: Tensor) -> Tensor:
        """Of the logits' difference, by what the MLP reads."""
        mlp = cast("nn.Sequential", self.mlp)
        first, last = cast("nn.Linear", mlp[1]), cast("nn.Linear", mlp[4])
        open_units = (first(read) > 0).to(read.dtype)
        gradient: Tensor = (open_units * (last.weight[1] - last.weight[0])) @ first.weight
        return gradient

    def _cell(self, features: Tensor) -> tuple[int, int, int]:
        z, y, x = (int(n) // self.pool for n in features.shape[2:])
        return z, y, x


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
            outputs += [out.recurrence.softmax(dim=1)[:, 1:], self.network.activation(out)]
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
