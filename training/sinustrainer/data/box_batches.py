"""Batches of sinus boxes for the recurrence network. A batch is a function of the step alone, so a resumed run sees the same."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.data.ct_augmentation import CtAugmentation, change_hu, draw_ct, mirrored_labels
from sinustrainer.data.ct_cases import UNKNOWN, CtCases, PreparedBox
from sinusviewer.domain.anatomy import MIRRORED, Structure
from sinusviewer.imaging.preprocess_ct import BoxPreprocessing, to_eight_bits

_FILLED = int(Structure.NASAL_CAVITY)
BURDENS = _FILLED + 1
"""How much of the sinuses and the nose is filled, codes 1 to 11, and last how dense that is."""
_MIRRORED_BURDENS = np.array([*(int(MIRRORED[Structure(code)]) - 1 for code in range(1, _FILLED + 1)), _FILLED])
_DENSEST_HU, _DENSE_VOXELS = 100.0, 100
_AIR_HU = -400


@dataclass(frozen=True)
class BoxBatches:
    """Training batches of sinus boxes by step number."""

    cases: CtCases
    truth: tuple[int, ...]
    settings: BoxPreprocessing
    augmentation: CtAugmentation
    batch: int
    seed: int
    target: str

    def __call__(self, step: int) -> dict[str, npt.NDArray[Any]]:
        rows = [self._one(step * self.batch + i) for i in range(self.batch)]
        return {
            "image": np.stack([r[0] for r in rows]),
            "labels": np.stack([r[1] for r in rows]),
            "truth": np.array([r[2] for r in rows], dtype=np.int64),
            "burden": np.stack([r[3] for r in rows]),
            "opacified": np.stack([r[4] for r in rows]),
        }

    def _one(
        self, number: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], int, npt.NDArray[Any], npt.NDArray[np.int8]]:
        epoch, place = divmod(number, len(self.cases))
        case = int(np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.cases))[place])
        drawn = draw_ct(self.augmentation, np.random.default_rng([self.seed, 2, number]))
        prepared = self.cases.box(case)
        shift = [round(mm / self.settings.spacing_mm) for mm in drawn.shift]
        margin = self.cases.margin
        offset = [margin + max(-margin, min(margin, s)) for s in shift]
        part = tuple(slice(o, o + n) for o, n in zip(offset, self.settings.shape, strict=True))
        hu = prepared.hu[part].astype(np.float32)
        marked = "opacified" in self.cases.cases[case].files
        filled = burden_of(prepared, marked=marked)
        labels = target_of(prepared, part, self.target)
        inside = np.asarray(prepared.labels[part]) > 0
        opacified = np.where(inside & marked, np.asarray(prepared.opacified[part]) > 0, UNKNOWN).astype(np.int8)
        if drawn.flip:
            hu, opacified = hu[..., ::-1], np.ascontiguousarray(opacified[..., ::-1])
            labels = mirrored_labels(labels) if self.target == "sinuses" else labels[..., ::-1]
        hu = change_hu(np.ascontiguousarray(hu), drawn)
        image = np.stack([to_eight_bits(hu, window) for window in self.settings.windows])
        if drawn.flip:
            filled = filled[_MIRRORED_BURDENS]
        return image, labels.astype(np.int64), self.truth[case], filled, opacified


def target_of(prepared: PreparedBox, part: tuple[slice, ...], target: str) -> npt.NDArray[np.uint8]:
    """The decoder's target in a part of a box."""
    labels = np.asarray(prepared.labels[part])
    if target == "sinuses":
        return labels
    region = (labels > 0).astype(np.uint8)
    if target == "region":
        return region
    return region + region * (np.asarray(prepared.opacified[part]) > 0).astype(np.uint8)


def burden_of(prepared: PreparedBox, *, marked: bool) -> npt.NDArray[np.float32]:
    """Share of each sinus and of the nose that is filled, in the order of codes 1-11, and how dense all of that is.

    The density is the mean, 0-100 HU as 0-1; -1 stands where the patient has no such sinus, or nothing filled.

    Parameters
    ----------
    marked
        Whether what is opacified was marked; else it is what holds no air.
    """
    labels, hu = np.asarray(prepared.labels), np.asarray(prepared.hu)
    filled = np.asarray(prepared.opacified) > 0 if marked else hu > _AIR_HU
    count = np.bincount(labels.ravel(), minlength=BURDENS)[1:BURDENS]
    of_it = np.bincount(labels[filled], minlength=BURDENS)[1:BURDENS]
    shares = np.where(count > 0, of_it / np.maximum(count, 1), -1)
    dense = filled & (labels > 0) & (hu > -50) & (hu < 3 * _DENSEST_HU)  # neither mixed with air nor with bone
    enough = np.count_nonzero(dense) >= _DENSE_VOXELS
    density = float(np.clip(hu[dense].mean() / _DENSEST_HU, 0, 1)) if enough else -1.0
    return np.append(shares, density).astype(np.float32)
