"""An exported segmentation model as a function of a volume, to find the sinus region on cases that nobody labelled."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinustrainer.data.ct_cases import Segment
from sinusviewer.domain.image import Volume
from sinusviewer.imaging.resample import canonical
from sinusviewer.inference.model_card import ModelCard, load_card, verify_weights
from sinusviewer.inference.segmenter import segment_volume


class ModelSegment:
    """Labels on a volume's canonical grid; opens its session on first use, so that it travels to worker processes."""

    def __init__(self, folder: Path, card: ModelCard) -> None:
        self._folder, self._card = folder, card

    def __call__(self, volume: Volume) -> npt.NDArray[np.uint8]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self._folder / self._card.file, options)
        name = self._card.input.name

        def run(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return np.asarray(session.run(["probabilities"], {name: images})[0])

        return segment_volume(run, canonical(volume), self._card)


def segment_with(folder: Path) -> tuple[Segment, str]:
    """The function and a name that changes with the weights."""
    card = load_card(folder)
    verify_weights(card, folder)
    return ModelSegment(folder, card), card.sha256
