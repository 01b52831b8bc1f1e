"""What a training needs of a task: a network, its loss, batches, a validation, and how it is exported."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from sinustrainer.data.loaders import BatchSource
from sinusviewer.inference.model_card import Calibration, InputSpec, OutputSpec


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What held-out patients say at the end: the threshold, the calibration, and figures for the card."""

    threshold: float = 0.5
    calibration: Calibration | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ExportSpec:
    """How a trained network becomes a model file: ``network(image) -> tuple`` in the order of ``outputs``."""

    network: nn.Module
    input: InputSpec
    outputs: tuple[OutputSpec, ...]
    labels: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


class TrainingTask(Protocol):
    """Model and loss as one callable, with its data. Built from a recipe and a data folder."""

    network: nn.Module

    @property
    def source(self) -> BatchSource: ...

    monitor: str
    """Name of the validation figure that says which checkpoint is better (higher is)."""
    cases: dict[str, int]
    """How many cases train and how many are held out, for the card."""
    batches_per_epoch: float
    channels_last: bool
    """Whether the network is one of 2-D images."""

    def loss(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Terms of the loss; their sum is minimised."""
        ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on held-out training patients; empty where none are held out."""
        ...

    def conclude(self, network: nn.Module) -> Conclusion:
        """Calibration and threshold from held-out training patients."""
        ...

    def export_spec(self, network: nn.Module) -> ExportSpec: ...

    def optimiser_groups(self, rate: float, backbone_factor: float) -> list[dict[str, Any]]: ...


@runtime_checkable
class NotingTask(Protocol):
    """A task with something to say of its data before it trains."""

    notes: tuple[str, ...]


@runtime_checkable
class FinishingTask(Protocol):
    """A task with something to settle once the last step is made, before the last checkpoint is written."""

    def finish(self, network: nn.Module) -> None:
        """Change the network that will be used, in place; doing it again changes nothing."""
        ...


def two_groups(network: nn.Module, pretrained: str, rate: float, factor: float) -> list[dict[str, Any]]:
    """Parameter groups: the submodule named ``pretrained``, if there is one, at ``rate * factor``, the rest at ``rate``."""
    part = getattr(network, pretrained, None)
    slow = [p for p in part.parameters() if p.requires_grad] if isinstance(part, nn.Module) else []
    known = {id(p) for p in slow}
    rest = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
    groups = [{"params": slow, "lr": rate * factor}, {"params": rest, "lr": rate}]
    return [group for group in groups if group["params"]]
