"""A loaded model as a plain function of arrays, with cancel, memory ladder and a check that it gave numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.analysis.protocol import Context
from sinusviewer.errors import InferenceError
from sinusviewer.inference.registry import LoadedModel

FloatArray = npt.NDArray[np.float32]


def runner(model: LoadedModel, context: Context) -> Callable[[npt.NDArray[Any]], Mapping[str, FloatArray]]:
    """Input batch to outputs by name.

    Raises
    ------
    InferenceError
        From the function: where an output that the card names is missing or holds what is no number.
    """

    def run(batch: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        feed = {model.card.input.name: np.ascontiguousarray(batch, dtype=np.float32)}
        outputs = model.session.run(feed, context.token, context.progress)
        for spec in model.card.outputs:
            if spec.name not in outputs:
                raise InferenceError(
                    f"The network “{model.card.name}” has no output “{spec.name}” that its card names.",
                    "Install the model again.",
                )
            if not np.isfinite(outputs[spec.name]).all():
                raise InferenceError(f"The network “{model.card.name}” gave no finite numbers on this image.")
        return outputs

    return run


def first_output(model: LoadedModel, context: Context) -> Callable[[npt.NDArray[Any]], FloatArray]:
    """Input batch to the first output that the card names."""
    run, name = runner(model, context), model.card.outputs[0].name
    return lambda batch: run(batch)[name]
