"""CT series for tests, laid out in space by an affine, slice by slice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from made_dicom import ROOT, write_ct
from pydicom.dataset import Dataset

from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import Series
from sinusviewer.imaging.load import load_volume
from sinusviewer.imaging.scan import scan


def write_series(
    folder: Path, voxels: npt.NDArray[np.int16], affine: npt.NDArray[np.float64], *, study: str = f"{ROOT}.3",
    positions: Sequence[Sequence[float]] | None = None, order: Sequence[int] | None = None, **tags: object,
) -> list[Path]:  # fmt: skip
    """Write ``voxels[z, y, x]`` where ``affine`` (index x, y, z to LPS mm) says.

    ``positions`` replaces the affine's for each slice; ``order`` numbers the slices otherwise than as they lie.
    """
    paths = write_ct(folder, voxels, 1.0, study=study)
    row, column = affine[:3, 0], affine[:3, 1]
    numbers = list(order) if order is not None else list(range(len(paths)))
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        place = positions[k] if positions is not None else affine[:3, 3] + k * affine[:3, 2]
        dataset.ImageOrientationPatient = [f"{v:.10g}" for v in (*_unit(row), *_unit(column))]
        dataset.ImagePositionPatient = [f"{v:.10g}" for v in place]
        dataset.PixelSpacing = [f"{np.linalg.norm(column):.10g}", f"{np.linalg.norm(row):.10g}"]
        dataset.InstanceNumber = numbers[k] + 1
        _set(dataset, tags)
        dataset.save_as(path)
    return paths


_AMBIGUOUS = {"PixelPaddingValue": 0x00280120, "PixelPaddingRangeLimit": 0x00280121}
"""US or SS by the pixels' sign; written as US here, as many scanners do whatever the sign."""


def _set(dataset: Dataset, tags: Mapping[str, object]) -> None:
    for keyword, value in tags.items():
        if value is None:
            del dataset[keyword]
        elif keyword in _AMBIGUOUS:
            dataset.add_new(_AMBIGUOUS[keyword], "US", value)
        else:
            setattr(dataset, keyword, value)


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return vector / float(np.linalg.norm(vector))


def change(path: Path, **tags: object) -> Dataset:
    """Set tags of a file (None removes one) and save it."""
    dataset = pydicom.dcmread(path)
    _set(dataset, tags)
    dataset.save_as(path)
    return dataset


def all_series(*paths: Path) -> list[Series]:
    return [series for study in scan(paths).studies for series in study.series]


def only_series(*paths: Path) -> Series:
    found = all_series(*paths)
    assert len(found) == 1, [s.description for s in found]
    return found[0]


def loaded(*paths: Path) -> Volume:
    return load_volume(only_series(*paths))


def codes(image: object) -> set[str]:
    return {w.code for w in image.warnings}  # type: ignore[attr-defined]
