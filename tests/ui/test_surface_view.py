"""The 3D view: surfaces where the masks are, sides as they should be, smooth to turn."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from sinusviewer.domain.anatomy import Structure
from sinusviewer.ui.panels.surface_points import render, rotation, surface_cloud
from sinusviewer.ui.panels.surface_view import SurfaceView

pytestmark = pytest.mark.gui
COLORS = np.zeros((256, 3), np.uint8)
COLORS[Structure.RIGHT_MAXILLARY] = (255, 0, 0)
COLORS[Structure.LEFT_MAXILLARY] = (0, 0, 255)


def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A skull of a box with two antra behind its front wall; x to the left, y to the back, z to the head."""
    voxels = np.full((40, 40, 40), -1000, np.int16)
    voxels[5:35, 5:35, 5:35] = 40
    voxels[5:35, 5:8, 5:35] = 900
    labels = np.zeros(voxels.shape, np.uint8)
    labels[15:25, 10:18, 8:16] = Structure.RIGHT_MAXILLARY
    labels[15:25, 10:18, 24:32] = Structure.LEFT_MAXILLARY
    return voxels, labels, np.diag([1.0, 1.0, 1.0, 1.0])


def test_points_lie_on_the_surfaces_and_normals_point_outwards() -> None:
    cloud = surface_cloud(*head())
    right = cloud.codes == Structure.RIGHT_MAXILLARY
    centre = cloud.points_mm[right].mean(axis=0)
    assert np.ptp(cloud.points_mm[right], axis=0) == pytest.approx([7, 7, 9], abs=1.5)
    outward = ((cloud.points_mm[right] - centre) * cloud.normals[right]).sum(axis=1)
    assert (outward > 0).mean() > 0.95


def test_the_patients_right_is_on_the_screens_left_when_looking_at_the_face() -> None:
    picture = render(surface_cloud(*head()), rotation(0, 0), 160, COLORS).astype(int)
    red = np.argwhere(picture[..., 0] > picture[..., 2] + 30)[:, 1].mean()
    blue = np.argwhere(picture[..., 2] > picture[..., 0] + 30)[:, 1].mean()
    assert red < 80 < blue


def test_from_behind_the_sides_change_places() -> None:
    picture = render(surface_cloud(*head()), rotation(180, 0), 160, COLORS).astype(int)
    red = np.argwhere(picture[..., 0] > picture[..., 2] + 30)[:, 1].mean()
    blue = np.argwhere(picture[..., 2] > picture[..., 0] + 30)[:, 1].mean()
    assert blue < 80 < red


def test_the_order_of_slices_in_the_file_changes_nothing() -> None:
    voxels, labels, affine = head()
    upside = affine.copy()
    upside[2, 2], upside[2, 3] = -1.0, 39.0
    labels[15, 10:18, 8:16] = 0
    one = render(surface_cloud(voxels, labels, affine), rotation(20, 10), 120, COLORS)
    other = render(surface_cloud(voxels[::-1].copy(), labels[::-1].copy(), upside), rotation(20, 10), 120, COLORS)
    assert np.abs(one.astype(int) - other.astype(int)).mean() < 2.0


def test_a_hidden_mask_is_not_drawn() -> None:
    picture = render(
        surface_cloud(*head()), rotation(0, 0), 160, COLORS, frozenset({int(Structure.RIGHT_MAXILLARY)})
    ).astype(int)
    assert not (picture[..., 0] > picture[..., 2] + 30).any()


def test_drag_arrows_and_home_turn_the_view(qtbot: QtBot) -> None:
    view = SurfaceView()
    qtbot.addWidget(view)
    view.set_cloud(surface_cloud(*head()))
    view.resize(320, 260)
    view.show()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(view, QPoint(150, 120))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(150, 120))
    assert view.angles == pytest.approx((30, 12))
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.angles == pytest.approx((20, 12))
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.angles == (0, 0)
    assert not view.grab().isNull()
