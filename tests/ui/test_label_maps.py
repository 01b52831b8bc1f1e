"""Masks exported as NIfTI and opened again: in their colours, with their names, over the CT that they are about and no other."""

import json
import queue
import shutil

import numpy as np
import pytest
from made_dicom import write_ct
from panel_factories import ct_series
from PySide6.QtWidgets import QLabel, QPushButton

from sinusviewer.actions.desk import JobDesk
from sinusviewer.actions.reporting import Reporting
from sinusviewer.actions.stored_masks import LABEL_MAP_FROM
from sinusviewer.app import Program
from sinusviewer.domain.anatomy import ImageSide, Side, Structure
from sinusviewer.domain.display import LayoutKind, Tool
from sinusviewer.domain.finding import Segmentation
from sinusviewer.domain.reading import SeriesStatus
from sinusviewer.domain.study import FileStatus, SeriesKind
from sinusviewer.imaging.label_map import ALONE
from sinusviewer.imaging.load import load_series, load_volume
from sinusviewer.imaging.scan import scan
from sinusviewer.jobs.runner import JobRunner
from sinusviewer.report.masks import nifti_bytes
from sinusviewer.session import Session

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A CT in one folder, its exported masks in another."""
    folder = tmp_path_factory.mktemp("exported")
    voxels = np.full((12, 40, 36), 40, np.int16)
    voxels[3:9, 10:20, 8:18] = -900
    write_ct(folder / "ct", voxels, 2.0, origin=(-30.0, 12.0, 5.0))
    (study,) = scan([folder]).studies
    volume = load_volume(study.series[0])
    labels = np.zeros(voxels.shape, np.uint8)
    labels[3:9, 10:20, 8:18] = Structure.RIGHT_MAXILLARY
    labels[4:6, 30:33, 8:18] = Structure.LEFT_SPHENOID
    opacified = np.zeros(labels.shape, bool)
    opacified[3:6] = labels[3:6] == Structure.RIGHT_MAXILLARY
    return folder, volume, labels, opacified


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    """As the window writes them: its verb, once for all tests, without a window."""
    _, volume, labels, opacified = made
    reading = ct_series(
        series_instance_uid=volume.identity.series_instance_uid,
        segmentation=Segmentation(labels, volume.affine, opacified),
    )
    folder, events, session = tmp_path_factory.mktemp("written"), queue.Queue(), Session()
    runner = JobRunner(events.put)
    desk = JobDesk(session, runner)
    Reporting(session, desk, None, None).export_masks(reading, folder)
    while session.jobs:
        desk.handle(events.get(timeout=60))
    assert runner.close()
    assert session.messages[-1].text.startswith("Saved")
    return folder


@pytest.fixture
def masks_folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "masks")


@pytest.fixture
def window(qtbot):
    programs = []

    def opened(*paths):
        program = programs[0] if programs else Program()
        programs[:] = [program]
        program.actions.opening.open_paths(list(paths))
        qtbot.waitUntil(lambda: bool(program.session.images) and not program.session.jobs)
        return program

    yield opened
    for program in programs:
        assert program.close()
        program.window.deleteLater()


def shown(program):
    return program.session.reading(program.session.active_view)


def masks_of(folder):
    return next(p for p in folder.glob("*.nii.gz") if not p.name.endswith("_opacified.nii.gz"))


def test_masks_alone_are_drawn_in_colours_with_names_and_sizes_and_no_densities(made, masks_folder, window):
    program = window(masks_folder)
    session, reading = program.session, shown(program)
    assert len(session.studies) == 1, "the opacified part is shown with its masks, not beside them"
    assert np.array_equal(reading.segmentation.labels, made[2])
    assert LABEL_MAP_FROM in reading.reason
    right = next(s for s in reading.sinuses if s.side is Side.RIGHT and s.volume_ml)
    assert right.opacified_fraction == 0.5
    assert right.mean_hu is None
    assert session.display.layout is LayoutKind.MPR
    content = program.window.view_area.viewports[session.active_view].content
    assert content.labels is not None
    bar = program.window.notice_bar
    assert bar.findChild(QLabel, "notice_text").text() == ALONE.message
    assert bar.findChild(QPushButton, "confirm_right_is_left").isHidden(), "nobody is asked: the masks name their sides"
    picture = program.window.view_area.viewports[session.active_view].grab().toImage()
    colors = {
        picture.pixelColor(x, y).name() for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3)
    }
    assert any(abs(c[0] - c[2]) > 60 for c in (tuple(bytes.fromhex(n[1:])) for n in colors)), "colours, not grey"


def test_masks_alone_are_neither_read_nor_painted_on_nor_exported_to_learn_from(masks_folder, window):
    program = window(masks_folder)
    session, before = program.session, shown(program)
    assert program.actions.reading.read() is None
    for verb in ("read", "tool_brush", "export_training"):
        program.window.verbs[verb].trigger()
        assert "masks alone" in session.messages[-1].text, verb
    session.set_display(tool=Tool.BRUSH)
    assert program.actions.masks.begin(session.active_view, (5.0, 5.0)) is None
    assert program.actions.reading.read_many([session.study.series[0].key]) is None
    assert shown(program) is before


def test_masks_opened_after_their_ct_lie_over_it(made, masks_folder, window):
    program = window(made[0])
    session, ct = program.session, program.session.study_uid
    program = window(masks_folder)
    assert session.study_uid == ct, "the CT stays on screen"
    assert np.array_equal(shown(program).segmentation.labels, made[2])
    assert shown(program).status is SeriesStatus.VIEWED_ONLY
    assert shown(program).sinuses[0].mean_hu is not None


def test_a_ct_opened_after_its_masks_takes_them_up(made, masks_folder, window, qtbot):
    program = window(masks_folder)
    program.actions.opening.open_paths([made[0] / "ct"])
    qtbot.waitUntil(lambda: program.session.study.identity.modality == "CT")
    qtbot.waitUntil(lambda: shown(program) is not None and not program.session.jobs)
    assert np.array_equal(shown(program).segmentation.labels, made[2])


def test_a_folder_with_a_ct_and_its_masks_shows_them_together(made, masks_folder, window):
    shutil.copytree(masks_folder, made[0] / "masks")
    try:
        program = window(made[0])
        assert program.session.study.identity.modality == "CT"
        assert np.array_equal(shown(program).segmentation.labels, made[2])
    finally:
        shutil.rmtree(made[0] / "masks")


def test_masks_of_another_series_on_the_same_grid_are_never_put_over_a_ct(made, masks_folder, window):
    listed = json.loads((masks_folder / "labels.json").read_text())
    for entry in listed["files"]:
        entry["series_instance_uid"] = "1.2.3.4"
    (masks_folder / "labels.json").write_text(json.dumps(listed))
    program = window(made[0])
    key = program.session.study.series[0].key
    program = window(masks_folder)
    assert key not in program.session.readings
    assert program.session.study.identity.modality == "SEG", "shown by itself instead"


def test_masks_that_no_list_names_are_known_by_their_mark_and_prove_no_sides(made, masks_folder, window):
    (masks_folder / "labels.json").unlink()
    program = window(masks_of(masks_folder))
    assert np.array_equal(shown(program).segmentation.labels, made[2])
    assert {s.side for s in shown(program).sinuses} == set(ImageSide)
    program = window(made[0])
    assert shown(program) is None, "nothing says which CT they are about"


@pytest.mark.parametrize("change", ["codes of another program", "HU", "fractions"])
def test_other_volumes_of_integers_stay_ordinary_volumes(made, masks_folder, change):
    path, labels = masks_of(masks_folder), made[2]
    if change == "HU":
        path.with_name("labels.json").unlink()
        path.write_bytes(nifti_bytes(labels.astype(np.int16), made[1].affine))
    elif change == "codes of another program":
        path.write_bytes(nifti_bytes(np.where(labels > 0, 117, 0).astype(np.uint8), made[1].affine))
    else:
        path.with_name("labels.json").unlink()
        path.write_bytes(nifti_bytes(labels, made[1].affine, b"another program"))
    (study,) = scan([path]).studies
    image = load_series(study.series[0])
    assert image.warnings[0].code == "side_unverified"
    assert (study.series[0].kind is SeriesKind.VOLUME) is (change != "codes of another program")


def test_the_opacified_part_by_itself_says_what_it_is(masks_folder):
    part = next(masks_folder.glob("*_opacified.nii.gz"))
    result = scan([part])
    assert not result.studies
    assert result.files[0].status is FileStatus.IGNORED
    assert masks_of(masks_folder).name in result.files[0].reason
