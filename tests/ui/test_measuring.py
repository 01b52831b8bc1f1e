import numpy as np
import pytest

from sinusviewer.domain.display import Measurement, Plane, Tool
from sinusviewer.domain.image import SpacingKind
from sinusviewer.ui.measuring import angle, length, measurement_text, region_statistics

PIXELS = np.arange(200, dtype=np.int16).reshape(10, 20)


def test_lengths_are_in_true_proportions():
    assert length((0, 0), (3, 4), (1.0, 1.0)) == pytest.approx(5)
    assert length((0, 0), (3, 4), (0.5, 2.0)) == pytest.approx(np.hypot(6, 2))


@pytest.mark.parametrize(("last", "degrees"), [((10, 0), 0), ((10, 10), 45), ((0, 10), 90), ((-10, 0), 180)])
def test_angles_are_measured_at_the_middle_point(last, degrees):
    assert angle((10, 0), (0, 0), last, None) == pytest.approx(degrees)


def test_region_statistics_count_the_pixels_whose_centres_lie_inside():
    found = region_statistics(PIXELS, Tool.RECTANGLE, (2, 3), (6, 5), (0.5, 0.5))
    inside = PIXELS[3:5, 2:6]
    assert (found.count, found.mean, found.minimum, found.maximum) == (8, inside.mean(), inside.min(), inside.max())
    assert found.area == pytest.approx(8 * 0.25)


def test_an_ellipse_leaves_its_corners_out_and_padding_never_counts():
    whole = region_statistics(PIXELS, Tool.RECTANGLE, (0, 0), (20, 10), None)
    ellipse = region_statistics(PIXELS, Tool.ELLIPSE, (0, 0), (20, 10), None)
    assert ellipse.count == pytest.approx(whole.count * np.pi / 4, rel=0.05)
    padding = PIXELS < 100
    assert region_statistics(PIXELS, Tool.RECTANGLE, (0, 0), (20, 10), None, padding).minimum == 100


def test_a_region_outside_the_image_has_no_statistics():
    assert region_statistics(PIXELS, Tool.RECTANGLE, (30, 30), (40, 40), None) is None


@pytest.mark.parametrize(
    ("kind", "spacing", "words"),
    [
        (SpacingKind.CALIBRATED, (0.5, 0.5), "2.5 mm"),
        (SpacingKind.DETECTOR, (0.5, 0.5), "2.5 mm at detector"),
        (SpacingKind.NONE, (0.5, 0.5), "5.0 px"),
        (SpacingKind.CALIBRATED, None, "5.0 px"),
    ],
)
def test_millimetres_are_said_only_where_the_spacing_is_the_patients(kind, spacing, words):
    mark = Measurement(Tool.LENGTH, Plane.FILM, 0, ((0, 0), (3, 4)))
    assert measurement_text(mark, PIXELS, spacing, kind, "") == words


def test_a_region_on_ct_says_hounsfield_units():
    mark = Measurement(Tool.RECTANGLE, Plane.AXIAL, 0, ((2, 3), (6, 5)))
    assert "HU" in measurement_text(mark, PIXELS, (0.5, 0.5), SpacingKind.CALIBRATED, "HU")
