"""Sinus CT: the sinuses segmented slice by slice and put back onto the volume, for measurement one by one."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sinusviewer.analysis.networks import first_output
from sinusviewer.analysis.protocol import Context
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.errors import InferenceError
from sinusviewer.inference.registry import LoadedModel
from sinusviewer.inference.segmenter import label_codes, segment_with_opacity

STAGE = "Segmenting the sinuses"
BATCH = 8
"""Slices at once: on two cores larger batches gained nothing."""


def segment(
    volume: Volume, model: LoadedModel, context: Context, on_coarse: Callable[[Segmentation], None] | None = None
) -> Segmentation:
    """Label map of the sinuses on the volume's own grid, and what of them is opacified if the network says so.

    ``on_coarse`` is given the masks of a first pass over slices 4 mm apart, while the others are still to be read.

    Raises
    ------
    GeometryError
        Where no head is found.
    InferenceError
        Where the network's labels are no sinuses.
    """
    if len(set(label_codes(model.card.labels).tolist()) - {0}) < 2:
        raise InferenceError(f"The network “{model.card.name}” does not tell the sinuses apart.")
    run = first_output(model, context)

    def tell(labels: npt.NDArray[np.uint8]) -> None:
        if on_coarse is not None:
            on_coarse(Segmentation(labels, volume.affine))

    labels, opacified = segment_with_opacity(
        run, volume, model.card, context.progress, context.token, batch=BATCH, on_coarse=tell
    )
    return Segmentation(labels, volume.affine, opacified)
