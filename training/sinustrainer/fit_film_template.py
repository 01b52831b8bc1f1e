"""Fit the template of Waters' views that the input check compares facial patches with (no network, minutes at most).

python -m sinustrainer.fit_film_template --data DIR --out models/waters_patch/film_template.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinustrainer.data.manifest import TRAIN, Case, hold_out, load_manifest
from sinusviewer.domain.image import Volume
from sinusviewer.errors import InputError
from sinusviewer.imaging import load, preprocess, scan
from sinusviewer.imaging.hanging import hanging_of
from sinusviewer.imaging.preprocess import Box
from sinusviewer.inference import film_template

COMPONENTS = 12
_DRAWS = 4
_SHIFT, _SCALE = 0.03, 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and write a template; says how far held-out films are from it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    manifest = load_manifest(given.data)
    kept, away = hold_out(manifest.of_split(TRAIN), 0.2, given.seed)
    rng = np.random.default_rng(given.seed)
    vectors, held_out = _vectors(kept, rng), _vectors(away, rng)
    fitted_on = manifest.statement or f"{len(kept)} films of “{given.data.name}”"
    template = film_template.fit(vectors, held_out, COMPONENTS, fitted_on)
    film_template.save(template, given.out)
    distances = [template.distance(v) for v in held_out]
    sys.stdout.write(
        f"{len(kept)} films fitted, {len(away)} held out: distance median {np.median(distances):.3f}, "
        f"largest {max(distances):.3f}; limit {template.limit:.3f}\n"
    )
    return 0


def _vectors(cases: Sequence[Case], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Patches of every film with small shifts and scalings of its face box, and their mirror images."""
    rows: list[npt.NDArray[np.float64]] = []
    for case in cases:
        (study,) = scan.scan([case.files["image"]]).studies
        loaded = load.load_series(study.series[0])
        if isinstance(loaded, Volume):
            raise InputError(f"Case {case.case_id} is no film.")
        hanging = hanging_of(loaded[0])
        source = hanging.source(preprocess.film_source(loaded[0]))
        x0, y0, x1, y1 = hanging.box_to_stored(tuple(case.labels["face_box"]))
        face = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        for _ in range(_DRAWS):
            vector = film_template.patch_vector(source, _jittered(face, rng))
            side = film_template.SIDE
            rows += [vector, vector.reshape(side, side)[:, ::-1].ravel()]
    if not rows:
        raise InputError("There are no films to fit the template on.")
    return np.array(rows)


def _jittered(box: Box, rng: np.random.Generator) -> Box:
    longer = max(box[2] - box[0], box[3] - box[1])
    x, y = ((box[i] + box[i + 2]) / 2 + float(rng.normal(0, _SHIFT)) * longer for i in (0, 1))
    half = longer / 2 * (1 + float(rng.normal(0, _SCALE)))
    return x - half, y - half, x + half, y + half


if __name__ == "__main__":
    sys.exit(main())
