"""The ``[options]`` of an ECRS recipe."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from sinustrainer.data.ct_augmentation import CtAugmentation


class EndotypeOptions(BaseModel):
    """The ``[options]`` of an ECRS recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = "efficientnet_b0"
    weights: str = "lite0_package"
    frozen: int = Field(default=0, ge=0)
    """Leading stages that keep their pretrained weights (EfficientNet families)."""
    dropout: float = 0.2
    spacing_mm: float = 1.0
    size: int = 128
    front_mm: float = 8.0
    windows: tuple[tuple[float, float], ...] = ((40.0, 350.0), (300.0, 2000.0))
    rectangle: bool = True
    """Outside the region's bounding rectangle all is 0, as published."""
    rectangle_margin_mm: float = 3.0
    lesion_share: float = Field(default=0.1, ge=0)
    """A slice counts where at least this share of its sinus lumen holds no air; a slice without lesion is left out, as
    published. 0 takes every slice that shows a sinus."""
    slice_step_mm: float = 3.0
    """Slices read are at least this far apart."""
    slices_per_patient: int = Field(default=8, gt=0)
    attention_weight: float = Field(default=0.5, ge=0)
    """Weight of the attention-pooled patient loss beside that of slices; 0 is the published training."""
    fill_weight: float = Field(default=0.0, ge=0)
    """Weight of a second task while training: how much of each structure on the slice is opacified, and how dense that is.
    It tells the features where to look when patients are few; 0 is the published training. Needs the opacity masks."""
    segmentation_model: Path | None = None
    """Model folder that finds the region on cases without masks."""
    unjudged_masks: bool = False
    """Learn from masks too that a network drew and no reader confirmed or edited."""
    augmentation: CtAugmentation = CtAugmentation()
    validation_slices: int = Field(default=24, gt=0)
