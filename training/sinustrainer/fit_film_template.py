"""Fit the template of Waters' views that the input check compares facial patches with (no network, minutes at most).

python -m sinustrainer.fit_film_template --data DIR [--poses DIR] --out models/waters_patch/film_template.json

Where the manifest knows how the heads stood (``acquisition.tilt_deg``, ``yaw_deg``, ``roll_deg``), the template also learns to read
it; ``--poses`` adds films of badly positioned heads (recipe waters_poses) to that reading, never to the template itself.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sinustrainer.data.film_sources import load_case_radiograph
from sinustrainer.data.manifest import TRAIN, Case, hold_out, load_manifest
from sinusviewer.errors import InputError
from sinusviewer.imaging import preprocess
from sinusviewer.imaging.hanging import hanging_of
from sinusviewer.imaging.preprocess import Box
from sinusviewer.inference import film_template

COMPONENTS = 12
_DRAWS = 4
_SHIFT, _SCALE = 0.03, 0.05
_LONGEST = 400
_POSE = ("tilt_deg", "yaw_deg", "roll_deg")


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Patch vectors ``[n, 256]`` with the pose of each ``[n, 3]``; NaN where it is not known."""

    vectors: npt.NDArray[np.float64]
    poses: npt.NDArray[np.float64]

    def joined(self, other: "Patches") -> "Patches":
        return Patches(np.concatenate([self.vectors, other.vectors]), np.concatenate([self.poses, other.poses]))

    @property
    def posed(self) -> "Patches":
        known = np.isfinite(self.poses).all(axis=1)
        return Patches(self.vectors[known], self.poses[known])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and write a template; says how far held-out films are from it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder with manifest.json")
    parser.add_argument(
        "--poses", type=Path, help="data folder of badly positioned films, for the reading of the pose only"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    manifest = load_manifest(given.data)
    rng = np.random.default_rng(given.seed)
    kept_cases, away_cases = hold_out(manifest.of_split(TRAIN), 0.2, given.seed)
    kept, away = patches_of(kept_cases, rng), patches_of(away_cases, rng)
    fitted_on = manifest.statement or f"{len(kept_cases)} films of “{given.data.name}”"
    template = film_template.fit(kept.vectors, away.vectors, COMPONENTS, fitted_on)
    if given.poses is not None:
        odd_kept, odd_away = hold_out(load_manifest(given.poses).cases, 0.2, given.seed)
        kept, away = kept.joined(patches_of(odd_kept, rng)), away.joined(patches_of(odd_away, rng))
    kept, away = kept.posed, away.posed
    if len(kept.vectors) > COMPONENTS and len(away.vectors):
        readout = film_template.fit_readout(kept.vectors, kept.poses, away.vectors, away.poses)
        template = replace(template, readout=readout)
    film_template.save(template, given.out)
    distances = [template.distance(v) for v in patches_of(away_cases, rng).vectors]
    sys.stdout.write(
        f"{len(kept_cases)} films fitted, {len(away_cases)} held out: distance median {np.median(distances):.3f}, "
        f"largest {max(distances):.3f}; limit {template.limit:.3f}\n"
    )
    if template.readout is not None:
        tilt, turn, lean = template.readout.error_deg
        sys.stdout.write(
            f"pose, SD of the error on held-out films: tilt {tilt:.1f}, turn {turn:.1f}, lean {lean:.1f} degrees\n"
        )
    return 0


def patches_of(cases: Sequence[Case], rng: np.random.Generator) -> Patches:
    """Patches of every film with small shifts and scalings of its face box, and their mirror images.

    Raises
    ------
    InputError
        Where there is no film.
    """
    rows: list[npt.NDArray[np.float64]] = []
    poses: list[tuple[float, float, float]] = []
    for case in cases:
        film = load_case_radiograph(case)
        hanging = hanging_of(film)
        source, factor = preprocess.reduced(hanging.source(preprocess.film_source(film)), _LONGEST)
        x0, y0, x1, y1 = (v / factor for v in hanging.box_to_stored(tuple(case.labels["face_box"])))
        face = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        tilt, turn, lean = (_number(case.acquisition.get(name)) for name in _POSE)
        for _ in range(_DRAWS):
            vector = film_template.patch_vector(source, _jittered(face, rng))
            side = film_template.SIDE
            rows += [vector, vector.reshape(side, side)[:, ::-1].ravel()]
            poses += [(tilt, turn, lean), (tilt, -turn, -lean)]
    if not rows:
        raise InputError("There are no films to fit the template on.")
    return Patches(np.array(rows), np.array(poses))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _jittered(box: Box, rng: np.random.Generator) -> Box:
    longer = max(box[2] - box[0], box[3] - box[1])
    x, y = ((box[i] + box[i + 2]) / 2 + float(rng.normal(0, _SHIFT)) * longer for i in (0, 1))
    half = longer / 2 * (1 + float(rng.normal(0, _SCALE)))
    return x - half, y - half, x + half, y + half


if __name__ == "__main__":
    sys.exit(main())
