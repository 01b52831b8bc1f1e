"""Toy CTs: an oval head in air with two air-filled antra and an ethmoid block; disease fills them with soft tissue."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sinustrainer.simulate.nifti import write_nifti
from sinusviewer.domain.anatomy import Structure

SPACING_MM = 3.0
SHAPE = (20, 64, 64)


def toy_head(rng: np.random.Generator, *, ethmoid: float, maxillary: float) -> tuple[npt.NDArray[Any], ...]:
    """HU int16, labels and opacified uint8, all ``[z, y, x]`` of 3 mm; ``ethmoid``, ``maxillary``: chance of disease."""
    z, y, x = (np.arange(n)[s] for n, s in zip(SHAPE, np.ix_(*(range(n) for n in SHAPE)), strict=True))
    cx, cy = 32 + rng.uniform(-2, 2), 34 + rng.uniform(-2, 2)
    hu = np.full(SHAPE, -1000.0)
    hu[np.broadcast_to(((x - cx) / 25) ** 2 + ((y - cy) / 28) ** 2 < 1, SHAPE)] = 40
    labels = np.zeros(SHAPE, np.uint8)
    for code, dx, low, high, radius in (
        (Structure.RIGHT_MAXILLARY, -9, 3, 10, 5),
        (Structure.LEFT_MAXILLARY, 9, 3, 10, 5),
        (Structure.RIGHT_ANTERIOR_ETHMOID, -3, 10, 16, 3),
        (Structure.LEFT_ANTERIOR_ETHMOID, 3, 10, 16, 3),
    ):
        inside = ((x - cx - dx) ** 2 + (y - cy + 16) ** 2 < radius**2) & (z >= low) & (z < high)
        labels[inside] = code
    hu[labels > 0] = -950
    opacified = np.zeros(SHAPE, np.uint8)
    for codes, chance in (((1, 2), maxillary), ((3, 4), ethmoid)):
        for code in codes:
            if rng.uniform() < chance:
                opacified[labels == code] = 1
    hu[opacified > 0] = 250
    hu += rng.normal(0, 12, SHAPE)
    return hu.astype(np.int16), labels, opacified


def toy_ct_folder(folder: Path, patients: int, *, split: str = "train", seed: int = 0, start: int = 0) -> Path:
    """Patients alternate: ECRS (ethmoid disease, recurs) and not (maxillary disease)."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    cases: list[dict[str, Any]] = []
    for i in range(start, start + patients):
        rng = np.random.default_rng([seed, i])
        sick = i % 2 == 0
        hu, labels, opacified = toy_head(rng, ethmoid=0.95 if sick else 0.1, maxillary=0.3 if sick else 0.9)
        for name, array in (("image", hu), ("labels", labels), ("opacified", opacified)):
            write_nifti(folder / f"{i}_{name}.nii.gz", array, affine)
        files = {name: f"{i}_{name}.nii.gz" for name in ("image", "labels", "opacified")}
        cases.append({
            "case_id": f"c{i}", "patient_id": f"p{i}", "site": "toy", "split": split, "files": files,
            "labels": {"endotype": "ecrs" if sick else "necrs", "recurrence": int(sick)},
        })  # fmt: skip
    path = folder / "manifest.json"
    if path.exists():
        cases = json.loads(path.read_text())["cases"] + cases
    content = {"schema_version": 1, "task": "ct", "simulated": True, "statement": "Toy heads.", "cases": cases}
    path.write_text(json.dumps(content))
    return folder
