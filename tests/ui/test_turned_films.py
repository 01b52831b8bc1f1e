"""Films that stand on their head or lie on their side: turned by the reader, read as shown, and no side is ever claimed for them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from window_parts import film, open_window, waters_reading

from sinusviewer.domain.anatomy import ImageSide, Side
from sinusviewer.domain.film_turns import NOT_UPRIGHT, side_of_box, turned_upright
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.image import ImageWarning, OrientationEvidence
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.imaging.hanging import hanging_of
from sinusviewer.imaging.preprocess import FilmSource
from sinusviewer.report import pictures
from sinusviewer.session import ImageMarks
from sinusviewer.ui.view_geometry import display_matrix, edge_letters, film_directions, to_screen

pytestmark = pytest.mark.gui
KEY = "series-1/film-1"
WAYS = list(itertools.product(range(4), (True, False)))
REFUSED = SeriesReading(
    "series-1", "DX", SeriesStatus.REFUSED, "Not assessed: the film seems to stand upside down.",
    (ImageWarning(NOT_UPRIGHT, "Not upright."),), "film-1",
)  # fmt: skip


def stored(turns: int, right_is_left: bool):
    """A film whose stored pixels become, by ``turns`` clockwise, a face whose chin is dark and whose image-left is marked."""
    upright = np.full((120, 80), 1000, np.uint16)
    upright[100:] = 100
    upright[40:70, 10:30] = 3000
    pixels = np.ascontiguousarray(np.rot90(upright, turns))
    lying = replace(film(), pixels=pixels)
    if not turns:
        return replace(lying, patient_right_is_image_left=right_is_left), upright
    confirmed = {"patient_right_is_image_left": right_is_left, "orientation_evidence": OrientationEvidence.CONFIRMED}
    return replace(turned_upright(lying, turns), **confirmed), upright


@pytest.mark.parametrize(("turns", "right_is_left"), WAYS)
def test_screen_network_box_and_report_agree_on_where_right_is(turns, right_is_left):
    image, upright = stored(turns, right_is_left)
    hanging = hanging_of(image)
    hung = hanging.source(FilmSource(image.pixels.astype(np.float32), None, False)).values
    assert (hung == (upright if right_is_left else upright[:, ::-1])).all()
    marked = np.argwhere(image.pixels == 3000)
    (y0, x0), (y1, x1) = marked.min(axis=0), marked.max(axis=0) + 1
    box = (float(x0), float(y0), float(x1), float(y1))
    side = Side.RIGHT if right_is_left else Side.LEFT
    assert side_of_box(image, box) is side
    assert hanging.box_to_stored(hanging.box_to_hung(box)) == pytest.approx(box)
    left = hanging.box_to_hung(box)[0] < 40
    assert hanging.side(ImageSide.IMAGE_LEFT if left else ImageSide.IMAGE_RIGHT) is side
    matrix = display_matrix(hang_film("", image), image.pixels.shape, 1.0, (400.0, 400.0))
    found = edge_letters(matrix, film_directions(image))
    assert (found.left, found.right, found.top, found.bottom) == ("R", "L", "H", "F")
    on_left = to_screen(matrix, ((x0 + x1) / 2, (y0 + y1) / 2))[0] < 200
    assert on_left == (side is Side.RIGHT)
    picture = pictures.film_picture(image, waters_reading((box,)), "a.png")
    assert picture.height > picture.width


def test_letters_that_the_picture_belies_are_not_shown_and_what_to_do_is_said(program_with):
    program = program_with((film(orientation_evidence=OrientationEvidence.HEADER),))
    port, findings = program.window.view_area.viewports["A"], program.wiring.findings
    assert port.content.directions is not None
    program.session.set_reading(REFUSED)
    assert port.content.directions is None
    assert any("Not upright?" in note for note in port.content.notes)
    assert "Shift+R" in findings.findChild(QLabel, "turn_text").text()
    as_shown = findings.findChild(QPushButton, "read_as_shown")
    assert not as_shown.isEnabled()
    program.window.verbs["rotate"].trigger()
    assert as_shown.isEnabled()
    program.window.verbs["reset"].trigger()
    assert not as_shown.isEnabled()
    program.session.set_reading(waters_reading())
    assert as_shown.isHidden()


def test_reading_as_shown_asks_for_the_sides_anew_and_all_of_it_comes_back(qtbot):
    def unproved(image, *_):
        turned = image[0].upright_turns == 2 and image[0].patient_right_is_image_left is None
        return (waters_reading() if not turned else replace(waters_reading(), warnings=image[0].warnings),)

    program = open_window((film(),), qtbot, reading=REFUSED)
    try:
        session = program.session
        program.actions.reading._read = unproved
        session.set_reading(REFUSED)
        own = Detection((10.0, 20.0, 30.0, 40.0), 1.0, Side.RIGHT, author=Author.READER, status=FindingStatus.ACCEPTED,
                        identifier="own")  # fmt: skip
        session.edit("Draw box", KEY, ImageMarks((own,)))
        for _ in range(2):
            program.window.verbs["rotate"].trigger()
        program.wiring.findings.findChild(QPushButton, "read_as_shown").click()
        qtbot.waitUntil(lambda: KEY in session.readings and not session.jobs)
        image = session.film("A")
        assert (image.upright_turns, image.patient_right_is_image_left) == (2, None)
        assert session.views["A"].quarter_turns == 2
        box = next(d for d in session.marks[KEY].detections if d.identifier == "own")
        assert box.side is ImageSide.IMAGE_RIGHT, "on the stored image's left, which is the upright one's right"
        assert "turned upright" in program.window.notice_bar.findChild(QLabel, "notice_text").text()
        program.window.notice_bar.side_confirmed.emit(True)
        qtbot.waitUntil(lambda: not session.jobs)
        box = next(d for d in session.marks[KEY].detections if d.identifier == "own")
        assert box.side is Side.LEFT
    finally:
        assert program.close()
    again = open_window((film(),), qtbot, reading=waters_reading())
    try:
        qtbot.waitUntil(lambda: not again.session.jobs)
        image = again.session.film("A")
        assert (image.upright_turns, image.patient_right_is_image_left) == (2, True)
        assert image.orientation_evidence is OrientationEvidence.CONFIRMED
        assert again.session.views["A"].quarter_turns == 2
        unseen = again.actions.reading.settle("series-1", (film(),))[0]
        assert unseen.upright_turns == 2, "a film that is read in a batch is turned as well"
    finally:
        assert again.close()
    for one in (program, again):
        one.window.deleteLater()
