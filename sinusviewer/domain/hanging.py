"""Hanging: which views a study opens with, by what its images are. Pure rules over the nouns."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.display import LayoutKind, Plane, ViewState
from sinusviewer.domain.image import BONE, SOFT_TISSUE, Radiograph, Volume, Window
from sinusviewer.domain.planes import hung_array, volume_stack
from sinusviewer.domain.study import Series, SeriesKind

CT_PRESETS: tuple[Window, ...] = (
    BONE,
    SOFT_TISSUE,
    Window(40, 80, name="Brain"),
    Window(-100, 1200, name="Sinus air"),
    Window(-600, 1500, name="Lung"),
    Window(200, 600, name="Contrast"),
)
MASKS_ONLY = Window(1000, 100, name="Masks alone")
"""Black, for masks that have no image behind them."""
_RANK = {
    SeriesKind.VOLUME: 0,
    SeriesKind.RADIOGRAPH: 1,
    SeriesKind.STACK: 2,
    SeriesKind.VIEW_ONLY: 3,
    SeriesKind.LOCALIZER: 4,
}


def first_series(series: Sequence[Series]) -> Series | None:
    """The series to look at first: the largest volume, else the radiograph, never a localizer while there is another."""
    ranked = sorted(series, key=lambda s: (_RANK[s.kind], -sum(i.frames for i in s.instances)))
    return ranked[0] if ranked else None


def hang_film(key: str, film: Radiograph, index: int = 0) -> ViewState:
    """One film, patient's right on the screen's left: what is stored mirrored or upside down is turned."""
    mirrored = film.patient_right_is_image_left is False
    if film.upright_turns:  # mirrored after turning, which a view does before: it then turns the other way
        return ViewState(
            key, Plane.FILM, index, flipped=mirrored, quarter_turns=(-1 if mirrored else 1) * film.upright_turns % 4
        )
    # Turning upside down by half a turn also swaps left and right, so the flip is taken back.
    turns = 2 if film.upside_down and film.patient_right_is_image_left is not None else 0
    return ViewState(key, Plane.FILM, index, flipped=mirrored != (turns == 2), quarter_turns=turns)


def hang_volume(
    key: str, volume: Volume, layout: LayoutKind, center: npt.NDArray[np.float64] | None = None
) -> dict[str, ViewState]:
    """The views of a CT, all through ``center`` (LPS), which is the air of the face where none is given."""
    if not is_sinus_ct(volume):
        plane = acquired_plane(volume)
        shown = BONE if volume.identity.modality == "CT" else None
        return {"A": ViewState(key, plane, volume_stack(volume, plane).count // 2, shown)}
    window, second = (MASKS_ONLY, MASKS_ONLY) if volume.identity.modality == "SEG" else (BONE, SOFT_TISSUE)
    center = face_center(volume) if center is None else center

    def view(plane: Plane, shown: Window | None) -> ViewState:
        stack = volume_stack(volume, plane)
        at = stack.index_of(center)
        index = stack.count // 2 if at is None else min(max(round(at[2]), 0), stack.count - 1)
        return ViewState(key, plane, index, shown)

    coronal, axial, sagittal = Plane.CORONAL, Plane.AXIAL, Plane.SAGITTAL
    match layout:
        case LayoutKind.ONE:
            return {"A": view(coronal, window)}
        case LayoutKind.TWO:
            return {"A": view(coronal, window), "B": view(coronal, second)}
        case LayoutKind.MPR:
            return {"A": view(coronal, window), "B": view(axial, window), "C": view(sagittal, window)}
    return {
        "A": view(coronal, window), "B": view(coronal, second), "C": view(axial, window), "D": view(sagittal, window),
    }  # fmt: skip


def face_center(volume: Volume) -> npt.NDArray[np.float64]:
    """LPS of the middle of the air inside the front of the head, where the sinuses are; else of the volume.

    For hanging only. Air is below -400 HU and counts as inside where there is tissue on both sides of it and in front.
    """
    shape = np.array(volume.voxels.shape)
    middle = (volume.affine @ np.append((shape[::-1] - 1) / 2, 1.0))[:3]
    if volume.identity.modality == "SEG" and volume.voxels.any():  # in the middle of the masks
        at = [float(np.average(np.arange(n), weights=(volume.voxels > 0).sum(axis=tuple({0, 1, 2} - {a}))))
              for a, n in enumerate(shape)]  # fmt: skip
        return np.asarray((volume.affine @ np.array([*at[::-1], 1.0]))[:3], dtype=np.float64)
    if volume.identity.modality != "CT" or min(shape) < 8:
        return np.asarray(middle, dtype=np.float64)
    steps = tuple(max(1, int(n) // 64) for n in shape)
    hung, affine = hung_array(
        volume.voxels[:: steps[0], :: steps[1], :: steps[2]], _coarse(volume.affine, steps), Plane.AXIAL
    )
    tissue = np.asarray(hung) > -400  # [z, y, x], y to the back
    enclosed = np.maximum.accumulate(tissue, axis=2) & np.maximum.accumulate(tissue[:, :, ::-1], axis=2)[:, :, ::-1]
    enclosed &= np.maximum.accumulate(tissue, axis=1) & ~tissue
    rows = np.flatnonzero(tissue.any(axis=(0, 2)))
    if rows.size:  # the front half of the head, so that mastoids and the pharynx weigh nothing
        enclosed[:, (rows[0] + rows[-1]) // 2 :] = False
    z, y, x = np.nonzero(enclosed)
    if z.size < 20:
        return np.asarray(middle, dtype=np.float64)
    across = (np.median(x), np.median(y), np.median(z), 1.0)
    return np.asarray((affine @ np.array(across))[:3], dtype=np.float64)


def _coarse(affine: npt.NDArray[np.float64], steps: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The affine of every n-th voxel; ``steps`` in array order."""
    result = affine.astype(np.float64).copy()
    for axis, step in enumerate(reversed(steps)):
        result[:3, axis] *= step
    return result


def is_sinus_ct(volume: Volume) -> bool:
    """Whether planes can be cut: a CT, or its masks, of at least eight slices. One slice is what is here while the rest loads."""
    return volume.identity.modality in ("CT", "SEG") and min(volume.voxels.shape) >= 8


def acquired_plane(volume: Volume) -> Plane:
    """The plane of the slices as they were acquired."""
    normal = volume.affine[:3, 2] / np.linalg.norm(volume.affine[:3, 2])

    def along(plane: Plane) -> float:
        affine = volume_stack(volume, plane).affine
        return 0.0 if affine is None else abs(float(normal @ affine[:3, 2])) / float(np.linalg.norm(affine[:3, 2]))

    return max((Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL), key=along)


def layout_for(volume: Volume | None, count_of_films: int) -> LayoutKind:
    """Waters' view: one large view. Sinus CT: bone and soft tissue side by side, with axial and sagittal; masks: three planes."""
    if volume is None:
        return LayoutKind.TWO if count_of_films == 2 else LayoutKind.ONE
    if is_sinus_ct(volume) and volume.identity.modality == "SEG":
        return LayoutKind.MPR
    return LayoutKind.SINUS_CT if is_sinus_ct(volume) else LayoutKind.ONE
