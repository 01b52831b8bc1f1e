"""Batches of slices for endotype networks: a few slices of a few patients, as bags that attention may weigh."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.data.ct_augmentation import CtAugmentation, change_hu, draw_ct, move_plane
from sinustrainer.data.ct_cases import CtCases, PreparedStack
from sinusviewer.domain.anatomy import SINUS_CODES
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    bounding_rectangle,
    lesion_shares,
    neighbour,
    to_eight_bits,
)

FILLS = len(SINUS_CODES) + 2
"""Shares of the ten sinuses and the nasal cavity, then the density of what fills them."""
_SEEN_PIXELS, _DENSE_PIXELS = 12, 40


@dataclass(frozen=True)
class BagBatches:
    """Batches of a few slices of a few patients; one window each, as the published PNG files were."""

    cases: CtCases
    truth: tuple[int, ...]
    settings: AxialPreprocessing
    augmentation: CtAugmentation
    batch: int
    seed: int
    slices: int
    lesion_share: float
    fill: bool = False
    _shares: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __call__(self, step: int) -> dict[str, npt.NDArray[Any]]:
        patients = max(2, self.batch // self.slices)
        images: list[npt.NDArray[np.float32]] = []
        owner: list[int] = []
        truth: list[float] = []
        fills: list[npt.NDArray[np.float32]] = []
        for i in range(patients):
            number = step * patients + i
            epoch, place = divmod(number, len(self.cases))
            case = int(np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.cases))[place])
            rng = np.random.default_rng([self.seed, 2, number])
            prepared = self.cases.stack(case)
            candidates = self._candidates(case, prepared)
            chosen = rng.choice(candidates, self.slices, replace=len(candidates) < self.slices)
            flip = bool(rng.uniform() < self.augmentation.flip)  # one patient, one side up
            opacified = self.cases.opacified(case) if self.fill else None
            for index in chosen:
                image, fill = self._image(prepared, opacified, int(index), flip, rng)
                images.append(image)
                fills.append(fill)
                owner.append(i)
            truth.append(float(self.truth[case]))
        return {
            "image": np.stack(images),
            "patient": np.array(owner, dtype=np.int64),
            "truth": np.array(truth, dtype=np.float32),
            "fill": np.stack(fills),
        }

    def _candidates(self, case: int, prepared: PreparedStack) -> npt.NDArray[np.intp]:
        if case not in self._shares:
            self._shares[case] = lesion_shares(prepared.stack, prepared.labels)
        shares = self._shares[case]
        found = np.flatnonzero(shares >= max(self.lesion_share, 1e-6))
        return found if found.size else np.array([int(np.argmax(shares))])

    def _image(
        self,
        prepared: PreparedStack,
        opacified: npt.NDArray[np.uint8] | None,
        index: int,
        flip: bool,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        drawn = draw_ct(self.augmentation.model_copy(update={"flip": 1.0 if flip else 0.0}), rng)
        mm = self.settings.spacing_mm
        raw = move_plane(neighbour(prepared.stack, index, 0.0), drawn, mm, labels=False)
        hu = change_hu(raw[None].astype(np.float32), drawn)[0]
        window = self.settings.windows[int(rng.integers(len(self.settings.windows)))]
        image = to_eight_bits(hu, window)
        labels = move_plane(prepared.labels[index], drawn, mm, labels=True)
        if self.settings.rectangle:
            image = image * bounding_rectangle(labels > 0, round(self.settings.rectangle_margin_mm / mm))
        fill = np.full(FILLS, -1, dtype=np.float32)
        if opacified is not None:
            fill = fill_of(raw, labels, move_plane(opacified[index], drawn, mm, labels=True) > 0)
        return image[None].astype(np.float32), fill


def fill_of(
    hu: npt.NDArray[Any], labels: npt.NDArray[np.uint8], opacified: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Opacified share of each structure on a slice (0 where it is not there), and mean density of all that is opacified.

    The density is 0-100 HU as 0-1; -1 where too little is opacified to tell.
    """
    result = np.append(np.zeros(FILLS - 1), -1).astype(np.float32)
    area = np.bincount(labels.ravel(), minlength=FILLS)[1:FILLS]
    filled = np.bincount(labels[opacified], minlength=FILLS)[1:FILLS]
    seen = area >= _SEEN_PIXELS
    result[:-1][seen] = filled[seen] / area[seen]
    inside = opacified & (labels > 0) & (hu > -50)
    if np.count_nonzero(inside) >= _DENSE_PIXELS:
        result[-1] = np.clip(hu[inside].mean() / 100, 0, 1)
    return result
