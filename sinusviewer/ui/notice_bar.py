"""The amber bar over the pictures: what must be known of the image, and the click that settles it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton

from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.volume_sides import is_open
from sinusviewer.ui.panels.foot_label import FootLabel
from sinusviewer.ui.panels.form_grid import large_type

_AGAIN = "Read with the models that are here now  [Ctrl+R]"


class NoticeBar(QFrame):
    """Side unverified on a film or a volume; faults of geometry on a volume.

    Signals: side_confirmed(bool: the patient's right is on the left of the STORED image), geometry_accepted(),
    read_again_requested().
    """

    side_confirmed = Signal(bool)
    geometry_accepted = Signal()
    read_again_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("amber_bar")
        self._text = FootLabel("", "text", "notice_text")
        self._left = self._button("Image left", "confirm_right_is_left", "The patient's right is on the left of the image as it "
                                  "hangs here, the usual way. This is recorded.")  # fmt: skip
        self._right = self._button("Image right", "confirm_right_is_right", "The patient's right is on the right of the image as it "
                                   "hangs here: it is mirrored. This is recorded.")  # fmt: skip
        self._accept = self._button("Measure anyway", "accept_geometry", "You accept these faults; volumes are measured "
                                    "and carry them.")  # fmt: skip
        self._again = self._button("Read again", "read_again_notice", _AGAIN)
        self._again.clicked.connect(self.read_again_requested)
        self._hide = self._button("Hide", "hide_notice", "Hide this until another series is shown")
        self._left.clicked.connect(lambda: self.side_confirmed.emit(True))
        self._right.clicked.connect(lambda: self.side_confirmed.emit(False))
        self._accept.clicked.connect(self.geometry_accepted)
        self._hide.clicked.connect(self._hide_notice)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(12, 5, 12, 5)
        self._row.addWidget(self._text, 1)
        buttons = QHBoxLayout()
        for button in (self._left, self._right, self._accept, self._again, self._hide):
            buttons.addWidget(button)
        self._row.addLayout(buttons)
        self._hidden_for: object = None
        self._image: object = None
        self.hide()

    @staticmethod
    def _button(text: str, name: str, says: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(says)
        return button

    def _hide_notice(self) -> None:
        self._hidden_for = self._image
        self.hide()

    def set_image(
        self, film: Radiograph | None, volume: Volume | None, outdated: str = "", *, turned: bool = False
    ) -> None:
        """Show what must be known of the active view's image, if anything.

        Parameters
        ----------
        outdated
            Why its reading no longer stands.
        turned
            Whether a view shows it otherwise than it was hung: then nobody can say which side of the image is which.
        """
        self._image = film or volume
        told, outdated = (
            outdated,
            "" if large_type() else outdated,
        )  # beside a question it has no room then: the button says it
        volume_open = volume is not None and is_open(volume)
        film_open = film is not None and film.patient_right_is_image_left is None and film.for_models
        side_open = volume_open or film_open
        faults = tuple(w.message for w in volume.warnings) if volume is not None and not volume.measurable else ()
        others = () if side_open or faults else tuple(w.message for w in getattr(self._image, "warnings", ()))
        for button in (self._left, self._right):
            button.setEnabled(not (side_open and turned))
        if volume_open:
            asked = (
                "Side unverified, and a view is turned or mirrored: reset it (R), then say which side is the patient's right."
                if turned
                else "Side unverified: the file proves no left and right. On axial and coronal images, where is the patient's right?"
            )
            self._text.setText(" ".join((asked, outdated, *faults)).strip())
        elif side_open:
            which = "image, turned upright," if film is not None and film.upright_turns else "image"
            asked = (
                "Side unverified, and the view is turned or mirrored: reset it (R), then say which side is the patient's right."
                if turned
                else f"Side unverified. Which side of the {which} is the patient's right?"
            )
            self._text.setText(f"{asked} {outdated}".strip())
        else:
            self._text.setText(" ".join((told, *faults, *others)).strip())
        self._text.set_whole(side_open or bool(faults))  # what is only told takes two lines of large type at the most
        below = side_open and large_type()  # beside so many buttons a question would be a narrow column
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight)
        self._left.setVisible(side_open)
        self._right.setVisible(side_open)
        self._accept.setVisible(bool(faults))
        self._again.setVisible(bool(told))
        self._again.setToolTip(f"{told} {_AGAIN}".strip())
        self._hide.setVisible(not side_open)
        hidden = self._hidden_for is not None and self._hidden_for is self._image
        self.setVisible(side_open or bool(told) or (bool(faults or others) and not hidden))
