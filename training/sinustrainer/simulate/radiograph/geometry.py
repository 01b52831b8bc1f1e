r"""Where source, head and detector stand for a PA radiograph of the face, and where a point of the head falls on the film.

Frame: LPS mm of the head. The patient faces the detector (PA), so the film's columns run to the patient's left and its rows
to the feet, as it is hung (PatientOrientation ``L\F``).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.head import Head
from sinusviewer.errors import GeometryError

_BODY_HU = -300


@dataclass(frozen=True, slots=True)
class Positioning:
    """How the patient stands. Defaults are the textbook Waters' view; 75-90 degrees make a Caldwell view.

    Attributes
    ----------
    orbitomeatal_deg
        Angle of the orbitomeatal line to the detector plane: 37 for Waters (30-45 in practice), 90 minus the tube's
        caudal angle for Caldwell. Larger is under-tilted: the petrous ridges climb into the antra.
    yaw_deg
        Turn of the face to the patient's left.
    roll_deg
        Lean of the head; positive brings the patient's left side down.
    source_detector_mm
        1040-1500 in Oh 2021, Table 4.
    air_gap_mm
        From the most forward point of skin (the chin) to the detector: cover plate and grid.
    shift_left_mm, shift_down_mm
        Of the film's centre from the central ray, which leaves the face at the anterior nasal spine.
    """

    orbitomeatal_deg: float = 37.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    source_detector_mm: float = 1200.0
    air_gap_mm: float = 15.0
    shift_left_mm: float = 0.0
    shift_down_mm: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FilmGeometry:
    """A cone beam onto a flat detector.

    Attributes
    ----------
    source
        LPS mm of the focal spot.
    right, down, beam
        Unit vectors in LPS: towards growing columns, growing rows, and from the source to the detector.
    centre
        (column, row), pixel edges, where the central ray meets the detector.
    """

    source: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    down: npt.NDArray[np.float64]
    beam: npt.NDArray[np.float64]
    source_detector_mm: float
    pixel_mm: float
    rows: int
    columns: int
    centre: tuple[float, float]

    def project_point(self, lps: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(column, row) in pixel edges of points ``[..., 3]``."""
        relative = np.asarray(lps, dtype=np.float64) - self.source
        scale = self.source_detector_mm / (relative @ self.beam) / self.pixel_mm
        return np.stack(
            [self.centre[0] + scale * (relative @ self.right), self.centre[1] + scale * (relative @ self.down)], axis=-1
        )

    def magnification(self, lps: npt.ArrayLike) -> float:
        """Size on the detector over size at a point."""
        relative = np.asarray(lps, dtype=np.float64) - self.source
        return float(self.source_detector_mm / (relative @ self.beam))

    @property
    def gravity(self) -> npt.NDArray[np.float64]:
        """Down for the upright patient, LPS: fluid lies level on the film."""
        return self.down


def body_points(head: Head, step: int = 4) -> npt.NDArray[np.float64]:
    """LPS mm of the first and last voxel of the body in every ``step``-th row and slice, ``[n, 3]``: it ends nowhere else.

    All along x, so that mirrors match.
    """
    body = head.hu[::step, ::step] > _BODY_HU
    z, y = np.nonzero(body.any(axis=2))
    rows = body[z, y]
    first, last = np.argmax(rows, axis=1), rows.shape[1] - 1 - np.argmax(rows[:, ::-1], axis=1)
    index = np.stack([np.concatenate([first, last]), np.tile(y * step, 2), np.tile(z * step, 2)], axis=1).astype(
        np.float64
    )
    points: npt.NDArray[np.float64] = index @ head.affine[:3, :3].T + head.affine[:3, 3]
    return points


def beam_axes(head: Head, positioning: Positioning) -> tuple[npt.NDArray[np.float64], ...]:
    """``right, down, beam`` in LPS from the orbitomeatal line, never from the CT's own planes."""
    mark = {name: np.asarray(point, dtype=np.float64) for name, point in head.landmarks.items()}
    missing = {"porion_right", "porion_left", "outer_canthus_right", "outer_canthus_left"} - mark.keys()
    if missing:
        raise GeometryError(f"The head has no landmarks {', '.join(sorted(missing))}.")
    left = _unit(mark["porion_left"] - mark["porion_right"] + mark["outer_canthus_left"] - mark["outer_canthus_right"])
    line = mark["outer_canthus_left"] + mark["outer_canthus_right"] - mark["porion_left"] - mark["porion_right"]
    forward = _unit(line - (line @ left) * left)
    up = np.cross(forward, left)
    angle = np.deg2rad(positioning.orbitomeatal_deg)
    # At 90 degrees the beam runs along the orbitomeatal line; raising the chin lowers it towards the feet.
    beam = np.sin(angle) * forward - np.cos(angle) * up
    right, down = left, -(np.cos(angle) * forward + np.sin(angle) * up)
    # The head turns and leans; seen from the head, tube and detector turn the other way.
    right, beam = _turn(right, beam, -np.deg2rad(positioning.yaw_deg))
    right, down = _turn(right, down, -np.deg2rad(positioning.roll_deg))
    return right, down, beam


def place(head: Head, positioning: Positioning, rows: int, columns: int, pixel_mm: float) -> FilmGeometry:
    """Put the head's chin to the detector and the central ray through the anterior nasal spine."""
    right, down, beam = beam_axes(head, positioning)
    if "anterior_nasal_spine" not in head.landmarks:
        raise GeometryError("The head has no landmark anterior_nasal_spine.")
    aim = np.asarray(head.landmarks["anterior_nasal_spine"], dtype=np.float64)
    depth = body_points(head) @ beam
    if depth.size == 0:
        raise GeometryError("The head holds no tissue.")
    detector_depth = float(depth.max()) + positioning.air_gap_mm
    source = aim + (detector_depth - positioning.source_detector_mm - float(aim @ beam)) * beam
    centre = (
        columns / 2 - positioning.shift_left_mm / pixel_mm,
        rows / 2 - positioning.shift_down_mm / pixel_mm,
    )
    return FilmGeometry(source, right, down, beam, positioning.source_detector_mm, pixel_mm, rows, columns, centre)


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    unit: npt.NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _turn(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], angle: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.cos(angle) * a + np.sin(angle) * b, np.cos(angle) * b - np.sin(angle) * a
