"""Directions and orientation letters in the LPS frame (x to the patient's left, y posterior, z to the head)."""

import numpy as np
import numpy.typing as npt

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))


def direction_letters(direction_lps: npt.ArrayLike, *, minimum: float = 0.2) -> str:
    """Letters of the directions a vector points to, strongest first, e.g. ``"L"`` or ``"AH"``.

    Parameters
    ----------
    direction_lps
        Vector of 3 in LPS; its length does not matter.
    minimum
        Components below this share of the unit vector are not named.
    """
    vector = np.asarray(direction_lps, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if length == 0:
        return ""
    unit = vector / length
    order = np.argsort(-np.abs(unit), kind="stable")
    return "".join(_LETTERS[i][0 if unit[i] > 0 else 1] for i in order if abs(unit[i]) >= minimum)


def canonical_axes(affine: npt.NDArray[np.float64]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """How to turn a ``[z, y, x]`` array so that x runs to the patient's left, y posterior and z to the head.

    Returns
    -------
    permutation, flips
        ``array.transpose(permutation)`` then flip of axis i where ``flips[i]``; nearest axes for oblique volumes.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # rows: L, P, H; columns: index axes x, y, z. Pick the permutation with the largest total alignment.
    best: tuple[float, tuple[int, int, int]] | None = None
    for a in range(3):
        for b in range(3):
            if a == b:
                continue
            c = 3 - a - b
            total = abs(directions[0, a]) + abs(directions[1, b]) + abs(directions[2, c])
            if best is None or total > best[0] + 1e-12:
                best = (float(total), (a, b, c))
    if best is None:  # pragma: no cover - the loop always finds one
        raise ValueError("no axis permutation")
    to_left, to_back, to_head = best[1]
    permutation = (2 - to_head, 2 - to_back, 2 - to_left)
    flips = (directions[2, to_head] < 0, directions[1, to_back] < 0, directions[0, to_left] < 0)
    return permutation, tuple(bool(f) for f in flips)


def canonical_spacing(affine: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Spacing of z, y, x in mm once an array is turned by :func:`canonical_axes`."""
    permutation, _ = canonical_axes(affine)
    z, y, x = (float(np.linalg.norm(affine[:3, 2 - permutation[axis]])) for axis in range(3))
    return z, y, x


def reoriented_affine(
    affine: npt.NDArray[np.float64], shape: tuple[int, ...], permutation: tuple[int, ...], flips: tuple[bool, ...]
) -> npt.NDArray[np.float64]:
    """The affine of ``flip(array.transpose(permutation), flips)`` for an array of ``shape`` ``[z, y, x]``."""
    result = np.eye(4)
    origin = affine[:3, 3].astype(np.float64).copy()
    for new_axis in range(3):
        old_axis = permutation[new_axis]
        column = affine[:3, 2 - old_axis].astype(np.float64)
        if flips[new_axis]:
            origin = origin + column * (shape[old_axis] - 1)
            column = -column
        result[:3, 2 - new_axis] = column
    result[:3, 3] = origin
    return result
