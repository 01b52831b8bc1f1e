"""Sinus masks of a CT from a network that labels axial slices."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

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
_Box = tuple[FloatArray, FloatArray, tuple[slice, slice], tuple[slice, slice]]
_PRESENT = 0.2
_SMALLEST_SHARE = 0.1
_SMALLEST_ML = 0.05
_SURVEY_MM = 4.0
_MARGIN_MM = 3.0
_NETWORK_EVERY_MM = 1.0
"""Thinner slices are not all read: the network saw slices 1 mm apart."""
_FAINT = 0.04
"""Twelve labels that are all fainter leave the background more than half."""


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
    on_coarse: Callable[[npt.NDArray[np.uint8]], None] | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None]:
    """Structure codes, and where the sinuses are opacified if the network says so (card's ``opacity_channel``).

    A survey of slices 4 mm apart finds where the sinuses are; only there every slice is read, or one a millimetre where
    slices are thinner.

    Parameters
    ----------
    on_coarse
        Called with the masks of the survey, on the volume's own grid, long before the end.

    Raises
    ------
    GeometryError
        Where no head is found.
    CancelledError
        Where the token was cancelled.
    """
    settings = settings_from_card(AxialPreprocessing, card.input.preprocessing)
    turned = canonical(volume)
    stack = axial_stack(turned, settings, token)
    codes = label_codes(card.labels)
    result = np.zeros(turned.voxels.shape, dtype=np.uint8)
    opaque = np.zeros(turned.voxels.shape, dtype=bool) if card.parameters.get("opacity_channel") else None
    into = _Upsampling(stack, (turned.voxels.shape[1], turned.voxels.shape[2]))
    # a thin lining is less certain than a clear lumen: at one half it would be lost, and the fraction with it
    opaque_from = float(card.parameters.get("opacity_threshold", 0.5))
    network = _SliceReader(run, stack, settings, batch, token)
    count = stack.hu.shape[0]
    coarse = network.survey(_SURVEY_MM)
    low, high = _range_of(coarse, codes, count, stack.slice_mm)
    if on_coarse is not None and high > low:
        on_coarse(_coarse_labels(coarse, codes, into, turned, volume.affine, token))
    step = max(1, round(_NETWORK_EVERY_MM / stack.slice_mm))
    reach = _reach(card, stack.slice_mm)
    margin = max(1, round(_MARGIN_MM / stack.slice_mm))
    parts = [(low, high)] if high > low else []
    while parts:
        first, last = parts.pop()
        for index, mixed in network.smoothed(first, last, step, reach):
            into.write(mixed[: len(codes)], codes, result[index])
            if opaque is not None:
                into.write_mask(mixed[len(codes)], opaque[index], opaque_from)
            if progress is not None:
                progress("Segmenting the sinuses", (index + 1 - low) / (high - low))
        # What reaches the border of the part that was read may go on beyond it.
        if first == low and low > 0 and result[low].any():
            low = max(0, first - margin)
            parts.append((low, first))
        if last == high and high < count and result[high - 1].any():
            high = min(count, last + margin)
            parts.append((last, high))
    remove_crumbs(result, turned.voxel_ml, token)
    labels = np.ascontiguousarray(restore_array(result, volume.affine))
    if opaque is None:
        return labels, None
    opaque &= result > 0
    return labels, np.ascontiguousarray(restore_array(opaque, volume.affine))


def _range_of(
    coarse: Mapping[int, FloatArray], codes: npt.NDArray[np.uint8], count: int, slice_mm: float
) -> tuple[int, int]:
    """First and one past the last slice that may show a structure, with a margin; (0, 0) where none does."""
    sinus = codes > 0
    seen = [i for i, p in coarse.items() if p[: len(codes)][sinus].max() > _PRESENT]
    if not seen:
        return 0, 0
    margin = max(1, round((_SURVEY_MM + _MARGIN_MM) / slice_mm))
    return max(0, min(seen) - margin), min(count, max(seen) + margin + 1)


def _coarse_labels(
    coarse: Mapping[int, FloatArray],
    codes: npt.NDArray[np.uint8],
    into: "_Upsampling",
    turned: Volume,
    affine: npt.NDArray[np.float64],
    token: CancelToken | None,
) -> npt.NDArray[np.uint8]:
    """Masks of the survey, each on the slices nearest to it."""
    result = np.zeros(turned.voxels.shape, dtype=np.uint8)
    places = sorted(coarse)
    borders = [0, *((a + b + 1) // 2 for a, b in itertools.pairwise(places)), len(result)]
    for place, first, last in zip(places, borders, borders[1:], strict=False):
        if token is not None:
            token.raise_if_cancelled()
        into.write(coarse[place][: len(codes)].astype(np.float32), codes, result[first])
        result[first + 1 : last] = result[first]
    return np.ascontiguousarray(restore_array(result, affine))


class _SliceReader:
    """Runs the network on slices when they are asked for, and keeps what it said for as long as it may be needed."""

    def __init__(
        self, run: Run, stack: AxialStack, settings: AxialPreprocessing, batch: int, token: CancelToken | None
    ) -> None:
        self._run, self._stack, self._settings, self._batch, self._token = run, stack, settings, batch, token
        self._kept: dict[int, npt.NDArray[np.float16]] = {}

    def survey(self, every_mm: float) -> dict[int, FloatArray]:
        """Probabilities of slices ``every_mm`` apart, from the lowest to the highest."""
        count = self._stack.hu.shape[0]
        step = max(1, int(every_mm / self._stack.slice_mm + 1e-6))
        places = sorted({*range(0, count, step), count - 1})
        self._read(places)
        return {place: np.asarray(self._kept[place], np.float32) for place in places}

    def smoothed(self, low: int, high: int, step: int, reach: int) -> Iterator[tuple[int, FloatArray]]:
        """Each slice of a range with its probabilities.

        The network reads every ``step``-th slice; between them it is interpolated, then ``reach`` slices to either side are
        averaged.
        """
        count = self._stack.hu.shape[0]
        for start in range(low, high, self._batch):
            stop = min(start + self._batch, high)
            first, last = max(0, start - reach), min(count, stop + reach)
            places = sorted({p for i in range(first, last) for p, _ in self._between(i, step)})
            self._read(places)
            near = {i: self._at(i, step) for i in range(first, last)}
            for index in range(start, stop):
                chosen = [near[i] for i in range(max(0, index - reach), min(count, index + reach + 1))]
                yield index, np.mean(chosen, axis=0) if len(chosen) > 1 else chosen[0]

    def _between(self, index: int, step: int) -> tuple[tuple[int, float], ...]:
        """The slices read about ``index`` and their weights."""
        last = self._stack.hu.shape[0] - 1
        below = index // step * step
        above = min(below + step, last)
        if below == index or above <= below:
            return ((below, 1.0),)
        share = (index - below) / (above - below)
        return ((below, 1 - share), (above, share)) if share < 1 else ((above, 1.0),)

    def _at(self, index: int, step: int) -> FloatArray:
        parts = [
            np.float32(weight) * self._kept[place].astype(np.float32) for place, weight in self._between(index, step)
        ]
        return np.asarray(sum(parts[1:], parts[0]), np.float32)

    def _read(self, places: Sequence[int]) -> None:
        wanted = [place for place in places if place not in self._kept]
        for start in range(0, len(wanted), self._batch):
            if self._token is not None:
                self._token.raise_if_cancelled()
            chosen = wanted[start : start + self._batch]
            images = np.stack([axial_input(self._stack, place, self._settings) for place in chosen])
            for place, probabilities in zip(chosen, self._run(images), strict=True):
                self._kept[place] = probabilities.astype(np.float16)


def label_codes(labels: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """The Structure code of each of a card's labels; 1 for "region", 0 for names that are no structure."""
    known = {s.name.lower(): int(s) for s in Structure} | {"region": 1}
    return np.array([known.get(label, 0) for label in labels], dtype=np.uint8)


def remove_crumbs(labels: npt.NDArray[np.uint8], voxel_ml: float, token: CancelToken | None = None) -> None:
    """Remove, in place, parts of a structure that are small beside its largest part."""
    places: Sequence[tuple[slice, ...] | None] = ndimage.find_objects(labels)
    for code, where in enumerate(places, start=1):
        if token is not None:
            token.raise_if_cancelled()
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
        # Where nothing is likelier than this, the background wins whatever the interpolation.
        box = self._box(probabilities[1 : len(codes)].max(axis=0) > _FAINT) if present != [0] else None
        if box is None:
            return
        rows, columns, where, part = box
        raised = np.stack([rows @ probabilities[i][where] @ columns.T for i in present])
        plane[part] = codes[np.array(present)][raised.argmax(axis=0)]

    def write_mask(self, probability: FloatArray, plane: npt.NDArray[np.bool_], threshold: float) -> None:
        """Write where a probability exceeds ``threshold``."""
        box = self._box(probability > threshold)
        if box is not None:
            rows, columns, where, part = box
            plane[part] = rows @ probability[where] @ columns.T > threshold

    def _box(self, mask: npt.NDArray[np.bool_]) -> "_Box | None":
        """Weights, pixels of the stack and voxels of the slice for the bounding box of a mask, a pixel wider."""
        found = [np.flatnonzero(mask.any(axis=1 - axis)) for axis in range(2)]
        if not all(f.size for f in found):
            return None
        where = [slice(max(0, int(f[0]) - 2), int(f[-1]) + 3) for f in found]
        weights: list[FloatArray] = []
        part: list[slice] = []
        for axis in range(2):
            whole = self._weights[axis]
            reached = np.flatnonzero(whole[:, where[axis]].sum(axis=1) > 1 - 1e-4)
            if reached.size == 0:
                return None
            first, last = int(reached[0]), int(reached[-1]) + 1
            weights.append(whole[first:last, where[axis]])
            part.append(slice(self._low[axis] + first, self._low[axis] + last))
        return weights[0], weights[1], (where[0], where[1]), (part[0], part[1])
