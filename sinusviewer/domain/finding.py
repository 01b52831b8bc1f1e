"""What is found in an image, by a network or a person. The original of a network's finding is never changed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import AnySide


class Author(StrEnum):
    """Who made a finding."""

    AI = "ai"
    READER = "reader"


class FindingStatus(StrEnum):
    """What a reader said of a finding."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ModelReference:
    """Which weights made a result."""

    name: str
    version: str
    sha256: str
    trained_on: str


@dataclass(frozen=True, slots=True)
class Detection:
    """A box on a radiograph.

    ``xyxy`` in pixel edges of the stored image; ``side`` is the patient's side, or the image's where that is unverified.
    """

    xyxy: tuple[float, float, float, float]
    score: float
    side: AnySide
    label: str = "sinusitis"
    author: Author = Author.AI
    status: FindingStatus = FindingStatus.PROPOSED
    identifier: str = ""
    original_xyxy: tuple[float, float, float, float] | None = None
    """The network's box where a reader has moved it."""
    original_side: AnySide | None = None
    """The network's side where a reader has moved its box to the other one."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A label map ``[z, y, x]`` uint8 of ``Structure`` codes on a volume's grid, and which voxels are opacified."""

    labels: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    opacified: npt.NDArray[np.bool_] | None = None
    author: Author = Author.AI
    opacified_by_rule: bool = False
    """Whether what is opacified follows from density by a rule; else a network said so."""
    original: "Segmentation | None" = None
    """The network's masks where a reader edits these. ``labels`` and ``opacified`` then change in place, stroke by stroke."""

    @property
    def is_edited(self) -> bool:
        """Whether a reader's strokes left the masks other than the network drew them; taking up the brush is no stroke."""
        return self.original is not None and not np.array_equal(self.labels, self.original.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where a network looked: values 0-1 in ``[z, y, x]`` (or ``[y, x]``) of the image, with the method and layer named.

    The grid covers the image's own extent, with as many voxels or fewer along each axis.
    """

    values: npt.NDArray[np.float32]
    method: str
    layer: str
    window: str = ""
    inside_mask: float | None = None
    """Share of the heat within nose and sinuses, where it was measured."""
