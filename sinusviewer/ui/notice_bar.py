"""The amber bar: a film whose side nothing proves, with the click that confirms it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from sinusviewer.domain.image import Radiograph


class NoticeBar(QFrame):
    """Signals: side_confirmed(bool: the patient's right is on the left of the STORED image)."""

    side_confirmed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("amber_bar")
        self._text = QLabel("Side unverified: which side of the image is the patient's right?")
        self._left = QPushButton("Image left")
        self._left.setObjectName("confirm_right_is_left")
        self._left.setToolTip("The patient's right is on the left of the image, the usual hanging. This is recorded.")
        self._right = QPushButton("Image right")
        self._right.setObjectName("confirm_right_is_right")
        self._right.setToolTip("The patient's right is on the right of the image: it is mirrored. This is recorded.")
        self._left.clicked.connect(lambda: self.side_confirmed.emit(True))
        self._right.clicked.connect(lambda: self.side_confirmed.emit(False))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.addWidget(self._text, 1)
        row.addWidget(self._left)
        row.addWidget(self._right)
        self.hide()

    def set_film(self, film: Radiograph | None) -> None:
        self.setVisible(film is not None and film.patient_right_is_image_left is None and film.for_models)
