"""Running a 3-D network over a volume larger than its input: overlapping windows, weighted by a Gaussian (nnU-Net)."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from sinusviewer.errors import InferenceError
from sinusviewer.jobs.runner import CancelToken, Progress

FloatArray = npt.NDArray[np.float32]
Shape = tuple[int, int, int]
Run = Callable[[FloatArray], FloatArray]


def window_starts(shape: Shape, window: Shape, overlap: float = 0.5) -> Iterator[Shape]:
    """Corners of windows that cover ``shape`` evenly; windows larger than an axis start at 0 (the caller pads)."""
    axes: list[list[int]] = []
    for length, size in zip(shape, window, strict=True):
        if length <= size:
            axes.append([0])
            continue
        count = int(np.ceil((length - size) / max(1.0, size * (1 - overlap)))) + 1
        axes.append([round(i * (length - size) / (count - 1)) for i in range(count)])
    for z in axes[0]:
        for y in axes[1]:
            for x in axes[2]:
                yield z, y, x


def importance(window: Shape, sigma: float = 0.125) -> FloatArray:
    """Gaussian weight of each voxel of a window, 1 in the middle, never below 1e-3."""
    result = np.ones(window, dtype=np.float32)
    for axis, size in enumerate(window):
        distance = (np.arange(size) + 0.5 - size / 2) / (size * sigma)
        shape = [-1 if i == axis else 1 for i in range(3)]
        result *= np.exp(-0.5 * distance**2).astype(np.float32).reshape(shape)
    return np.maximum(result, np.float32(1e-3))


def run_sliding(
    run: Run,
    image: FloatArray,
    window: Shape,
    *,
    overlap: float = 0.5,
    progress: Progress | None = None,
    token: CancelToken | None = None,
) -> FloatArray:
    """Mean output ``[classes, z, y, x]`` over all windows of ``image [channels, z, y, x]``.

    Parameters
    ----------
    run
        ``[1, channels, *window]`` to ``[1, classes, *window]``.
    """
    if image.ndim != 4:
        raise InferenceError(f"A volume for sliding windows is [channels, z, y, x]; got {image.shape}.")
    shape: Shape = (image.shape[1], image.shape[2], image.shape[3])
    padding = [(0, 0), *((0, max(0, w - n)) for n, w in zip(shape, window, strict=True))]
    padded = np.pad(image, padding, mode="edge") if any(p[1] for p in padding) else image
    large: Shape = (padded.shape[1], padded.shape[2], padded.shape[3])
    weight = importance(window)
    total: FloatArray | None = None
    seen = np.zeros(large, dtype=np.float32)
    starts = list(window_starts(large, window, overlap))
    for number, start in enumerate(starts):
        if token is not None:
            token.raise_if_cancelled()
        part = tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))
        output = run(np.ascontiguousarray(padded[(slice(None), *part)])[None])[0]
        if total is None:
            total = np.zeros((output.shape[0], *large), dtype=np.float32)
        total[(slice(None), *part)] += output * weight
        seen[part] += weight
        if progress is not None:
            progress("Reading the volume", (number + 1) / len(starts))
    if total is None:
        raise InferenceError("There was nothing to run the network on.")
    return (total / seen)[:, : shape[0], : shape[1], : shape[2]]
