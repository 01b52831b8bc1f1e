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
FOLDS = 5
LIMIT_QUANTILE, LIMIT_MARGIN = 0.99, 1.02
"""The limit lies a little above 99 % of films that the template was not fitted on: 1 % of good films may be refused."""
_DRAWS = 4
_SHIFT, _SCALE = 0.03, 0.05
_LONGEST = 400
_POSE = ("tilt_deg", "yaw_deg", "roll_deg")


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Patch vectors ``[n, 256]`` with the pose of each ``[n, 3]``; NaN where it is not known."""

    vectors: npt.NDArray[np.float64]
    poses: npt.NDArray[np.float64]

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
    films = [(case, patches_of([case], rng)) for case in manifest.of_split(TRAIN)]
    if len(films) < FOLDS:
        raise InputError("There are not enough films to fit the template on.", f"It takes {FOLDS}, better a hundred.")
    fitted_on = manifest.statement or f"{len(films)} films of “{given.data.name}”"
    distances = np.array([unseen for _, unseen in _unseen_distances(films, given.seed)])
    everything = joined([patches for _, patches in films])
    limit = round(min(0.99, LIMIT_MARGIN * float(np.quantile(distances, LIMIT_QUANTILE))), 4)
    template = replace(film_template.fit(everything.vectors, everything.vectors, COMPONENTS, fitted_on), limit=limit)
    readout = _readout(films, given.poses, given.seed, rng)
    template = replace(template, readout=readout)
    film_template.save(template, given.out)
    sys.stdout.write(
        f"{len(films)} films; distance of films not fitted on: median {np.median(distances):.3f}, largest {distances.max():.3f}; "
        f"limit {limit:.3f}, {np.mean(distances > limit):.1%} beyond it\n"
    )
    if readout is not None:
        tilt, turn, lean = readout.error_deg
        sys.stdout.write(
            f"pose, SD of the error on held-out films: tilt {tilt:.1f}, turn {turn:.1f}, lean {lean:.1f} degrees\n"
        )
    return 0


def _unseen_distances(films: Sequence[tuple[Case, Patches]], seed: int) -> list[tuple[Case, float]]:
    """Each film's (median) distance from a template fitted without its patient."""
    fold_of = {
        patient: number % FOLDS
        for number, patient in enumerate(
            np.random.default_rng(seed).permutation(sorted({c.patient_id for c, _ in films}))
        )
    }
    result: list[tuple[Case, float]] = []
    for fold in range(FOLDS):
        kept = [patches for case, patches in films if fold_of[case.patient_id] != fold]
        away = [(case, patches) for case, patches in films if fold_of[case.patient_id] == fold]
        if not kept or not away:
            continue
        vectors = joined(kept).vectors
        template = film_template.fit(vectors, vectors[:1], COMPONENTS, "")
        result += [
            (case, float(np.median([template.distance(vector) for vector in patches.vectors])))
            for case, patches in away
        ]
    return result


def _readout(
    films: Sequence[tuple[Case, Patches]], poses: Path | None, seed: int, rng: np.random.Generator
) -> film_template.PoseReadout | None:
    """Fitted on the films and on those of ``poses``; its error is that on patients left out of both."""
    known = list(films)
    if poses is not None:
        known += [(case, patches_of([case], rng)) for case in load_manifest(poses).cases]
    _, away = hold_out(tuple(case for case, _ in known), 0.2, seed)
    left_out = {case.patient_id for case in away}
    fitted = [patches.posed for case, patches in known if case.patient_id not in left_out]
    tested = [patches.posed for case, patches in known if case.patient_id in left_out]
    if not any(len(patches.vectors) for patches in fitted) or not any(len(patches.vectors) for patches in tested):
        return None
    a, b = joined(fitted), joined(tested)
    return film_template.fit_readout(a.vectors, a.poses, b.vectors, b.poses)


def joined(parts: Sequence[Patches]) -> Patches:
    """All of them, one after the other."""
    return Patches(np.concatenate([p.vectors for p in parts]), np.concatenate([p.poses for p in parts]))


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
