"""Planes through images: arrays turned the way a reader hangs them, with the frame of reference kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.display import Plane
from sinusviewer.domain.geometry import canonical_axes, reoriented_affine
from sinusviewer.domain.image import Radiograph, Volume

# Canonical [z, y, x] (H, P, L) -> (permutation, flips) that gives [slice, row, column] as hung:
# the patient's right on the screen's left, head up; sagittal seen from the patient's left, nose to the left.
_HANGING: dict[Plane, tuple[tuple[int, int, int], tuple[bool, bool, bool]]] = {
    Plane.AXIAL: ((0, 1, 2), (False, False, False)),
    Plane.CORONAL: ((1, 0, 2), (False, True, False)),
    Plane.SAGITTAL: ((2, 0, 1), (False, True, False)),
}


@dataclass(frozen=True, slots=True, eq=False)
class PlaneStack:
    """The slices of one image in one plane.

    Attributes
    ----------
    slices
        Sequence of ``[row, column]`` arrays (views, no copies), or ``[row, column, 3]`` in colour.
    affine
        ``(column, row, slice, 1)`` pixel-centre indices to LPS mm; None for films.
    oriented
        False where nothing proves left and right: the affine then only links planes with each other.
    spacing
        ``(row, column)`` mm, or None where lengths are in pixels.
    """

    plane: Plane
    slices: Sequence[npt.NDArray[np.generic]]
    affine: npt.NDArray[np.float64] | None
    spacing: tuple[float, float] | None
    oriented: bool = True

    @property
    def count(self) -> int:
        return len(self.slices)

    def point_lps(self, column: float, row: float, index: float) -> npt.NDArray[np.float64] | None:
        """The place of a pixel centre in the patient, mm."""
        if self.affine is None:
            return None
        point: npt.NDArray[np.float64] = (self.affine @ np.array([column, row, index, 1.0]))[:3]
        return point

    def index_of(self, point_lps: npt.ArrayLike) -> tuple[float, float, float] | None:
        """``(column, row, slice)`` of a place in the patient; may lie outside the image."""
        if self.affine is None:
            return None
        x, y, z, _ = np.linalg.solve(self.affine, np.append(np.asarray(point_lps, dtype=np.float64), 1.0))
        return float(x), float(y), float(z)


def hung_array(
    array: npt.NDArray[np.generic], affine: npt.NDArray[np.float64], plane: Plane
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    """A ``[z, y, x]`` array as ``[slice, row, column]`` of a plane (a view, not a copy) and its affine."""
    permutation, flips = canonical_axes(affine)
    canonical = _turned(array, permutation, flips)
    canonical_affine = reoriented_affine(affine, array.shape, permutation, flips)
    hang_permutation, hang_flips = _HANGING[plane]
    return (
        _turned(canonical, hang_permutation, hang_flips),
        reoriented_affine(canonical_affine, canonical.shape, hang_permutation, hang_flips),
    )


def _turned(
    array: npt.NDArray[np.generic], permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> npt.NDArray[np.generic]:
    return array.transpose(permutation)[tuple(slice(None, None, -1) if f else slice(None) for f in flips)]


def volume_stack(volume: Volume, plane: Plane) -> PlaneStack:
    """A volume's slices in a plane. Without a proven orientation the planes are the same, the letters are not known."""
    slices, affine = hung_array(volume.voxels, volume.affine, plane)
    spacing = (float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0])))
    return PlaneStack(plane, slices, affine, spacing, volume.oriented)  # type: ignore[arg-type]


def film_stack(films: Sequence[Radiograph]) -> PlaneStack:
    """Radiographs or single frames one behind the other; no common frame of reference."""
    first = films[0]
    return PlaneStack(Plane.FILM, [f.pixels for f in films], None, first.spacing, oriented=False)
