"""A prior CT of the same patient in the window: beside the current one, and the change of every number against it."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel, QPlainTextEdit
from window_parts import identity, open_window, study

from sinusviewer.actions import Engines
from sinusviewer.actions.prior_reading import prior_reading
from sinusviewer.analysis import sinus_measurement
from sinusviewer.domain.anatomy import SINUS_CODES
from sinusviewer.domain.display import LayoutKind, Plane
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.image import Volume
from sinusviewer.domain.mask_edit import BrushMode
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.study import ScanResult
from sinusviewer.ui.panels.report_text import proposed_text

pytestmark = pytest.mark.gui
SHAPE = (30, 60, 60)


def ct(uid: str, date: str, opaque: float) -> Volume:
    """Ten air-filled blocks, of each of which the lower share ``opaque`` is filled."""
    voxels = np.full(SHAPE, 40, np.int16)
    for z, y, x in boxes():
        voxels[z : z + 8, y : y + 10, x : x + 10] = -900
        voxels[z : z + round(8 * opaque), y : y + 10, x : x + 10] = 40
    return Volume(
        voxels, np.diag([1.0, 1.0, 1.0, 1.0]), replace(identity(uid, "CT", date=date), frame_of_reference_uid=uid)
    )


def boxes():
    return [(10, 5 + 11 * (n // 2), 8 if n % 2 == 0 else 36) for n in range(10)]


def labels() -> np.ndarray:
    made = np.zeros(SHAPE, np.uint8)
    for (z, y, x), code in zip(boxes(), SINUS_CODES.values(), strict=True):
        made[z : z + 8, y : y + 10, x : x + 10] = code
    return made


def read(image, *_):
    masks = Segmentation(labels(), image.affine)
    sinuses = sinus_measurement.measure_sinuses(image, masks)
    complexes = sinus_measurement.propose_ostiomeatal(image, masks, sinuses)
    complexes = {side: 0 if score is None else score for side, score in complexes.items()}
    totals = sinus_measurement.lund_mackay_total(sinuses, complexes)
    key = image.identity.study_instance_uid.replace("study", "series")
    return (SeriesReading(key, "CT", SeriesStatus.READ, sinuses=sinuses, lund_mackay=totals, segmentation=masks),)


STUDIES = {
    "series-1": (ct("study-1", "20240229", 0.5), "20240229"),
    "series-0": (ct("study-0", "20220101", 1.0), "20220101"),
    "series-9": (ct("study-9", "20100101", 0.0), "20100101"),
    "series-2": (ct("study-2", "20250301", 0.0), "20250301"),
}


@pytest.fixture
def program(qtbot, monkeypatch):
    def load(series, *_):
        return STUDIES[series.key][0]

    monkeypatch.setattr("window_parts.engines", lambda *_args, **_more: Engines(lambda *_: ScanResult(), load, read))
    made = open_window(STUDIES["series-1"][0], qtbot)
    yield made
    assert made.close()
    made.window.deleteLater()


def add(program, key):
    image, date = STUDIES[key]
    program.session.add_studies((study(image, key, key.replace("series", "study"), date=date),))


def settle(program, qtbot):
    qtbot.waitUntil(lambda: not program.session.jobs, timeout=20000)


def text(program, name):
    return program.window.findChild(QLabel, name).text()


def test_the_newest_earlier_study_is_shown_beside_and_the_change_follows_when_both_are_read(program, qtbot):
    session = program.session
    for key in ("series-9", "series-2", "series-0"):
        add(program, key)
    program.window.compare_study()
    settle(program, qtbot)
    assert session.display.layout is LayoutKind.TWO
    assert [session.views[v].series_key for v in "AB"] == ["series-1", "series-0"]
    for view in "BA":
        session.set_active_view(view)
        program.actions.reading.read()
        settle(program, qtbot)
    assert "(−10 since the prior)" in text(program, "lund_mackay_total")
    assert "20220101" in text(program, "prior_text").replace("-", "")
    table = program.wiring.sinuses.table
    assert not table.isColumnHidden(5)
    change = int(table.item(0, 5).text().replace("−", "-"))
    assert -60 <= change <= -40
    session.set_active_view("B")  # the prior itself has nothing before it that was read
    assert "since the prior" not in text(program, "lund_mackay_total")


def test_the_change_stays_when_the_prior_is_no_longer_beside(program, qtbot):
    add(program, "series-0")
    program.window.compare_study()
    settle(program, qtbot)
    for view in "BA":
        program.session.set_active_view(view)
        program.actions.reading.read()
        settle(program, qtbot)
    program.actions.opening.show_study("study-1")
    settle(program, qtbot)
    assert "since the prior" in text(program, "lund_mackay_total")


def test_an_edited_mask_changes_the_difference(program, qtbot):
    add(program, "series-0")
    session = program.session
    program.window.compare_study()
    settle(program, qtbot)
    for view in "BA":
        session.set_active_view(view)
        program.actions.reading.read()
        settle(program, qtbot)
    before = program.wiring.sinuses.table.item(0, 5).text()
    session.set_display(brush=replace(session.display.brush, mode=BrushMode.ERASE))
    for index in range(14, 18):  # the aerated half of the right maxillary sinus
        stack = session.stack("series-1", session.views["A"].plane)
        assert stack is not None
        session.set_view("A", plane=Plane.AXIAL, slice_index=index)
        program.actions.masks.step_slice("A", 0)
    settle(program, qtbot)
    assert program.wiring.sinuses.table.item(0, 5).text() != before
    assert "edited by the reader" in text(program, "lund_mackay_total")


def test_asking_again_shows_the_next_study(program, qtbot):
    for key in ("series-9", "series-0"):
        add(program, key)
    shown = []
    for _ in range(3):
        program.window.compare_study()
        settle(program, qtbot)
        shown.append(program.session.views["B"].series_key)
    assert shown == ["series-0", "series-9", "series-0"]


def read_both(program, qtbot):
    program.window.compare_study()
    settle(program, qtbot)
    for view in "BA":
        program.session.set_active_view(view)
        program.actions.reading.read()
        settle(program, qtbot)


def test_the_report_says_what_changed_against_the_prior_and_signing_does_not_hang_on_it(program, qtbot):
    panel = program.wiring.patient.report
    text_of = panel.findChild(QPlainTextEdit, "report_text")
    program.actions.reading.read()
    settle(program, qtbot)
    program.wiring.patient._sign("Dr. Lee")
    signed = program.wiring.patient._reporting
    assert "Compared with" not in text_of.toPlainText()
    add(program, "series-0")
    read_both(program, qtbot)
    report = signed.report(program.session.studies["study-1"])
    assert "Compared with the CT of 2022-01-01: Lund-Mackay" in proposed_text(report.content)
    assert not report.outdated, "nothing of this study has changed"


def test_one_number_of_two_birth_dates_is_never_compared(program, qtbot):
    image, date = STUDIES["series-0"]
    other = study(image, "series-0", "study-0", date=date)
    program.session.add_studies((replace(other, identity=replace(other.identity, birth_date="19610101")),))
    session = program.session
    program.actions.reading.read()
    settle(program, qtbot)
    session.set_reading(replace(session.readings["series-1"], series_instance_uid="series-0"), "series-0")
    assert "since the prior" not in text(program, "lund_mackay_total")
    assert prior_reading(session, session.studies["study-1"]) is None


def test_a_study_without_a_date_is_no_prior(program, qtbot):
    image, _ = STUDIES["series-0"]
    program.session.add_studies((study(image, "series-0", "study-0", date=""),))
    program.actions.reading.read()
    settle(program, qtbot)
    session = program.session
    session.set_reading(replace(session.readings["series-1"], series_instance_uid="series-0"), "series-0")
    assert prior_reading(session, session.studies["study-1"]) is None
