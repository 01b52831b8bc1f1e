"""Radiographs that are no Waters' view: synthetic ones by formula, and views of a parametric head kept as small pictures.

``python tests/odd_views.py`` makes the pictures anew (a minute; the head is the simulator's own, no patient and no template).
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

FOLDER = Path(__file__).resolve().parent / "data" / "odd_views"
POSES: dict[str, dict[str, float]] = {
    "waters": {"orbitomeatal_deg": 37},
    "under_tilted": {"orbitomeatal_deg": 54},
    "over_tilted": {"orbitomeatal_deg": 18},
    "turned": {"orbitomeatal_deg": 37, "yaw_deg": 16},
    "caldwell": {"orbitomeatal_deg": 75},
    "pa_skull": {"orbitomeatal_deg": 90},
    "lateral_skull": {"orbitomeatal_deg": 90, "yaw_deg": 90},
    "chin_up": {"orbitomeatal_deg": 0},
}
Pixels = npt.NDArray[np.uint16]


def picture(name: str) -> Pixels:
    """A view of the parametric head, dense tissue bright, 12 bits."""
    return (np.asarray(Image.open(FOLDER / f"{name}.png")).astype(np.uint16) * 16) + 40


def synthetic(name: str) -> Pixels:
    """Chest, hand, panoramic film and images without anatomy."""
    y, x = np.mgrid[-1:1:700j, -0.85:0.85:600j]
    rng = np.random.default_rng(0)
    made = {
        "chest": lambda: _chest(x, y),
        "hand": lambda: _hand(x, y),
        "panoramic": lambda: _panoramic(1.0),
        "panoramic, cut to a portrait": lambda: _panoramic(1.0)[:, 200:800],
        "knee": lambda: 0.5 * _blob(x, y, 0, 0, 0.4, 1.2, 6) + 0.4 * _blob(x, y, 0, -0.1, 0.33, 0.2, 4),
        "noise": lambda: rng.integers(0, 4096, x.shape).astype(float),
        "black": lambda: np.zeros(x.shape),
        "white": lambda: np.full(x.shape, 4000.0),
        "gradient": lambda: y + 1,
        "gradient to the right": lambda: x + 1,
        "one bright disc": lambda: _blob(x, y, 0, 0, 0.7, 0.8, 2),
    }[name]()
    if name in ("black", "white"):
        return made.astype(np.uint16)
    made = made + rng.normal(0, 0.004, made.shape) * np.ptp(made)
    return np.asarray((made - made.min()) / np.ptp(made) * 4000 + 40, dtype=np.uint16)


SYNTHETIC = (
    "chest", "hand", "panoramic", "panoramic, cut to a portrait", "knee", "noise", "black", "white", "gradient",
    "gradient to the right", "one bright disc",
)  # fmt: skip


def _blob(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], cx: float, cy: float, sx: float, sy: float, power: float
) -> npt.NDArray[np.float64]:
    return np.asarray(np.exp(-(np.abs((x - cx) / sx) ** power + np.abs((y - cy) / sy) ** power)))


def _chest(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Two dark lungs with ribs, heart, spine, diaphragm."""
    image = 0.75 * _blob(x, y, 0, 0.1, 0.8, 1.0, 6) + 0.1
    for side in (-1, 1):
        image -= 0.5 * _blob(x, y, side * 0.38, -0.05, 0.26, 0.6, 4)
    image += 0.35 * _blob(x, y, 0.05, 0.1, 0.12, 0.9, 4) + 0.3 * _blob(x, y, 0.15, 0.35, 0.25, 0.3, 3)
    image += 0.3 * _blob(x, y, 0, 0.95, 0.8, 0.3, 4)
    for rib in range(9):
        line = np.exp(-(((y + 0.7 - 0.16 * rib - (np.abs(x) - 0.4) ** 2) / 0.025) ** 2))
        image += 0.06 * line * (np.abs(x) < 0.75)
    return image


def _hand(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A palm and five fingers of four bones."""
    image = 0.25 * _blob(x, y, 0, 0.5, 0.35, 0.35, 4)
    for foot, length, slant in (
        (-0.45, 0.35, -0.5),
        (-0.22, 0.62, -0.12),
        (0, 0.7, 0),
        (0.2, 0.62, 0.12),
        (0.38, 0.45, 0.25),
    ):
        for bone in range(4):
            cy = 0.35 - length * (bone + 0.5) / 2
            cx = foot + slant * (0.35 - cy) * 0.3
            image += 0.25 * _blob(x, y, cx, cy, 0.075, length * 0.28, 4) + 0.35 * _blob(
                x, y, cx, cy, 0.04, length * 0.22, 4
            )
    return image


def _panoramic(width: float) -> npt.NDArray[np.float64]:
    """A curved jaw with two rows of teeth, twice as wide as high."""
    y, x = np.mgrid[-1:1:500j, -2:2:1000j]
    image = 0.4 * np.exp(-(((np.sqrt((x / 1.7) ** 2 + ((y + 1.0) / 1.35) ** 2) - width) / 0.28) ** 2))
    for tooth in range(-8, 9):
        cx = tooth * 0.17
        for reach in (0.9, 1.12):
            cy = -1.0 + 1.35 * np.sqrt(max(0.0, 1 - (cx / 1.7) ** 2)) * reach
            image += 0.5 * np.exp(-(((x - cx) / 0.055) ** 2) - ((y - cy) / 0.12) ** 2)
    return np.asarray(image + 0.3 * np.exp(-(((np.abs(x) - 1.6) / 0.18) ** 2)) * (y < 0.4))


def _make_pictures() -> None:
    from sinustrainer.simulate.anatomy.parametric.head import parametric_head
    from sinustrainer.simulate.radiograph.acquire import acquire, film_geometry
    from sinustrainer.simulate.radiograph.film import draw_settings, make_film
    from sinustrainer.simulate.radiograph.geometry import Positioning

    FOLDER.mkdir(parents=True, exist_ok=True)
    head = parametric_head(np.random.default_rng(4), 40.0, "M")
    for name, pose in POSES.items():
        positioning = Positioning(source_detector_mm=1300, shift_down_mm=-12, **pose)
        projections = acquire(head, film_geometry(head, positioning, 320))
        rng = np.random.default_rng(3)
        film = make_film(projections, (), draw_settings(projections, rng, "clean", size_px=320), rng)
        Image.fromarray((film.pixels * 255).astype(np.uint8)).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    _make_pictures()
