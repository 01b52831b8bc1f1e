"""Sorting, tilt, gaps, duplicates and skew from positions alone."""

import numpy as np
import pytest

from sinusviewer.errors import GeometryError
from sinusviewer.imaging.geometry import image_frame, stack_geometry

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def at(*heights: float) -> list[tuple[float, float, float]]:
    return [(0.0, 0.0, h) for h in heights]


def test_slices_are_sorted_along_the_normal() -> None:
    assert stack_geometry(AXIAL, at(4, 0, 2, 6)).order == (1, 2, 0, 3)


def test_a_regular_stack_has_no_fault() -> None:
    found = stack_geometry(AXIAL, at(*np.arange(10) * 0.6))
    assert found.regular
    assert found.spacing_mm == pytest.approx(0.6)
    assert (found.missing, found.duplicates, found.uneven) == (0, 0, False)


def test_rounding_of_positions_is_no_fault() -> None:
    assert stack_geometry(AXIAL, at(*np.round(np.arange(50) * 0.625, 1))).uneven is False


@pytest.mark.parametrize(("dropped", "missing"), [({4}, 1), ({4, 5, 6}, 3), ({2, 7}, 2)])
def test_missing_slices_are_counted(dropped: set[int], missing: int) -> None:
    found = stack_geometry(AXIAL, at(*(2.0 * i for i in range(12) if i not in dropped)))
    assert (found.missing, found.uneven) == (missing, False)


def test_uneven_spacing_is_found() -> None:
    found = stack_geometry(AXIAL, at(0, 2, 4, 6, 9.1, 12.3, 15.2))
    assert found.uneven


def test_duplicates_are_dropped_and_counted() -> None:
    found = stack_geometry(AXIAL, at(0, 1, 1.001, 2, 3, 3))
    assert (found.order, found.duplicates) == ((0, 1, 3, 4), 2)


@pytest.mark.parametrize("angle", [-25.0, -8.0, 8.0, 18.5])
def test_gantry_tilt_is_measured(angle: float) -> None:
    shift = np.tan(np.radians(angle))
    found = stack_geometry(AXIAL, [(0.0, h * shift, h) for h in np.arange(12) * 4.0])
    assert found.tilt_deg == pytest.approx(angle, abs=1e-6)
    assert not found.regular


def test_slightly_skewed_directions_are_put_right_and_told() -> None:
    frame = image_frame((1.0, 0.02, 0.0, 0.0, 1.0, 0.0))
    assert frame.corrected
    assert frame.row @ frame.column == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(frame.normal) == pytest.approx(1)


def test_rounding_of_directions_is_not_told() -> None:
    assert not image_frame((0.866025, 0.5, 0.0, -0.5, 0.866025, 0.0)).corrected


@pytest.mark.parametrize("orientation", [(1.0, 0, 0, 1.0, 0, 0), (1.0, 0, 0, 0.5, 0.8, 0), (0.0, 0, 0, 0, 1.0, 0)])
def test_unusable_directions_are_refused(orientation: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError):
        image_frame(orientation)
