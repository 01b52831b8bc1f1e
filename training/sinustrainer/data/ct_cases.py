"""CT cases prepared once and kept on disk: the in-plane grid or the box that a task trains on, beside its labels."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.data.manifest import Case
from sinusviewer.domain.image import Volume
from sinusviewer.domain.study import SeriesKind
from sinusviewer.errors import InputError, StorageError
from sinusviewer.imaging.preprocess_ct import (
    AxialPreprocessing,
    AxialStack,
    BoxPreprocessing,
    axial_stack,
    box_center,
    sinus_box,
)

CACHE_VARIABLE = "SINUSTRAINER_CACHE"
UNKNOWN = -1
"""Of opacity, outside the sinuses and on cases where nobody marked it."""
_MIDLINE_LAST = 11
Segment = Callable[[Volume], npt.NDArray[np.uint8]]
"""Labels of a volume on its own canonical grid, for cases that nobody labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStack:
    """A case's axial stack with labels ``[z, size, size]`` (all 0 and ``labelled`` False where there are none)."""

    stack: AxialStack
    labels: npt.NDArray[np.uint8]
    labelled: bool


@dataclass(frozen=True, slots=True, eq=False)
class PreparedBox:
    """A case's sinus box, larger than the network's by ``margin`` voxels each side, with labels and what is opacified."""

    hu: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    opacified: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CtCases:
    """Cases of a data folder on one task's grid.

    Attributes
    ----------
    folder
        The data folder; prepared arrays go to ``folder/.prepared`` or below ``SINUSTRAINER_CACHE``.
    segment
        Labels cases without masks; None leaves them unlabelled.
    segment_name
        Goes into the cache's key, so that other weights prepare anew.
    """

    folder: Path
    cases: tuple[Case, ...]
    settings: AxialPreprocessing | BoxPreprocessing
    margin: int = 0
    segment: Segment | None = None
    segment_name: str = ""

    def __len__(self) -> int:
        return len(self.cases)

    def stack(self, index: int) -> PreparedStack:
        """The axial stack of a case, prepared at its first use."""
        if not isinstance(self.settings, AxialPreprocessing):
            raise TypeError("these cases are prepared as boxes")
        folder = self._prepared(index)
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        stack = AxialStack(
            np.load(folder / "hu.npy", mmap_mode="r"),
            tuple(meta["start"]),
            tuple(meta["step"]),
            meta["slice_mm"],
            np.array(meta["affine"]),
        )
        return PreparedStack(stack, np.load(folder / "labels.npy", mmap_mode="r"), meta["labelled"])

    def opacified(self, index: int) -> npt.NDArray[np.uint8] | None:
        """What is opacified on a case's axial stack, 0 or 1; None where nobody marked it."""
        case = self.cases[index]
        if "opacified" not in case.files:
            return None
        path = self._prepared(index) / "opacified.npy"
        if not path.is_file():
            stack = self.stack(index).stack
            z, y, x = stack.hu.shape
            mask = (_resampled_labels(case.files["opacified"], stack.affine, (z, y, x)) > 0).astype(np.uint8)
            temporary = path.with_name(f".opacified.{os.getpid()}.npy")
            np.save(temporary, mask)
            temporary.replace(path)
        return np.asarray(np.load(path, mmap_mode="r"))

    def box(self, index: int) -> PreparedBox:
        """The sinus box of a case, prepared at its first use."""
        folder = self._prepared(index)
        parts = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("hu", "labels", "opacified"))
        return PreparedBox(*parts)

    def _prepared(self, index: int) -> Path:
        case = self.cases[index]
        described = json.dumps([asdict(self.settings), self.margin, self.segment_name, 3], sort_keys=True)
        key = hashlib.sha256(described.encode()).hexdigest()[:12]
        root = Path(os.environ.get(CACHE_VARIABLE) or self.folder / ".prepared")
        target = root / key / f"{case.case_id}{_version_of_masks(case)}"
        if not (target / "meta.json").is_file():
            try:
                target.mkdir(parents=True, exist_ok=True)
                self._prepare(case, target)
            except OSError as error:
                raise StorageError(
                    "Prepared volumes cannot be written beside the data.",
                    f"Set {CACHE_VARIABLE} to a folder with room.",
                ) from error
        return target

    def _prepare(self, case: Case, target: Path) -> None:
        volume = load_case_volume(case)
        if isinstance(self.settings, AxialPreprocessing):
            stack = axial_stack(volume, self.settings)
            size = self.settings.size
            labels, labelled = self._labels(case, volume, stack.affine, (stack.hu.shape[0], size, size))
            arrays: dict[str, npt.NDArray[Any]] = {"hu": stack.hu, "labels": labels}
            meta = {"start": stack.start, "step": stack.step, "slice_mm": stack.slice_mm,
                    "affine": stack.affine.tolist(), "labelled": labelled}  # fmt: skip
        else:
            arrays, meta = self._box_arrays(case, volume, self.settings)
        for name, array in arrays.items():
            temporary = target / f".{name}.{os.getpid()}.npy"
            np.save(temporary, array)
            temporary.replace(target / f"{name}.npy")
        temporary = target / f".meta.{os.getpid()}"
        temporary.write_text(json.dumps(meta), encoding="utf-8")
        temporary.replace(target / "meta.json")

    def _box_arrays(
        self, case: Case, volume: Volume, settings: BoxPreprocessing
    ) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        from sinusviewer.imaging.resample import canonical

        turned = canonical(volume)
        shape = turned.voxels.shape
        native, labelled = self._labels(case, volume, turned.affine, (shape[0], shape[1], shape[2]))
        if not native.any():
            raise InputError(f"Case {case.case_id} has no sinus labels.", "Label it, or name a segmentation model.")
        box = sinus_box(turned, box_center(native), settings, margin=self.margin)
        size = (box.hu.shape[0], box.hu.shape[1], box.hu.shape[2])
        labels, _ = self._labels(case, volume, box.affine, size)
        opacified = np.zeros(size, dtype=np.uint8)
        if "opacified" in case.files:
            opacified = (_resampled_labels(case.files["opacified"], box.affine, size) > 0).astype(np.uint8)
        return {"hu": box.hu, "labels": labels, "opacified": opacified}, {"labelled": labelled}

    def _labels(
        self, case: Case, volume: Volume, affine: npt.NDArray[np.float64], shape: tuple[int, int, int]
    ) -> tuple[npt.NDArray[np.uint8], bool]:
        if "labels" in case.files:
            labels = _resampled_labels(case.files["labels"], affine, shape)
            return np.where(labels <= _MIDLINE_LAST, labels, 0).astype(np.uint8), True
        if self.segment is None:
            return np.zeros(shape, dtype=np.uint8), False
        from sinusviewer.imaging.resample import canonical

        return _at(self.segment(volume), canonical(volume).affine, affine, shape), True


def _version_of_masks(case: Case) -> str:
    """Changes where a window exported a case anew with other masks under its old name; empty for cases from elsewhere."""
    if not case.masks:
        return ""
    files = [
        case.files[kind].stat() for kind in ("labels", "opacified") if kind in case.files and case.files[kind].is_file()
    ]
    marks = json.dumps([(one.st_mtime_ns, one.st_size) for one in files])
    return f"-{hashlib.sha256(marks.encode()).hexdigest()[:8]}"


def load_case_volume(case: Case) -> Volume:
    """The CT of a case: its largest volume.

    Raises
    ------
    InputError
        Where the case's folder holds no CT volume.
    """
    from sinusviewer.imaging.load import load_series
    from sinusviewer.imaging.scan import scan

    path = case.files.get("image")
    if path is None:
        raise InputError(f"Case {case.case_id} has no image.")
    series = [s for study in scan([path]).studies for s in study.series if s.kind is SeriesKind.VOLUME]
    if not series:
        raise InputError(f"Case {case.case_id} holds no CT volume.")
    loaded = load_series(max(series, key=lambda s: len(s.instances)))
    if not isinstance(loaded, Volume):
        raise InputError(f"Case {case.case_id} holds no CT volume.")
    return loaded


def load_case_labels(case: Case, volume: Volume) -> npt.NDArray[np.uint8]:
    """The labels of a case on its volume's own grid (codes of sinuses and nasal cavity only).

    Raises
    ------
    InputError
        Where the case has no masks.
    """
    if "labels" not in case.files:
        raise InputError(f"Case {case.case_id} has no masks.")
    z, y, x = volume.voxels.shape
    labels = _resampled_labels(case.files["labels"], volume.affine, (z, y, x))
    return np.where(labels <= _MIDLINE_LAST, labels, 0).astype(np.uint8)


def load_case_opacified(case: Case, volume: Volume) -> npt.NDArray[np.bool_]:
    """What was marked as opacified, on the volume's own grid.

    Raises
    ------
    InputError
        Where nobody marked it.
    """
    if "opacified" not in case.files:
        raise InputError(f"Case {case.case_id} does not say what is opacified.")
    z, y, x = volume.voxels.shape
    return np.asarray(_resampled_labels(case.files["opacified"], volume.affine, (z, y, x)) > 0)


def _resampled_labels(
    path: Path, affine: npt.NDArray[np.float64], shape: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    from sinusviewer.imaging.nifti import read_nifti

    array, header = read_nifti(path)
    return _at(array, header.affine, affine, shape)


def _at(
    array: npt.NDArray[Any],
    own: npt.NDArray[np.float64],
    wanted: npt.NDArray[np.float64],
    shape: tuple[int, int, int],
) -> npt.NDArray[np.uint8]:
    """Nearest label of each voxel of another grid, by place in space; 0 outside."""
    to_own = np.linalg.inv(own) @ wanted
    matrix, offset = to_own[:3, :3][::-1, ::-1], to_own[:3, 3][::-1]
    result = ndimage.affine_transform(
        array.astype(np.uint8), matrix, offset, output_shape=shape, order=0, mode="constant", cval=0
    )
    return np.asarray(result, dtype=np.uint8)
