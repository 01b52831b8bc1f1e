"""The masks over the bone in 3D, turned by mouse or arrow keys; drawn in software, a few milliseconds a picture."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from sinusviewer.domain.anatomy import Structure
from sinusviewer.ui.panels.parts import describe
from sinusviewer.ui.panels.surface_points import SurfaceCloud, render, rotation
from sinusviewer.ui.panels.tones import DARK, structure_color

PIXELS = 400
_LETTERS = (
    ("L", (1, 0, 0)),
    ("R", (-1, 0, 0)),
    ("P", (0, 1, 0)),
    ("A", (0, -1, 0)),
    ("H", (0, 0, 1)),
    ("F", (0, 0, -1)),
)


class SurfaceView(QWidget):
    """Shows a cloud from one side; which side is the view's own affair."""

    def __init__(self) -> None:
        super().__init__()
        describe(
            self, "surface_view", "Sinus masks over bone (above 300 HU). Drag to turn; Home looks at the face again.",
            "arrow keys", "3D view of the sinuses",
        )  # fmt: skip
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._cloud: SurfaceCloud | None = None
        self._hidden: frozenset[int] = frozenset()
        self._verified = True
        self._yaw, self._pitch = 0.0, 0.0
        self._grip: QPointF | None = None
        self._colors = np.zeros((256, 3), np.uint8)
        for structure in Structure:
            color = structure_color(structure)
            self._colors[structure] = (color.red(), color.green(), color.blue())

    def set_cloud(self, cloud: SurfaceCloud | None, *, verified: bool = True) -> None:
        """Show a cloud, or that it is being made; without a verified side there are no letters."""
        self._cloud, self._verified = cloud, verified
        self.update()

    def set_hidden(self, hidden: frozenset[int]) -> None:
        if hidden != self._hidden:
            self._hidden = hidden
            self.update()

    @property
    def has_cloud(self) -> bool:
        return self._cloud is not None

    @property
    def angles(self) -> tuple[float, float]:
        """Yaw and pitch in degrees; 0, 0 looks at the face."""
        return self._yaw, self._pitch

    def sizeHint(self) -> QSize:
        return QSize(PIXELS, self.fontMetrics().height() * 16)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 20, self.fontMetrics().height() * 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        painter.setPen(QColor(DARK.muted))
        if self._cloud is None:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The 3D view is being made …")
            return
        turn = rotation(self._yaw, self._pitch)
        picture = render(self._cloud, turn, PIXELS, self._colors, self._hidden)
        image = QImage(picture.data, PIXELS, PIXELS, PIXELS * 3, QImage.Format.Format_RGB888)
        side = float(min(self.width(), self.height()))
        place = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, image)
        if self._verified:
            self._paint_letters(painter, turn, place)
        painter.end()

    def _paint_letters(
        self, painter: QPainter, turn: np.ndarray[tuple[int, ...], np.dtype[np.float64]], place: QRectF
    ) -> None:
        """Letters of the patient's directions at the rim, from the turn itself; those that point at the viewer are left out."""
        font = QFont(self.font())
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(DARK.text))
        reach = place.width() / 2 - self.fontMetrics().height() * 0.7
        for letter, direction in _LETTERS:
            right, up, _near = turn @ np.array(direction, dtype=np.float64)
            if np.hypot(right, up) < 0.5:
                continue
            at = place.center() + QPointF(right * reach, -up * reach)
            box = QRectF(at.x() - 20, at.y() - 12, 40, 24)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._grip = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            moved = event.position() - self._grip
            self._grip = event.position()
            self._turn(moved.x() * 0.6, moved.y() * 0.6)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-10, 0),
            Qt.Key.Key_Right: (10, 0),
            Qt.Key.Key_Up: (0, -10),
            Qt.Key.Key_Down: (0, 10),
        }
        key = Qt.Key(event.key())
        if key in steps:
            self._turn(*steps[key])
        elif key == Qt.Key.Key_Home:
            self._yaw, self._pitch = 0.0, 0.0
            self.update()
        else:
            super().keyPressEvent(event)

    def _turn(self, yaw: float, pitch: float) -> None:
        self._yaw = (self._yaw + yaw + 180) % 360 - 180
        self._pitch = min(max(self._pitch + pitch, -90.0), 90.0)
        self.update()
