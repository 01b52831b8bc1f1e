"""The multi-task 3-D U-Net of He 2023: it segments the sinuses, and a perceptron on its bottleneck predicts recurrence.

The two losses are joined by learned uncertainty weights (Kendall 2018). Single-task variants leave one part out.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Variant = Literal["multi", "segmentation", "classification"]


@dataclass(frozen=True, slots=True)
class MultiTaskOutput:
    """Segmentation logits ``[n, classes, z, y, x]`` or None, recurrence logits ``[n, 2]`` or None."""

    segmentation: Tensor | None
    recurrence: Tensor | None


class MultiTaskUNet3D(nn.Module):
    """Encoder, decoder with skips, and an MLP with two outputs (softmax) on the bottleneck.

    Parameters
    ----------
    classes
        Of the segmentation, background included.
    pool
        The bottleneck is averaged to ``pool`` cells a side before the MLP: 1 forgets where things are, 2 keeps the octant.
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
    ) -> None:
        super().__init__()
        self.variant = variant
        self.pool = pool
        widths = [base * 2**level for level in range(depth)]
        self.encoders = nn.ModuleList(_double(a, b) for a, b in zip([channels, *widths[:-1]], widths, strict=True))
        self.decoders = nn.ModuleList()
        self.classify: nn.Module | None = None
        if variant != "classification":
            self.decoders.extend(_double(a + b, a) for a, b in itertools.pairwise(widths))
            self.classify = nn.Conv3d(base, classes, 1)
        self.mlp: nn.Module | None = None
        if variant != "segmentation":
            self.mlp = nn.Sequential(
                nn.Linear(widths[-1] * pool**3, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 2)
            )
        # log variances of the two tasks; the network's own forward does not use them
        self.log_variance = nn.Parameter(torch.zeros(2))

    def forward(self, image: Tensor) -> MultiTaskOutput:
        skips: list[Tensor] = []
        x = image - 0.5
        for level, encoder in enumerate(self.encoders):
            x = encoder(x if level == 0 else functional.max_pool3d(x, 2))
            skips.append(x)
        recurrence = None
        if self.mlp is not None:
            pooled = x.mean(dim=(2, 3, 4)) if self.pool == 1 else self._cells(x)
            recurrence = self.mlp(pooled)
        if self.classify is None:
            return MultiTaskOutput(None, recurrence)
        for level in reversed(range(len(self.decoders))):
            raised = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.decoders[level](torch.cat([skips[level], raised], dim=1))
        return MultiTaskOutput(self.classify(x), recurrence)

    def _cells(self, x: Tensor) -> Tensor:
        size = [n // self.pool for n in x.shape[2:]]
        return functional.avg_pool3d(x, size, stride=size).flatten(1)


def weigh_by_uncertainty(terms: dict[str, Tensor], log_variance: Tensor) -> dict[str, Tensor]:
    """``exp(-s) * loss + s`` for each task, s its learned log variance (He 2023, equation of the total loss; Kendall 2018).

    The terms sum to the total; a single task is left as it is.
    """
    if len(terms) < 2:
        return dict(terms)
    return {name: torch.exp(-log_variance[i]) * term + log_variance[i] for i, (name, term) in enumerate(terms.items())}


class ExportedMultiTask(nn.Module):
    """The network as its model file has it: recurrence probability ``[n, 1]`` and segmentation logits, in a tuple."""

    def __init__(self, network: MultiTaskUNet3D) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        out = self.network(image)
        outputs: list[Tensor] = []
        if out.recurrence is not None:
            outputs.append(out.recurrence.softmax(dim=1)[:, 1:])
        if out.segmentation is not None:
            outputs.append(out.segmentation)
        return tuple(outputs)


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*_block(inputs, outputs), *_block(outputs, outputs))


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    # instance normalisation: batches of two volumes are too small for batch statistics
    return (
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.LeakyReLU(0.01, inplace=True),
    )
