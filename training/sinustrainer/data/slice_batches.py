"""Training batches of axial slices, drawn anew in every epoch and moved at random."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.data.ct_augmentation import CtAugmentation, change_hu, draw_ct, move_plane
from sinustrainer.data.ct_cases import UNKNOWN, CtCases
from sinusviewer.domain.anatomy import Structure
from sinusviewer.imaging.preprocess_ct import AxialPreprocessing, neighbour, to_eight_bits


@dataclass(frozen=True)
class SliceBatches:
    """Training batches of slices by step number."""

    cases: CtCases
    settings: AxialPreprocessing
    augmentation: CtAugmentation
    batch: int
    seed: int
    empty_share: float
    region: bool
    opacity: bool = False

    def __call__(self, step: int) -> dict[str, npt.NDArray[Any]]:
        rows = [self._one(step * self.batch + i) for i in range(self.batch)]
        batch: dict[str, npt.NDArray[Any]] = {
            "image": np.stack([r[0] for r in rows]),
            "labels": np.stack([r[1] for r in rows]),
        }
        if self.opacity:
            batch["opacified"] = np.stack([r[2] for r in rows])
        return batch

    def _one(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int8]]:
        epoch, place = divmod(number, len(self.cases))
        case = int(np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.cases))[place])
        rng = np.random.default_rng([self.seed, 2, number])
        prepared = self.cases.stack(case)
        held = np.flatnonzero(prepared.labels.any(axis=(1, 2)))
        everywhere = rng.uniform() < self.empty_share or held.size == 0
        index = int(rng.integers(prepared.labels.shape[0])) if everywhere else int(rng.choice(held))
        drawn = draw_ct(self.augmentation, rng)
        mm = self.settings.spacing_mm
        planes = np.stack(
            [
                move_plane(neighbour(prepared.stack, index, offset), drawn, mm, labels=False)
                for offset in self.settings.context_mm
            ]
        )
        planes = change_hu(planes, drawn)
        image = np.stack([to_eight_bits(hu, w) for hu in planes for w in self.settings.windows])
        labels = move_plane(prepared.labels[index], drawn, mm, labels=True).astype(np.int64)
        opacified = np.full(labels.shape, UNKNOWN, dtype=np.int8)
        if self.opacity and (mask := self.cases.opacified(case)) is not None:
            # as a code that mirroring leaves alone
            moved = move_plane(mask[index] * np.uint8(Structure.NASAL_CAVITY), drawn, mm, labels=True)
            opacified = np.where(labels > 0, moved > 0, UNKNOWN).astype(np.int8)
        return image.astype(np.float32), (labels > 0).astype(np.int64) if self.region else labels, opacified
