"""Films made on the fly from stored projections: any combination of disease, exposure, vendor and clutter.

``draw_film`` is what the trainer calls for every sample; ``make_film`` is deterministic in its settings and also writes the
full-size films of a cohort.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from sinustrainer.simulate.radiograph import overlays, physics
from sinustrainer.simulate.radiograph.clutter import Clutter, add_objects, draw_clutter, lead_letters
from sinustrainer.simulate.radiograph.physics import Exposure, Image
from sinustrainer.simulate.radiograph.processing import Look, process
from sinustrainer.simulate.radiograph.projections import Box, DiseaseShadow, Projections
from sinustrainer.simulate.radiograph.vendors import VENDORS, draw_foreign_look, draw_look
from sinusviewer.domain.anatomy import Side


class Strength(StrEnum):
    """How far a film may stray from a good one. MIXED draws one of the others per film."""

    CLEAN = "clean"
    MEDIUM = "medium"
    STRONG = "strong"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class DrawnAntrum:
    """One antrum on a film; both are always listed, healthy ones too."""

    side: Side
    xyxy: Box
    diseased: bool
    subclass: str = ""
    opacified_fraction: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFilm:
    """A film with its labels.

    Attributes
    ----------
    pixels
        ``[y, x]`` float32 0-1, as stored; dense tissue bright unless ``inverted``.
    face_box, antra
        Pixel edges of ``pixels``.
    inverted
        True where dense tissue is dark in ``pixels`` (a MONOCHROME1 film nobody turned).
    lumens
        ``[y, x]`` float32, path through each lumen in mm; empty unless asked for.
    """

    pixels: npt.NDArray[np.float32]
    face_box: Box
    antra: tuple[DrawnAntrum, DrawnAntrum]
    pixel_mm: float
    inverted: bool = False
    lumens: dict[Side, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FilmSettings:
    """All that makes a film out of projections.

    Attributes
    ----------
    field
        ``x0, y0, x1, y1`` of the projection, pixels (may be fractions): what the film shows.
    collimation
        Shares of the film's width and height left unexposed at left, top, right, bottom.
    border
        Value of the unexposed margin: "black", "white".
    soft_scale, bone_scale
        Another patient's flesh and bone density.
    """

    field: Box
    rows: int
    columns: int
    exposure: Exposure
    look: Look
    clutter: Clutter
    collimation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    border: str = "black"
    soft_scale: float = 1.0
    bone_scale: float = 1.0
    inverted: bool = False


def make_film(
    projections: Projections,
    shadows: tuple[DiseaseShadow, ...],
    settings: FilmSettings,
    rng: np.random.Generator,
    *,
    lumens: bool = False,
) -> DrawnFilm:
    """One film.

    Parameters
    ----------
    shadows
        The disease to show; at most one per antrum.
    rng
        Noise only.
    """
    soft, bone = projections.soft, projections.bone
    if shadows:
        soft, bone = soft.copy(), bone.copy()
        for shadow in shadows:
            left, top, right, bottom = shadow.window
            soft[top:bottom, left:right] += shadow.soft
            bone[top:bottom, left:right] += shadow.bone
    shape = (settings.rows, settings.columns)
    x0, y0, x1, y1 = settings.field
    # The slow sums run on the coarser of the two grids; a film finer than its projection gains nothing from more.
    coarse = (min(shape[0], ceil(y1 - y0)), min(shape[1], ceil(x1 - x0)))
    soft = resample(soft, settings.field, coarse) * np.float32(settings.soft_scale)
    bone = resample(bone, settings.field, coarse) * np.float32(settings.bone_scale)
    to_coarse, to_film = _Mapping(settings.field, coarse), _Mapping(settings.field, shape)
    marks = {name: to_coarse.point(point) for name, point in projections.marks.items()}
    add_objects(soft, bone, settings.clutter, marks, projections.pixel_mm * (x1 - x0) / coarse[1])
    path = physics.optical_path(settings.exposure.kvp, soft, bone, settings.exposure.filter_mm_al)
    if coarse != shape:
        path = _finer(path, shape)
    pixel_mm = projections.pixel_mm * (x1 - x0) / settings.columns
    signal = physics.expose(path, settings.exposure, pixel_mm, rng)
    open_share = lead_letters(settings.clutter, shape, pixel_mm)
    face = to_film.box(projections.face_box)
    pixels = process(signal, settings.look, pixel_mm, _central(face, shape))
    if open_share is not None:  # lead on the detector's cover stops scatter too: white, whatever lies behind it
        pixels = pixels * open_share + (1 - open_share) * np.float32(0.98)
    _shutter(pixels, settings)
    for text in settings.clutter.texts:
        stencil = overlays.text_stencil(text.text, text.height * shape[0])
        overlays.stamp(pixels, stencil, text.column * shape[1], text.row * shape[0], 1.0)
    if settings.inverted:
        pixels = 1 - pixels
    by_side = {shadow.side: shadow for shadow in shadows}
    antra = []
    for side in Side:
        shown = by_side.get(side)
        box = to_film.box(projections.antra[side])
        antra.append(
            DrawnAntrum(side, box, True, shown.subclass, shown.opacified_fraction)
            if shown
            else DrawnAntrum(side, box, False)
        )
    paths: dict[Side, npt.NDArray[np.float32]] = {}
    if lumens:
        paths = {
            side: resample(lumen.astype(np.float32), settings.field, shape)
            for side, lumen in projections.lumens.items()
        }
    return DrawnFilm(pixels.astype(np.float32), face, (antra[0], antra[1]), pixel_mm, settings.inverted, paths)


def draw_film(
    projections: Projections,
    rng: np.random.Generator,
    strength: Strength | str = Strength.MIXED,
    *,
    size_px: int = 256,
    disease_share: float = 0.5,
    shadows: tuple[DiseaseShadow, ...] | None = None,
    lumens: bool = False,
) -> DrawnFilm:
    """A random square film for training.

    Parameters
    ----------
    size_px
        Rows and columns.
    disease_share
        Chance of disease in each antrum, independently; ignored where ``shadows`` are given.
    shadows
        The disease to show (``()`` for none) instead of a drawn one.
    """
    chosen = draw_shadows(projections, rng, disease_share) if shadows is None else shadows
    settings = draw_settings(projections, rng, strength, size_px=size_px)
    return make_film(projections, chosen, settings, rng, lumens=lumens)


def draw_shadows(
    projections: Projections, rng: np.random.Generator, disease_share: float = 0.5
) -> tuple[DiseaseShadow, ...]:
    """For each antrum one of its stored diseases or none; sometimes disease elsewhere."""
    chosen: list[DiseaseShadow] = []
    for side in Side:
        available = projections.shadows_of(side)
        if available and rng.random() < disease_share:
            chosen.append(available[int(rng.integers(len(available)))])
    elsewhere = projections.shadows_of(None)
    if elsewhere and rng.random() < 0.25:
        chosen.append(elsewhere[int(rng.integers(len(elsewhere)))])
    return tuple(chosen)


def draw_settings(
    projections: Projections, rng: np.random.Generator, strength: Strength | str, *, size_px: int
) -> FilmSettings:
    """Random settings of a training film: vendor's look, exposure, field and clutter by strength."""
    strength = Strength(strength)
    if strength is Strength.MIXED:
        strength = (Strength.CLEAN, Strength.MEDIUM, Strength.STRONG)[int(rng.choice(3, p=[0.35, 0.40, 0.25]))]
    clean, strong = strength is Strength.CLEAN, strength is Strength.STRONG
    vendor = list(VENDORS.values())[int(rng.integers(len(VENDORS)))]
    look = draw_look(vendor, rng)
    if strong and rng.random() < 0.6:
        look = draw_foreign_look(rng)
    kvp = float(rng.integers(66, 86) if not strong else rng.integers(55, 100))
    exposure = Exposure(
        kvp=kvp,
        scatter_to_primary=float(rng.uniform(0.1, 0.35) if not strong else rng.uniform(0.0, 1.0)),
        photons=physics.absorbed_quanta(
            kvp, float(rng.uniform(10, 24) if not strong else rng.uniform(1.5, 24)), float(rng.uniform(1040, 1500))
        ),
        electronic=float(rng.uniform(5e-6, 3e-5) if not strong else 10 ** rng.uniform(-5.3, -3.8)),
        blur_mm=float(rng.uniform(0.1, 0.25) if not strong else rng.uniform(0.1, 0.9)),
    )
    x0, y0, x1, y1 = projections.face_box
    face = max(x1 - x0, y1 - y0)
    share = rng.uniform(0.55, 0.75) if clean else rng.uniform(0.45, 0.9)
    wanted = face / share
    wander = 0.5 * max(0.0, wanted - face) * (0.4 if clean else 0.9)
    middle_x = (x0 + x1) / 2 + rng.uniform(-1, 1) * wander
    middle_y = (y0 + y1) / 2 + rng.uniform(-1, 1) * wander
    collimation = (0.0, 0.0, 0.0, 0.0)
    if not clean and rng.random() < 0.45:
        edges = rng.uniform(0, 0.5 * max(0.0, 1 - share) * 0.6, 4) * (rng.random(4) < 0.6)
        collimation = (float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3]))
    return FilmSettings(
        field=(middle_x - wanted / 2, middle_y - wanted / 2, middle_x + wanted / 2, middle_y + wanted / 2),
        rows=size_px,
        columns=size_px,
        exposure=exposure,
        look=look,
        clutter=draw_clutter(rng, 0.3 if clean else 0.7 if not strong else 1.0),
        collimation=collimation,
        border="white" if rng.random() < 0.3 else "black",
        soft_scale=1.0 if clean else float(rng.uniform(0.94, 1.08) if not strong else rng.uniform(0.85, 1.2)),
        bone_scale=1.0 if clean else float(rng.uniform(0.85, 1.15) if not strong else rng.uniform(0.6, 1.35)),
        inverted=strong and bool(rng.random() < 0.2),
    )


def mirror_film(film: DrawnFilm) -> DrawnFilm:
    """The film turned over: what was right is left."""
    width = film.pixels.shape[1]

    def box(b: Box) -> Box:
        return (width - b[2], b[1], width - b[0], b[3])

    flipped = {a.side.opposite: replace(a, side=a.side.opposite, xyxy=box(a.xyxy)) for a in film.antra}
    return replace(
        film,
        pixels=np.ascontiguousarray(film.pixels[:, ::-1]),
        face_box=box(film.face_box),
        antra=(flipped[Side.RIGHT], flipped[Side.LEFT]),
        lumens={side.opposite: np.ascontiguousarray(lumen[:, ::-1]) for side, lumen in film.lumens.items()},
    )


def resample(image: Image, window: Box, shape: tuple[int, int]) -> Image:
    """``window`` (x0, y0, x1, y1, pixel edges) of an image on a new grid, linear; beyond the edge, zero (open beam)."""
    result = image
    for axis, (low, high, wanted) in enumerate(((window[1], window[3], shape[0]), (window[0], window[2], shape[1]))):
        size = image.shape[axis]
        position = low + (np.arange(wanted) + 0.5) * (high - low) / wanted - 0.5
        first = np.floor(position).astype(np.int64)
        weight = (position - first).astype(np.float32)
        inside = ((position > -1) & (position < size)).astype(np.float32)
        a, b = np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1)
        w0, w1 = (1 - weight) * inside, weight * inside
        result = np.take(result, a, axis) * _along(w0, axis) + np.take(result, b, axis) * _along(w1, axis)
    return result


def _finer(image: Image, shape: tuple[int, int]) -> Image:
    """Cubic convolution to a finer grid over the same extent."""
    finer = functional.interpolate(torch.from_numpy(image)[None, None], shape, mode="bicubic", align_corners=False)
    values: Image = np.maximum(finer[0, 0].numpy(), 0)
    return values


def _along(weights: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    return weights[:, None] if axis == 0 else weights


class _Mapping:
    """From pixels of the projection to pixels of the film."""

    def __init__(self, window: Box, shape: tuple[int, int]) -> None:
        self._x, self._y = window[0], window[1]
        self._across = shape[1] / (window[2] - window[0])
        self._down = shape[0] / (window[3] - window[1])
        self._shape = shape

    def point(self, p: tuple[float, float]) -> tuple[float, float]:
        return (p[0] - self._x) * self._across, (p[1] - self._y) * self._down

    def box(self, b: Box) -> Box:
        (x0, y0), (x1, y1) = self.point(b[:2]), self.point(b[2:])
        rows, columns = self._shape
        return (
            float(np.clip(x0, 0, columns)), float(np.clip(y0, 0, rows)),
            float(np.clip(x1, 0, columns)), float(np.clip(y1, 0, rows)),
        )  # fmt: skip


def _central(face: Box, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = face[2] - face[0], face[3] - face[1]
    return (
        int(max(0, face[0] + 0.1 * width)), int(max(0, face[1] + 0.1 * height)),
        int(min(shape[1], face[2] - 0.1 * width)), int(min(shape[0], face[3] - 0.05 * height)),
    )  # fmt: skip


def _shutter(pixels: Image, settings: FilmSettings) -> None:
    left, top, right, bottom = settings.collimation
    value = np.float32(0.0 if settings.border == "black" else 0.97)
    rows, columns = pixels.shape
    if top:
        pixels[: round(top * rows)] = value
    if bottom:
        pixels[rows - round(bottom * rows) :] = value
    if left:
        pixels[:, : round(left * columns)] = value
    if right:
        pixels[:, columns - round(right * columns) :] = value
