"""Pixels on screen: grey values, padding, tints."""

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from window_parts import film

from sinusviewer.domain.image import LookupTable, Window
from sinusviewer.imaging.windowing import to_display_uint8
from sinusviewer.ui.image_layer import GreyScale, ImageLayer, Tint, visible_part
from sinusviewer.ui.overlays import TONES, heat_table, mask_table, outline

IDENTITY = np.eye(3)


def drawn(pixels, grey, tint=None, padding=None) -> np.ndarray:
    """What a layer paints at one screen pixel an image pixel, as ``[row, column, rgb]``."""
    rows, columns = pixels.shape[:2]
    image = QImage(columns, rows, QImage.Format.Format_RGB32)
    image.fill(QColor("#123456"))
    layer = ImageLayer()
    layer.set_pixels(pixels, padding)
    painter = QPainter(image)
    layer.draw(painter, IDENTITY, (float(columns), float(rows)), grey, smooth=False, tint=tint)
    painter.end()
    words = np.frombuffer(image.constBits(), np.uint8).reshape(rows, image.bytesPerLine() // 4, 4)
    return words[:, :columns, 2::-1].copy()


@pytest.mark.parametrize("dtype", ["int16", "uint16", "uint8", "int8", "<f4", "int32", ">u2"])
@pytest.mark.parametrize("inverted", [False, True])
def test_every_kind_of_pixel_is_drawn_as_the_grey_pipeline_says(qapp, dtype, inverted):
    low, high = {"uint8": (0, 255), "int8": (-128, 127)}.get(
        dtype, (-1000 if dtype in ("int16", "<f4", "int32") else 0, 3000)
    )
    pixels = np.linspace(low, high, 35 * 23).reshape(23, 35).astype(dtype)
    window = Window((low + high) / 2, (high - low) * 0.6)
    expected = to_display_uint8(pixels.astype(np.float32), window, invert=inverted)
    shown = drawn(pixels, GreyScale(window, inverted=inverted))
    assert np.abs(shown[..., 0].astype(int) - expected).max() <= 1
    assert (shown[..., 0] == shown[..., 2]).all()


def test_a_table_of_the_file_is_used_instead_of_a_window(qapp):
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    table = LookupTable(0, np.arange(63, -1, -1, dtype=np.uint16) * 1023, 16)
    shown = drawn(pixels, GreyScale(table))[..., 0]
    assert shown[0, 0] > 240
    assert shown[7, 7] == 0


def test_padding_stays_black_in_either_polarity(qapp):
    pixels = np.full((16, 16), 3000, np.uint16)
    padding = np.zeros((16, 16), bool)
    padding[:4] = True
    for inverted in (False, True):
        shown = drawn(pixels, GreyScale(Window(500, 400), inverted=inverted), padding=padding)
        assert (shown[:4] == 0).all()


def test_a_large_film_drawn_small_keeps_its_mean_grey(qapp):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4000, (1600, 1600)).astype(np.uint16)
    image = QImage(200, 200, QImage.Format.Format_RGB32)
    layer = ImageLayer()
    layer.set_pixels(pixels)
    painter = QPainter(image)
    layer.draw(painter, np.diag([0.125, 0.125, 1.0]), (200.0, 200.0), GreyScale(Window(2000, 4000)))
    painter.end()
    words = np.frombuffer(image.constBits(), np.uint8).reshape(200, 200, 4)
    assert words[..., 0].mean() == pytest.approx(127, abs=3)
    assert words[..., 0].std() < 20, "averaged, not picked"


def test_masks_colour_only_their_voxels(qapp):
    pixels = np.full((10, 10), 40, np.int16)
    codes = np.zeros((10, 10), np.uint8)
    codes[2:5, 2:5] = 1
    grey = GreyScale(Window(40, 400))
    plain, tinted = drawn(pixels, grey), drawn(pixels, grey, Tint(codes, mask_table(0.5), ("k",)))
    changed = (plain != tinted).any(axis=2)
    assert (changed == (codes > 0)).all()
    hidden = drawn(pixels, grey, Tint(codes, mask_table(0.5, frozenset({1})), ("k",)))
    assert (hidden == plain).all()


def test_right_and_left_of_one_sinus_have_two_shades():
    table = mask_table(1.0)[:, 0]
    colours = [tuple((int(table[c]) >> s) & 255 for s in (16, 8, 0)) for c in range(1, 11)]
    assert len(set(colours)) == 10


def test_no_heat_leaves_the_picture_as_it_is():
    table = heat_table(0.6)
    assert [int(w) & 255 for w in table[0]] == list(range(256))


def test_an_outline_is_the_border_of_each_label():
    labels = np.zeros((8, 8), np.uint8)
    labels[1:7, 1:7] = 3
    found = outline(labels)
    assert (found[2:6, 2:6] == 0).all()
    assert (found[1, 1:7] == 3).all()


def test_only_what_is_on_screen_is_worked_on():
    assert visible_part(np.diag([4.0, 4.0, 1.0]), (100.0, 80.0), (500, 500)) == (0, 0, 26, 21)


def test_a_films_own_inversion_is_applied_once(program_with):
    program = program_with((film(inverted=True),))
    assert program.window.view_area.viewports["A"].content.grey.inverted
    program.window.verbs["invert"].trigger()
    assert not program.window.view_area.viewports["A"].content.grey.inverted


def test_writing_in_the_image_does_not_shine_through_what_must_be_read(program_with):
    program = program_with((film(right_is_left=None),))
    program.session.set_view("A", window=Window(-5000, 10))  # all white
    port = program.window.view_area.viewports["A"]
    QApplication.processEvents()
    shown = port.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    amber = QColor(TONES.amber)
    places = [
        (x, y)
        for y in range(shown.height())
        for x in range(shown.width())
        if shown.pixelColor(x, y).rgb() == amber.rgb()
    ]
    assert places
    ground = min(shown.pixelColor(places[0][0] + step, places[0][1]).lightness() for step in range(-12, 13))
    assert ground <= 20
