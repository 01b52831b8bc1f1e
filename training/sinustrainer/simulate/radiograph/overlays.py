"""What else is on a film: lead letters, burnt-in text, earrings, spectacles, hands, a chin rest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from sinustrainer.simulate.radiograph.physics import Image

Marks = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead letter: (column, row) of its middle, height in mm, turn in degrees."""

    text: str
    column: float
    row: float
    height_mm: float
    turn_deg: float = 0.0


def text_stencil(text: str, height_px: float, turn_deg: float = 0.0, stroke: float = 0.0) -> npt.NDArray[np.float32]:
    """Letters as coverage 0-1; ``stroke`` thickens them by that share of their height."""
    font = ImageFont.load_default(size=max(6.0, height_px))
    left, top, right, bottom = font.getbbox(text)
    picture = Picture.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
    ImageDraw.Draw(picture).text(
        (2 - left, 2 - top), text, fill=255, font=font, stroke_width=max(0, round(height_px * stroke))
    )
    if turn_deg:
        picture = picture.rotate(turn_deg, expand=True, resample=Picture.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.float32) * np.float32(1 / 255)


def stamp(image: Image, stencil: npt.NDArray[np.float32], column: float, row: float, value: float) -> None:
    """Blend a value into an image, in place, through a stencil centred on (column, row); parts outside are dropped."""
    x0, y0 = round(column - stencil.shape[1] / 2), round(row - stencil.shape[0] / 2)
    x1, y1 = min(image.shape[1], x0 + stencil.shape[1]), min(image.shape[0], y0 + stencil.shape[0])
    a, b = max(0, x0), max(0, y0)
    if x1 <= a or y1 <= b:
        return
    cover = stencil[b - y0 : y1 - y0, a - x0 : x1 - x0]
    part = image[b:y1, a:x1]
    part += cover * (np.float32(value) - part)


def add_lead(open_share: Image, lead: Lead, pixel_mm: float) -> None:
    """Put a lead letter on the detector's cover, in place: there it stops scatter too."""
    stencil = text_stencil(lead.text, lead.height_mm / pixel_mm * 1.35, lead.turn_deg, stroke=0.05)
    stamp(open_share, stencil, lead.column, lead.row, 0.0)


def add_shape(target: Image, points: list[tuple[float, float]], value: float, width_px: float | None = None) -> None:
    """Add a polygon (or, with a width, a line) of a constant area density, in place, softened by supersampling."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    pad = 2 + (width_px or 0)
    x0, y0 = int(max(0, min(xs) - pad)), int(max(0, min(ys) - pad))
    x1, y1 = int(min(target.shape[1], max(xs) + pad + 1)), int(min(target.shape[0], max(ys) + pad + 1))
    if x1 <= x0 or y1 <= y0:
        return
    scale = 3
    picture = Picture.new("L", ((x1 - x0) * scale, (y1 - y0) * scale), 0)
    moved = [((x - x0) * scale, (y - y0) * scale) for x, y in points]
    drawing = ImageDraw.Draw(picture)
    if width_px is None:
        drawing.polygon(moved, fill=255)
    else:
        drawing.line(moved, fill=255, width=max(1, round(width_px * scale)), joint="curve")
    cover = np.asarray(picture.resize((x1 - x0, y1 - y0), Picture.Resampling.BOX), dtype=np.float32) / 255
    target[y0:y1, x0:x1] += cover * np.float32(value)


def add_tube(
    target: Image, start: tuple[float, float], end: tuple[float, float], radius_px: float, peak: float
) -> None:
    """Add a round rod seen from the side (a finger, a phalanx), in place: thickness falls off as a circle's chord."""
    a, b = np.asarray(start), np.asarray(end)
    low = np.floor(np.minimum(a, b) - radius_px - 1).astype(int)
    high = np.ceil(np.maximum(a, b) + radius_px + 2).astype(int)
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(target.shape[1], int(high[0])), min(target.shape[0], int(high[1]))
    if x1 <= x0 or y1 <= y0:
        return
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    line = (b - a).astype(np.float32)
    along = np.clip(((x - a[0]) * line[0] + (y - a[1]) * line[1]) / max(1e-3, float(line @ line)), 0, 1)
    distance2 = (x - a[0] - along * line[0]) ** 2 + (y - a[1] - along * line[1]) ** 2
    target[y0:y1, x0:x1] += np.sqrt(np.clip(1 - distance2 / radius_px**2, 0, None)) * np.float32(peak)


def add_earrings(bone: Image, marks: Marks, pixel_mm: float, rng: np.random.Generator) -> None:
    """A stud or a hoop below each ear canal, seldom exactly alike."""
    hoop = rng.random() < 0.5
    size = rng.uniform(6, 14) / pixel_mm if hoop else rng.uniform(1.5, 3.5) / pixel_mm
    for name in ("porion_right", "porion_left"):
        if name not in marks or rng.random() < 0.1:
            continue
        column, row = marks[name]
        column += rng.normal(0, 3) / pixel_mm
        row += rng.uniform(18, 30) / pixel_mm
        turn = np.linspace(0, 2 * np.pi, 24)
        ring = [(column + size * rng.uniform(0.55, 0.6) * np.cos(t), row + size * np.sin(t)) for t in turn]
        add_shape(bone, ring, rng.uniform(4, 15), rng.uniform(0.8, 1.8) / pixel_mm if hoop else None)


def add_spectacles(bone: Image, marks: Marks, pixel_mm: float, rng: np.random.Generator) -> None:
    """Thin metal rims before the orbits; they should have been taken off."""
    for side in ("right", "left"):
        if f"orbitale_{side}" not in marks or "nasion" not in marks:
            continue
        column, row = marks[f"orbitale_{side}"]
        row = (row + marks["nasion"][1]) / 2
        width, height = 26 / pixel_mm, 19 / pixel_mm
        turn = np.linspace(0, 2 * np.pi, 40)
        rim = [(column + width * np.cos(t) * (1 - 0.1 * np.sin(t) ** 4), row + height * np.sin(t)) for t in turn]
        add_shape(bone, rim, rng.uniform(1.0, 4.0), rng.uniform(0.6, 1.5) / pixel_mm)


def add_hand(soft: Image, bone: Image, pixel_mm: float, rng: np.random.Generator, from_left: bool) -> None:
    """Fingers of someone who holds the head still, from one side of the film."""
    rows, columns = soft.shape
    row = rng.uniform(0.35, 0.85) * rows
    for finger in range(int(rng.integers(1, 4))):
        reach = rng.uniform(15, 55) / pixel_mm
        start = (-20 / pixel_mm, row + finger * 19 / pixel_mm)
        end = (reach, row + finger * 18 / pixel_mm + rng.normal(0, 6) / pixel_mm)
        if not from_left:
            start, end = (columns - start[0], start[1]), (columns - end[0], end[1])
        add_tube(soft, start, end, rng.uniform(7, 9.5) / pixel_mm, rng.uniform(1.4, 1.9))
        add_tube(
            bone,
            start,
            (end[0] * 0.97 + start[0] * 0.03, end[1]),
            rng.uniform(3.2, 4.5) / pixel_mm,
            rng.uniform(0.6, 1.0),
        )


def add_chin_rest(soft: Image, marks: Marks, pixel_mm: float, rng: np.random.Generator) -> None:
    """A plastic shelf under the chin: a faint straight band with sharp edges."""
    rows, columns = soft.shape
    top = min(rows * 0.98, marks.get("anterior_nasal_spine", (0.0, rows * 0.6))[1] + rng.uniform(45, 75) / pixel_mm)
    half = rng.uniform(35, 80) / pixel_mm
    middle = columns / 2 + rng.normal(0, 6) / pixel_mm
    shelf = [(middle - half, top), (middle + half, top), (middle + half, rows + 5), (middle - half, rows + 5)]
    add_shape(soft, shelf, rng.uniform(0.4, 1.2))
