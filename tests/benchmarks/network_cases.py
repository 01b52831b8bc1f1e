"""CTs to measure the accuracy of networks on: the labelled ones of a folder, or freshly simulated patients."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from shared_data import shared_dir

from sinusviewer.domain.image import Volume
from sinusviewer.imaging import load, scan
from sinusviewer.paths import resources_dir

RECIPES = Path(__file__).resolve().parents[2] / "training" / "recipes"
SEED = 90_210
"""Of no training: other patients, though the two real heads that some are warped from were seen."""


@dataclass(frozen=True, slots=True, eq=False)
class BenchCase:
    """Volume with true labels and opacification on its canonical grid."""

    volume: Volume
    labels: npt.NDArray[np.uint8]
    opacified: npt.NDArray[np.bool_]


def sample_ct() -> Volume:
    """The sample study's CT."""
    loaded = load.load_series(scan.scan([resources_dir() / "sample" / "ct"]).studies[0].series[0])
    if not isinstance(loaded, Volume):
        raise TypeError("the sample CT is no volume")
    return loaded


def labelled_cts(count: int, folder: Path) -> Iterator[BenchCase]:
    """Cases that no training saw, of ``SINUSVIEWER_BENCH_DATA`` (a manifest's folder) if it is set, else simulated ones."""
    from sinustrainer.data.ct_cases import load_case_labels, load_case_volume
    from sinustrainer.data.manifest import TRAIN, Case, load_manifest
    from sinusviewer.imaging.resample import reorient_array

    def on_grid(case: Case, volume: Volume) -> npt.NDArray[np.uint8]:
        return np.asarray(reorient_array(load_case_labels(case, volume), volume.affine))

    named = os.environ.get("SINUSVIEWER_BENCH_DATA")
    found = load_manifest(Path(named) if named else _simulated(count, folder)).cases
    cases = [c for c in found if {"labels", "opacified"} <= set(c.files) and not (named and c.split == TRAIN)]
    for case in cases[:: max(1, len(cases) // count)][:count]:
        volume = load_case_volume(case)
        marked = replace(case, files={**case.files, "labels": case.files["opacified"]})
        yield BenchCase(volume, on_grid(case, volume), on_grid(marked, volume) > 0)


def _simulated(count: int, folder: Path) -> Path:
    """On the real heads where the shared data is, else on parametric heads."""
    from sinustrainer.simulate.cohort.recipe import load_recipe
    from sinustrainer.simulate.cohort.runner import Order, simulate
    from sinusviewer.jobs.runner import CancelToken, silent_progress

    recipe: Any = load_recipe(RECIPES / "ct_bundled.toml")
    shared = shared_dir()
    if shared is None:
        recipe = recipe.model_copy(update={"anatomy": recipe.anatomy.model_copy(update={"templates": ()})})
    templates = shared / "data" if shared else None
    simulate(Order(recipe, RECIPES, folder, SEED, count, templates, workers=2), silent_progress(), CancelToken())
    return folder
