"""One geometry of one head as additive area densities, and its file: the store that films are made from.

Soft tissue, bone and each disease of each side add along a ray, so one geometry gives films with any combination of left and
right disease.
"""

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.anatomy import Side
from sinusviewer.errors import InputError

Box = tuple[float, float, float, float]
_MILLIGRAMS = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class DiseaseShadow:
    """What one disease of one side adds to the film.

    Attributes
    ----------
    side
        The patient's; None for disease outside the antra (frontal, ethmoid), which no antrum's label mentions.
    subclass
        Oh 2021: air_fluid, full_opacification, cyst, mucosal_thickening; "other" outside the antra.
    opacified_fraction
        Of the antrum's lumen, 0-1.
    window
        ``x0, y0, x1, y1`` pixels of the projection that ``soft`` and ``bone`` cover.
    soft, bone
        ``[y, x]`` g/cm2 to add; bone may be negative nowhere, soft where bone replaces it.
    """

    side: Side | None
    subclass: str
    severity: float
    opacified_fraction: float
    window: tuple[int, int, int, int]
    soft: npt.NDArray[np.float32]
    bone: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Projections:
    """A healthy head on the detector, the diseases it may have, and where things lie.

    Attributes
    ----------
    soft, bone
        ``[y, x]`` float32 g/cm2. Columns run to the patient's left, rows to the feet.
    pixel_mm
        At the detector.
    face_box
        Oh 2021: both antra, maxilla, nasal bone, orbits; near-square; pixel edges.
    antra
        Box of each lumen.
    lumens
        ``[y, x]`` uint8, path through each lumen in mm (clipped at 255).
    marks
        Landmarks on the film, (column, row).
    numbers
        Positioning and patient: orbitomeatal_deg, source_detector_mm, age, antrum_ml_right, ...
    """

    soft: npt.NDArray[np.float32]
    bone: npt.NDArray[np.float32]
    pixel_mm: float
    face_box: Box
    antra: dict[Side, Box]
    lumens: dict[Side, npt.NDArray[np.uint8]]
    shadows: tuple[DiseaseShadow, ...]
    marks: dict[str, tuple[float, float]]
    numbers: dict[str, float] = field(default_factory=dict)
    source: str = ""

    def shadows_of(self, side: Side | None) -> tuple[DiseaseShadow, ...]:
        return tuple(s for s in self.shadows if s.side is side)


def save_projections(projections: Projections, path: Path) -> None:
    """Write as npz with densities in whole milligrams per cm2; appears under its name only when whole."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "soft": _packed(projections.soft, np.uint16),
        "bone": _packed(projections.bone, np.uint16),
    }
    for side, lumen in projections.lumens.items():
        arrays[f"lumen_{side.value}"] = lumen
    described = []
    for number, shadow in enumerate(projections.shadows):
        arrays[f"shadow_{number}_soft"] = _packed(shadow.soft, np.int16)
        if np.any(shadow.bone):
            arrays[f"shadow_{number}_bone"] = _packed(shadow.bone, np.int16)
        described.append(
            {
                "side": shadow.side.value if shadow.side else None,
                "subclass": shadow.subclass,
                "severity": shadow.severity,
                "opacified_fraction": shadow.opacified_fraction,
                "window": list(shadow.window),
            }
        )
    meta = {
        "schema_version": 1,
        "pixel_mm": projections.pixel_mm,
        "face_box": list(projections.face_box),
        "antra": {side.value: list(box) for side, box in projections.antra.items()},
        "marks": {name: list(point) for name, point in projections.marks.items()},
        "numbers": projections.numbers,
        "source": projections.source,
        "shadows": described,
    }
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    half = path.with_suffix(".part")
    with half.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    half.replace(path)


def load_projections(path: Path) -> Projections:
    """Read what ``save_projections`` wrote."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(arrays["meta"].tobytes())
        shadows = tuple(
            DiseaseShadow(
                Side(s["side"]) if s["side"] else None,
                s["subclass"],
                s["severity"],
                s["opacified_fraction"],
                tuple(s["window"]),
                soft := _unpacked(arrays[f"shadow_{n}_soft"]),
                _unpacked(arrays[f"shadow_{n}_bone"]) if f"shadow_{n}_bone" in arrays else np.zeros_like(soft),
            )
            for n, s in enumerate(meta["shadows"])
        )
        return Projections(
            _unpacked(arrays["soft"]),
            _unpacked(arrays["bone"]),
            meta["pixel_mm"],
            tuple(meta["face_box"]),
            {Side(side): tuple(box) for side, box in meta["antra"].items()},
            {side: arrays[f"lumen_{side.value}"] for side in Side},
            shadows,
            {name: (p[0], p[1]) for name, p in meta["marks"].items()},
            meta["numbers"],
            meta["source"],
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name} holds no projections.", "Simulate the data folder again.") from error


def mirror_projections(projections: Projections) -> Projections:
    """The same film of the mirrored patient: everything reflected, right and left exchanged."""
    width = projections.soft.shape[1]

    def box(b: Box) -> Box:
        return (width - b[2], b[1], width - b[0], b[3])

    def swapped(name: str) -> str:
        if name.endswith("_right"):
            return f"{name[:-6]}_left"
        return f"{name[:-5]}_right" if name.endswith("_left") else name

    shadows = tuple(
        DiseaseShadow(
            s.side.opposite if s.side else None, s.subclass, s.severity, s.opacified_fraction,
            (width - s.window[2], s.window[1], width - s.window[0], s.window[3]),
            np.ascontiguousarray(s.soft[:, ::-1]), np.ascontiguousarray(s.bone[:, ::-1]),
        )
        for s in projections.shadows
    )  # fmt: skip
    return Projections(
        np.ascontiguousarray(projections.soft[:, ::-1]),
        np.ascontiguousarray(projections.bone[:, ::-1]),
        projections.pixel_mm,
        box(projections.face_box),
        {side.opposite: box(b) for side, b in projections.antra.items()},
        {side.opposite: np.ascontiguousarray(lumen[:, ::-1]) for side, lumen in projections.lumens.items()},
        shadows,
        {swapped(name): (width - c, r) for name, (c, r) in projections.marks.items()},
        {swapped(name): value for name, value in projections.numbers.items()},
        projections.source,
    )


def describe(value: object) -> dict[str, Any]:
    """A frozen dataclass as plain data for a manifest."""
    return asdict(value)  # type: ignore[call-overload,no-any-return]


def _packed(values: npt.NDArray[np.float32], kind: type[np.integer[Any]]) -> npt.NDArray[np.integer[Any]]:
    limits = np.iinfo(kind)
    packed: npt.NDArray[np.integer[Any]] = np.clip(np.rint(values * _MILLIGRAMS), limits.min, limits.max).astype(kind)
    return packed


def _unpacked(values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
    return values.astype(np.float32) * np.float32(1 / _MILLIGRAMS)
