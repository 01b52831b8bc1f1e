"""Where things lie on the film: facial patch, antra, lumens, as projected from the label map."""

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.head import Head
from sinustrainer.simulate.radiograph.geometry import FilmGeometry
from sinustrainer.simulate.radiograph.projections import Box
from sinustrainer.simulate.radiograph.projector import project
from sinusviewer.domain.anatomy import SINUS_CODES, Side, Sinus, Structure
from sinusviewer.errors import GeometryError

MINIMUM_PATH_MM = 3.0
"""A ray belongs to the antrum's shadow where it runs this far through the lumen; thinner edges do not show."""
_CLOSE_TO_SQUARE = 1.1


def lumen_path(
    head: Head, code: Structure, geometry: FilmGeometry
) -> tuple[tuple[int, int, int, int], npt.NDArray[np.float32]]:
    """Millimetres of each ray inside one structure, with the window of the film they cover."""
    found = box_of(head.labels, code)
    if found is None:
        return (0, 0, 0, 0), np.zeros((0, 0), np.float32)
    low = [max(0, int(s.start) - 1) for s in found]
    high = [min(n, int(s.stop) + 1) for s, n in zip(found, head.labels.shape, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = (head.labels[box] == code).astype(np.float32)[None]
    affine = head.affine.copy()
    affine[:3, 3] = head.affine[:3, :3] @ np.array(low[::-1], dtype=np.float64) + head.affine[:3, 3]
    shape = inside.shape[1:]
    corners = np.array(
        [(x, y, z) for x in (-0.5, shape[2] - 0.5) for y in (-0.5, shape[1] - 0.5) for z in (-0.5, shape[0] - 0.5)]
    )
    points = geometry.project_point(corners @ affine[:3, :3].T + affine[:3, 3])
    limits = np.array([geometry.columns, geometry.rows])
    x0, y0 = (int(v) for v in np.clip(np.floor(points.min(axis=0)), 0, limits))
    x1, y1 = (int(v) for v in np.clip(np.ceil(points.max(axis=0)), 0, limits))
    window = (x0, y0, x1, y1)
    return window, project(inside, affine, geometry, window=window)[0] * 10


def shadow_box(window: tuple[int, int, int, int], path_mm: npt.NDArray[np.float32], minimum_mm: float) -> Box | None:
    """Box, pixel edges, of the pixels whose path is at least ``minimum_mm``; None where there are none."""
    rows, columns = np.nonzero(path_mm >= minimum_mm)
    if rows.size == 0:
        return None
    x0, y0 = window[:2]
    return (
        float(x0 + columns.min()), float(y0 + rows.min()), float(x0 + columns.max() + 1), float(y0 + rows.max() + 1),
    )  # fmt: skip


def antra(head: Head, geometry: FilmGeometry) -> tuple[dict[Side, Box], dict[Side, npt.NDArray[np.uint8]]]:
    """Box and per-pixel path (mm, whole film) of each maxillary lumen."""
    boxes: dict[Side, Box] = {}
    paths: dict[Side, npt.NDArray[np.uint8]] = {}
    for side in Side:
        window, path = lumen_path(head, SINUS_CODES[Sinus.MAXILLARY, side], geometry)
        longest = float(path.max()) if path.size else 0.0
        box = shadow_box(window, path, min(MINIMUM_PATH_MM, longest / 2)) if longest > 0 else None
        if box is None:
            raise GeometryError(f"The {side} antrum does not fall on the film.")
        whole = np.zeros((geometry.rows, geometry.columns), np.uint8)
        whole[window[1] : window[3], window[0] : window[2]] = np.clip(np.rint(path), 0, 255)
        boxes[side], paths[side] = box, whole
    return boxes, paths


def face_box(head: Head, geometry: FilmGeometry, antrum_boxes: dict[Side, Box]) -> Box:
    """The facial patch of Oh 2021: maxillary sinuses, maxilla, nasal bone and orbits, as near a square as those allow."""
    points = [np.array([b[:2], b[2:]]) for b in antrum_boxes.values()]
    for code in (Structure.RIGHT_ORBIT, Structure.LEFT_ORBIT):
        found = box_of(head.labels, code)
        if found is not None:
            inside = np.argwhere(head.labels[found] == code)
            first = np.array([s.start for s in found])
            index = (inside[:: max(1, len(inside) // 4000)] + first)[:, ::-1].astype(np.float64)
            points.append(geometry.project_point(index @ head.affine[:3, :3].T + head.affine[:3, 3]))
    for name in ("nasion", "anterior_nasal_spine", "orbitale_right", "orbitale_left", "outer_canthus_right",
                 "outer_canthus_left"):  # fmt: skip
        if name in head.landmarks:
            points.append(geometry.project_point(np.asarray(head.landmarks[name]))[None])
    everything = np.concatenate(points)
    margin = 5.0 * geometry.source_detector_mm / (geometry.source_detector_mm - 80) / geometry.pixel_mm
    x0, y0 = everything.min(axis=0) - margin
    x1, y1 = everything.max(axis=0) + margin
    width, height = x1 - x0, y1 - y0
    if width > height * _CLOSE_TO_SQUARE:
        grow = (width / _CLOSE_TO_SQUARE - height) / 2
        y0, y1 = y0 - grow, y1 + grow
    elif height > width * _CLOSE_TO_SQUARE:
        grow = (height / _CLOSE_TO_SQUARE - width) / 2
        x0, x1 = x0 - grow, x1 + grow
    return (
        float(max(0, x0)), float(max(0, y0)), float(min(geometry.columns, x1)), float(min(geometry.rows, y1)),
    )  # fmt: skip
