"""The larger muscles of face and neck, each in its sheath of fat, with glands and vessels between."""

from sinustrainer.simulate.anatomy.parametric.canvas import Canvas, Point, Shape, capsule, ellipsoid, grown, union
from sinustrainer.simulate.anatomy.parametric.person import Person

_SIDES = (-1.0, 1.0)
_SHEATH_HU = -78.0


def paint_muscles(canvas: Canvas, person: Person) -> None:
    """Chewing muscles, cheek fat, parotid, vessels, muscles of neck and nape."""
    whole = canvas
    sheath = 0.9 + 0.12 * person.fat_mm
    for side in _SIDES:
        canvas = whole.moved(person.lopsided.shift(person.lopsided.jaw, side))
        low, high = (-76.0, -80.0, -95.0), (76.0, 24.0, 75.0)
        canvas.fill(ellipsoid((side * 60, 2, -40), (10, 14, 24)), low, high, 2, texture=26, bumps_mm=1.5)  # parotid
        space = union(
            capsule((side * 30, -20, -12), (side * 36, -16, -62), 8, 8, (1, 0.8, 1)),
            capsule((side * 40, -38, -20), (side * 40, -40, -56), 6, 6, (0.8, 0.6, 1)),
        )
        canvas.fill(space, low, high, _SHEATH_HU, texture=18, bumps_mm=1.5)  # fat beside the throat and before the jaw
        _muscle(
            canvas, capsule((side * 60, -36, -28), (side * 54, -24, -74), 9, 8, (1.4, 0.75, 1)), low, high, 58, sheath
        )
        temporalis = union(
            capsule((side * 60, -34, 36), (side * 53, -40, -12), 9, 7, (1.7, 0.42, 1)),
            capsule((side * 53, -42, -4), (side * 48, -38, -30), 6, 4, (1.2, 0.7, 1)),
        )
        _muscle(canvas, temporalis, low, high, 56, sheath)
        _muscle(
            canvas, capsule((side * 19, -29, -25), (side * 41, -22, -66), 6.5, 7, (1, 0.8, 1)), low, high, 60, sheath
        )
        _muscle(canvas, capsule((side * 23, -32, -14), (side * 43, -15, -12), 8, 5, (1, 1, 0.8)), low, high, 57, sheath)
        cheek = ellipsoid((side * 46, -54, -42), (7, 12, 16))
        canvas.fill(cheek, (-70, -75, -70), (70, -30, -15), -97, texture=14, bumps_mm=2.0)
        _neck_side(canvas, side, sheath)
    low, high = (-24.0, -16.0, -140.0), (24.0, 10.0, -15.0)
    for side in _SIDES:
        longus = capsule((side * 6.5, -6, -22), (side * 8, -4, -130), 5.5, 5.0, (0.75, 1.2, 1))
        _muscle(whole, longus, low, high, 56, 0.8)


def _neck_side(canvas: Canvas, side: float, sheath: float) -> None:
    """Vessels beside the throat, sternomastoid, digastric and styloid muscles."""
    low, high = (-76.0, -40.0, -140.0), (76.0, 50.0, -10.0)
    canvas.fill(capsule((side * 27, 4, -18), (side * 27, -4, -130), 9, 9), low, high, -65, texture=18, bumps_mm=1.5)
    canvas.fill(capsule((side * 25, -2, -20), (side * 24, -8, -130), 2.9, 3.4), low, high, 46)
    canvas.fill(capsule((side * 29, 8, -18), (side * 30, -1, -130), 4.2, 5.5), low, high, 44, bumps_mm=0.6)
    canvas.fill(capsule((side * 34, -4, -22), (side * 36, -16, -60), 2.0, 2.6), low, high, 52, bumps_mm=0.5)
    _muscle(canvas, capsule((side * 47, 16, -32), (side * 38, -14, -76), 4.5, 4.0), low, high, 55, sheath)
    sternomastoid = capsule((side * 56, 18, -34), (side * 42, -8, -130), 8, 9, (1.2, 0.75, 1))
    _muscle(canvas, sternomastoid, low, high, 56, sheath)


def _muscle(canvas: Canvas, shape: Shape, low: Point, high: Point, hu: float, sheath_mm: float) -> None:
    """A belly with an uneven surface in fat with an even one: the plane between gapes here and closes there."""
    canvas.fill(grown(shape, sheath_mm), low, high, _SHEATH_HU, texture=16)
    canvas.fill(shape, low, high, hu, texture=7, bumps_mm=1.1)
