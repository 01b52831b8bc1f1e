"""Real heads as templates: a scan and its label table become a Head in the orbitomeatal frame."""

import hashlib
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

from sinustrainer.simulate.anatomy.boxes import box_of
from sinustrainer.simulate.anatomy.label_templates import (
    Box,
    Grid,
    LabelTable,
    NasalSection,
    Orbit,
    close_lumens,
    head_mask,
    label_nose,
    label_others,
    label_sinuses,
)
from sinustrainer.simulate.anatomy.mirror import compose_mirrored_side, septum_midline
from sinustrainer.simulate.anatomy.pose import Point, move_points, orbitomeatal_frame, resample_rigid
from sinustrainer.simulate.head import Head
from sinusviewer.domain.anatomy import Side, Structure
from sinusviewer.errors import InputError
from sinusviewer.paths import user_data_dir

sitk: Any = SimpleITK  # it carries no types

VERSION = 9
"""Goes into the cache key: raise it when this module or ``label_templates`` changes what they make."""

HEALTHY_AIR_HU = -985
TISSUE_HU, GAS_BELOW_HU = 38, -60
_SKIN_VOXELS = 4
WALL_HU = 620.0
"""A thin sinus wall where it fills a 1 mm voxel."""
_TABLES = Path(__file__).resolve().parents[3] / "recipes" / "templates"
_INSTALLED_TABLES = Path(__file__).resolve().parents[2] / "_recipes" / "templates"


def load_template(
    path: Path, cache_dir: Path | None = None, table_path: Path | None = None, *, natural: bool = False
) -> Head:
    """A real head with labels, healthy (aerated) sinuses, orbitomeatal frame, 1 mm.

    Parameters
    ----------
    path
        ``head.nii.gz``, or the folder that holds it. The folder's name chooses the label table.
    cache_dir
        Where the finished template is kept (``.npz``); the user's data folder if None.
    table_path
        Another label table (``.toml``) for a site's own scan.
    natural
        Leave a sick side as it is; otherwise, where the table says so, it is replaced by the healthy side's mirror image.

    Raises
    ------
    InputError
        Where the scan or its table is missing or unreadable.
    """
    scan = path / "head.nii.gz" if path.is_dir() else path
    if not scan.is_file():
        raise InputError(
            f"The template {path.name!r} has no head.nii.gz.", "Give the folder of a template in the recipe."
        )
    table_file = table_path if table_path is not None else _table_of(scan.parent.name)
    try:
        table_bytes, scan_bytes = table_file.read_bytes(), scan.read_bytes()
        content = tomllib.loads(table_bytes.decode())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The label table {table_file.name!r} cannot be read.", str(error)) from error
    key = hashlib.sha256(scan_bytes + table_bytes + str(VERSION).encode()).hexdigest()[:16]
    folder = cache_dir if cache_dir is not None else user_data_dir() / "templates"
    repaired = "repair" in content and not natural
    cached = folder / f"{content.get('source', 'template')}{'-repaired' if repaired else ''}-{key}.npz"
    if cached.is_file():
        return _read_cache(cached)
    if repaired:
        head = repair(load_template(path, folder, table_path, natural=True), content["repair"])
    else:
        head = build_template(scan, content)
    _write_cache(head, cached)
    return head


def repair(head: Head, content: dict[str, Any]) -> Head:
    """The head with its sick side mirrored from the healthy one (table section ``repair``)."""
    try:
        box = _point(content["keep_box_mm"][0]), _point(content["keep_box_mm"][1])
        whole = compose_mirrored_side(head, Side(content["healthy"]), septum_midline(head), box)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            "The label table's section [repair] lacks an entry or holds a wrong one.", str(error)
        ) from error
    return replace(whole, landmarks=whole.landmarks | antrum_floors(whole.labels, whole.affine))


def build_template(scan: Path, content: dict[str, Any]) -> Head:
    """Make the template from the scan and its table (``tomllib`` content); about ten seconds."""
    try:
        image = sitk.ReadImage(str(scan), sitk.sitkInt16)
    except RuntimeError as error:
        raise InputError(f"The scan {scan.name!r} cannot be read.", "A NIfTI file in HU is expected.") from error
    try:
        in_scan: dict[str, Point] = {
            name: image.TransformContinuousIndexToPhysicalPoint([float(v) for v in index])
            for name, index in content["landmarks_scan"].items()
        }
        lower, upper = (_point(corner) for corner in content["box_mm"])
        landmarks = {name: _point(point) for name, point in content["landmarks"].items()}
        table = read_label_table(content)
        source = str(content["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The label table lacks an entry or holds a wrong one.", str(error)) from error
    frame = orbitomeatal_frame(in_scan)
    hu, affine = resample_rigid(image, frame, (lower, upper), 1.0)
    landmarks |= move_points(in_scan, np.asarray(np.linalg.inv(frame), dtype=np.float64))
    grid = Grid.of(hu.shape, affine)
    inside = head_mask(hu)
    labels, carved = label_sinuses(hu, inside, grid, table)
    hu = clean_scan(hu, inside, labels, carved, grid, table.airless)
    labels = close_lumens(labels, hu)
    label_nose(labels, hu, grid, table.nasal_sections)
    label_others(labels, hu, grid, table)
    landmarks |= antrum_floors(labels, affine)
    return crop(Head(hu, labels, affine, landmarks, source), inside)


def crop(head: Head, inside: npt.NDArray[np.bool_], margin: int = 6) -> Head:
    """The head without most of the air around it; a few voxels stay."""
    parts: list[slice] = []
    for axis in range(3):
        found = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        parts.append(slice(max(int(found[0]) - margin, 0), int(found[-1]) + 1 + margin))
    z, y, x = parts
    affine = head.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([x.start, y.start, z.start], dtype=np.float64)
    return replace(
        head,
        hu=np.ascontiguousarray(head.hu[z, y, x]),
        labels=np.ascontiguousarray(head.labels[z, y, x]),
        affine=affine,
    )


def clean_scan(
    hu: npt.NDArray[np.int16],
    inside: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.uint8],
    carved: npt.NDArray[np.bool_],
    grid: Grid,
    airless: tuple[Box, ...],
) -> npt.NDArray[np.int16]:
    """Table and headrest become air, carved voxels are emptied, gas in boxes without any is replaced by tissue."""
    cleaned = np.where(inside, hu, -1000).astype(np.int16)
    # Fluid gives way to air; at the wall only the fluid's share of a voxel does, so bone keeps its edge.
    emptied = cleaned[carved].astype(np.float32)
    bone_share = np.clip((emptied - 20) / (WALL_HU - 20), 0, 1)
    cleaned[carved] = np.round((1 - bone_share) * HEALTHY_AIR_HU + bone_share * WALL_HU).astype(np.int16)
    # What is left of a fluid level (a row of half-filled voxels) deep inside a lumen that was emptied.
    for code in np.unique(labels[carved]):
        deep = ndimage.binary_erosion(labels == code, iterations=2)
        cleaned[deep & (cleaned > -900)] = HEALTHY_AIR_HU
    deep = ndimage.binary_erosion(inside, iterations=_SKIN_VOXELS) if airless else inside
    for box in airless:
        where = grid.slices(box)
        gas = ndimage.binary_dilation(cleaned[where] < GAS_BELOW_HU) & (cleaned[where] < 25) & (labels[where] == 0)
        cleaned[where][gas & deep[where]] = TISSUE_HU  # a box may reach out of the head: the air around it stays
    return cleaned


def antrum_floors(labels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64]) -> dict[str, Point]:
    """The lowest point of each antrum (centre of its lowest slice of at least 6 voxels), LPS mm."""
    floors: dict[str, Point] = {}
    for code, name in (
        (Structure.RIGHT_MAXILLARY, "antrum_floor_right"),
        (Structure.LEFT_MAXILLARY, "antrum_floor_left"),
    ):
        found = box_of(labels, code)
        if found is None:
            continue
        area = np.count_nonzero(labels[found] == code, axis=(1, 2))
        if not np.any(area >= 6):
            continue
        k = found[0].start + int(np.argmax(area >= 6))
        j, i = (float(np.mean(axis)) for axis in np.nonzero(labels[k] == code))
        x, y, z = (affine @ np.array([i, j, k, 1.0]))[:3]
        floors[name] = (float(x), float(y), float(z))
    return floors


def read_label_table(content: dict[str, Any]) -> LabelTable:
    """The hand-made part of a template from its TOML content."""

    def boxes(section: str) -> tuple[Box, ...]:
        return tuple(
            Box(
                None if name in ("background", "skull") else Structure[name.upper()],
                (float(x[0]), float(x[1])),
                (float(y[0]), float(y[1])),
                (float(z[0]), float(z[1])),
            )
            for name, entries in content.get(section, {}).items()
            for x, y, z in entries
        )

    return LabelTable(
        markers=boxes("markers"),
        limits=boxes("limits"),
        carved=boxes("carved"),
        nasal_sections=tuple(NasalSection(*(float(v) for v in row)) for row in content.get("nasal_sections", [])),
        orbits=tuple(
            Orbit(Structure[name.upper()], _point(entry["globe"]), _point(entry["apex"]), float(entry["radius"]))
            for name, entry in content.get("orbits", {}).items()
        ),
        bones=boxes("bones"),
        airless=boxes("airless"),
    )


def _point(values: list[float]) -> Point:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _table_of(name: str) -> Path:
    for folder in (_TABLES, _INSTALLED_TABLES):
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    raise InputError(
        f"There is no label table for the template {name!r}.", "Write one after training/recipes/templates."
    )


def _write_cache(head: Head, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.stem}.{os.getpid()}.part.npz")
    np.savez_compressed(
        partial,
        hu=head.hu,
        labels=head.labels,
        affine=head.affine,
        names=np.array(list(head.landmarks)),
        points=np.array(list(head.landmarks.values())),
        source=np.array(head.source),
    )
    partial.replace(file)


def _read_cache(file: Path) -> Head:
    with np.load(file) as stored:
        names, points = stored["names"].tolist(), stored["points"].tolist()
        landmarks: dict[str, Point] = {str(name): (p[0], p[1], p[2]) for name, p in zip(names, points, strict=True)}
        return Head(stored["hu"], stored["labels"], stored["affine"], landmarks, str(stored["source"]))
