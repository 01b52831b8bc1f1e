"""Sinus masks of a CT from a network that labels axial slices."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinusviewer.domain.anatomy import Structure
from sinusviewer.domain.image import Volume
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    AxialStack,
    axial_input,
    axial_stack,
    axis_weights,
    settings_from_card,
)
from sinusviewer.imaging.resample import canonical, restore_array
from sinusviewer.inference.model_card import ModelCard
from sinusviewer.jobs.runner import CancelToken, Progress

Run = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""``[n, channels, size, size]`` to probabilities ``[n, labels, size, size]``, and one channel more for opacity if the card
says so."""
FloatArray = npt.NDArray[np.float32]
_PRESENT = 0.2
_SMALLEST_SHARE = 0.1
_SMALLEST_ML = 0.05


def segment_volume(
    run: Run,
    volume: Volume,
    card: ModelCard,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    *,
    batch: int = 8,
) -> npt.NDArray[np.uint8]:
    """Structure codes on the volume's own grid ``[z, y, x]``; of a network of one region, 1 is the region.

    What is opacified comes with :func:`segment_with_opacity`.
    """
    return segment_with_opacity(run, volume, card, progress, token, batch=batch)[0]


def segment_with_opacity(
    run: Run,
    volume: Volume,
    card: ModelCard,
    progress: Progress | None = None,
    token: CancelToken | None = None,
    *,
    batch: int = 8,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None]:
    """Structure codes, and where the sinuses are opacified if the network says so (card's ``opacity_channel``).

    Raises
    ------
    GeometryError
        Where no head is found.
    CancelledError
        Where the token was cancelled.
    """
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    turned = canonical(volume)
    stack = axial_stack(turned, settings)
    codes = label_codes(card.labels)
    result = np.zeros(turned.voxels.shape, dtype=np.uint8)
    opaque = np.zeros(turned.voxels.shape, dtype=bool) if card.parameters.get("opacity_channel") else None
    into = _Upsampling(stack, (turned.voxels.shape[1], turned.voxels.shape[2]))
    reach = _reach(card, stack.slice_mm)
    waiting: list[FloatArray] = []  # probabilities of slices not yet written, the oldest first
    first = 0
    count = stack.hu.shape[0]
    for start in range(0, count, batch):
        if token is not None:
            token.raise_if_cancelled()
        chosen = range(start, min(start + batch, count))
        waiting.extend(run(np.stack([axial_input(stack, i, settings) for i in chosen])).astype(np.float32))
        done = count if chosen.stop == count else chosen.stop - reach
        written = max(0, start - reach)
        for index in range(written, done):
            low, high = max(0, index - reach), min(count, index + reach + 1)
            mixed = np.mean([waiting[i - first] for i in range(low, high)], axis=0)
            into.write(mixed[: len(codes)], codes, result[index])
            if opaque is not None:
                into.write_mask(mixed[len(codes)], opaque[index])
        keep_from = max(0, done - reach)
        del waiting[: keep_from - first]
        first = keep_from
        if progress is not None:
            progress("Segmenting the sinuses", chosen.stop / count)
    remove_crumbs(result, turned.voxel_ml)
    labels = np.ascontiguousarray(restore_array(result, volume.affine))
    if opaque is None:
        return labels, None
    return labels, np.ascontiguousarray(restore_array(opaque & (result > 0), volume.affine))


def label_codes(labels: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """The Structure code of each of a card's labels; 1 for "region", 0 for names that are no structure."""
    known = {s.name.lower(): int(s) for s in Structure} | {"region": 1}
    return np.array([known.get(label, 0) for label in labels], dtype=np.uint8)


def remove_crumbs(labels: npt.NDArray[np.uint8], voxel_ml: float) -> None:
    """Remove, in place, parts of a structure that are small beside its largest part."""
    places: Sequence[tuple[slice, ...] | None] = ndimage.find_objects(labels)
    for code, where in enumerate(places, start=1):
        if where is None:
            continue
        parts, count = ndimage.label(labels[where] == code)
        if count < 2:
            continue
        sizes = np.bincount(parts.ravel())[1:]
        small = sizes < max(_SMALLEST_SHARE * sizes.max(), _SMALLEST_ML / voxel_ml)
        small[sizes.argmax()] = False
        view = labels[where]
        view[np.isin(parts, np.flatnonzero(small) + 1)] = 0


def _reach(card: ModelCard, slice_mm: float) -> int:
    return int(float(card.parameters.get("smooth_mm", 0.0)) / slice_mm + 1e-6)


class _Upsampling:
    """From the stack's grid to the canonical volume's, linear, in the part the grid covers."""

    def __init__(self, stack: AxialStack, shape: tuple[int, int]) -> None:
        size = stack.hu.shape[1]
        self._low = [max(0, int(np.floor(s))) for s in stack.start]
        high = [
            min(n, int(np.ceil(s + size * step))) for n, s, step in zip(shape, stack.start, stack.step, strict=True)
        ]
        self._part = tuple(slice(a, b) for a, b in zip(self._low, high, strict=True))
        self._weights = []
        for axis in range(2):
            weights = axis_weights(
                size,
                (self._low[axis] - stack.start[axis]) / stack.step[axis],
                1 / stack.step[axis],
                high[axis] - self._low[axis],
            )
            self._weights.append(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6))

    def write(self, probabilities: FloatArray, codes: npt.NDArray[np.uint8], plane: npt.NDArray[np.uint8]) -> None:
        """Write the likeliest code of each pixel into a slice ``[y, x]``; only labels that the slice shows are raised."""
        present = [i for i in range(len(codes)) if i == 0 or probabilities[i].max() > _PRESENT]
        if present == [0]:
            return
        rows, columns = self._weights
        raised = np.stack([rows @ probabilities[i] @ columns.T for i in present])
        plane[self._part] = codes[np.array(present)][raised.argmax(axis=0)]

    def write_mask(self, probability: FloatArray, plane: npt.NDArray[np.bool_]) -> None:
        """Write where a probability exceeds one half."""
        rows, columns = self._weights
        plane[self._part] = rows @ probability @ columns.T > 0.5
