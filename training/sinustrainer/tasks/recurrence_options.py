"""The ``[options]`` of a recurrence recipe, and what its decoder can learn."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sinustrainer.data.ct_augmentation import CtAugmentation
from sinustrainer.tasks.segmentation import SINUSES

TARGETS = {
    "region": ("background", "region"),
    "opacified": ("background", "aerated", "opacified"),
    "sinuses": SINUSES,
}


class RecurrenceOptions(BaseModel):
    """The ``[options]`` of a recurrence recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Literal["multi", "segmentation", "classification"] = "multi"
    target: Literal["region", "opacified", "sinuses"] = "region"
    """What the decoder learns: nose and sinuses as one region (published), air and opacity apart, or each sinus."""
    base: int = 8
    depth: int = 4
    hidden: int = 32
    pool: int = 1
    dropout: float = 0.4
    norm: Literal["instance", "batch"] = "instance"
    burden: bool = False
    """Beside the published tasks, the bottleneck must tell how much of each sinus is filled, and how dense (needs its masks)."""
    concepts: bool = False
    """Predict recurrence from how much of each sinus is filled, counted on the decoder's voxels, not from the bottleneck as
    published. The decoder then learns each sinus and what is opacified (``target = "sinuses"``, needs both masks)."""
    outcome_reaches_decoder: bool = True
    """With concepts: whether the loss of the outcome changes what is counted, or only how it is read."""
    refit_l2: float | None = Field(default=None, gt=0)
    """At the end, fit the perceptron of the concepts anew with this penalty, on all training patients at once."""
    spacing_mm: float = 1.6
    shape: tuple[int, int, int] = (64, 80, 80)
    windows: tuple[tuple[float, float], ...] = ((40.0, 350.0), (300.0, 2000.0))
    margin: int = 8
    fold: int | None = Field(default=None, ge=0, lt=5)
    """Stratified 5-fold cross-validation: hold out this fold; None trains on all but ``validation_share``."""
    segmentation_model: Path | None = None
    unjudged_masks: bool = False
    """Learn from masks too that a network drew and no reader confirmed or edited."""
    augmentation: CtAugmentation = CtAugmentation()
