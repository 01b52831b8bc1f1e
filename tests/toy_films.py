"""Toy films: a grey face on black with two dark antra; disease fills an antrum with grey."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinustrainer.data.film_sources import LabelledAntrum, LabelledFilm
from sinusviewer.imaging.preprocess import FilmSource

FORMS = ("mucosal_thickening", "air_fluid", "cyst", "full_opacification")


@dataclass
class ToyFilms:
    """Films of 96 x 80 pixels drawn from the generator given."""

    count: int

    def __len__(self) -> int:
        return self.count

    def film(self, index: int, rng: np.random.Generator) -> LabelledFilm:
        rows, columns = 96, 80
        y, x = np.mgrid[:rows, :columns] + 0.5
        cx, cy = columns / 2 + rng.uniform(-4, 4), rows / 2 + rng.uniform(-4, 4)
        pixels = np.where(((x - cx) / 30) ** 2 + ((y - cy) / 36) ** 2 < 1, 600.0, 100.0)
        antra = []
        for side, direction in (("right", -1), ("left", 1)):
            ax, ay, half = cx + direction * 13, cy + 6, rng.uniform(6, 9)
            diseased = bool(rng.uniform() < 0.5)
            inside = ((x - ax) / half) ** 2 + ((y - ay) / half) ** 2 < 1
            pixels = np.where(inside, 900.0 if diseased else 250.0, pixels)
            subclass = str(rng.choice(FORMS)) if diseased else ""
            antra.append(LabelledAntrum((ax - half, ay - half, ax + half, ay + half), diseased, subclass, side))
        pixels = pixels + rng.normal(0, 15, pixels.shape)
        return LabelledFilm(FilmSource(pixels.astype(np.float32)), (cx - 30, cy - 30, cx + 30, cy + 30), tuple(antra))


def toy_manifest(folder: Path, patients: int = 20, **changes: object) -> Path:
    """A manifest without files; the films come from ``ToyFilms``."""
    cases = [
        {"case_id": f"c{i}", "patient_id": f"p{i}", "site": "toy", "split": "train", "files": {}, "labels": {}}
        for i in range(patients)
    ]
    content = {
        "schema_version": 1,
        "task": "waters",
        "simulated": True,
        "statement": "Toy films.",
        "recipe": {},
        "cases": cases,
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder
