"""How fast virtual patients are made: cases of a recipe, from the head to finished files.

Templates in memory, two worker processes, one thread each. With the shared data absent, heads are parametric.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from peak_memory import peak_mib
from shared_data import shared_dir

from sinustrainer.simulate.cohort.anatomist import SimulatedAnatomy, load_anatomist
from sinustrainer.simulate.cohort.recipe import AnatomySection, FilmSection, WatersRecipe, load_recipe
from sinustrainer.simulate.cohort.waters_case import film_of, make_waters_case, position_head
from sinustrainer.simulate.cohort.waters_plan import plan_waters
from sinustrainer.simulate.ct.scan import gravity_in_head, scan
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinustrainer.simulate.dicom.ct import write_ct
from sinustrainer.simulate.dicom.header import Subject, uid_of
from sinustrainer.simulate.dicom.radiograph import Orientation, StoredFilm, write_radiograph
from sinustrainer.simulate.disease import patterns
from sinustrainer.simulate.disease.paint import paint
from sinustrainer.simulate.radiograph.acquire import acquire, film_geometry
from sinustrainer.simulate.radiograph.film import draw_film
from sinustrainer.simulate.radiograph.geometry import Positioning
from sinustrainer.simulate.radiograph.projections import Projections

SUBJECT = Subject(
    "B",
    "Simulated^Bench",
    "F",
    40.0,
    "20200101",
    "120000",
    "B",
    "Simulated",
    "SIEMENS",
    "Ysio",
    uid_of("b"),
    "X (SIMULATED)",
)
_made: dict[str, Any] = {}
FILMS = 4
"""Of each patient, as the large recipe asks."""


def _anatomy() -> SimulatedAnatomy:
    shared = shared_dir()
    section = AnatomySection(parametric_share=0.0)
    return load_anatomist(section, Path(), shared / "data" if shared else None)


def _start(folder: str) -> None:
    """What every process of a real run has once: anatomy, and the spectra of common voltages."""
    import SimpleITK

    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    anatomy = _anatomy()
    rng = np.random.default_rng(os.getpid())
    head = anatomy.draw_head(rng, 40.0, "F", "train")
    _made["anatomy"], _made["head"], _made["rng"] = anatomy, head, rng
    _made["projections"] = acquire(head, film_geometry(head, Positioning(), 512))
    for _ in range(20):
        draw_film(_made["projections"], rng, "medium", size_px=64)  # spectra of common voltages
    _made["folder"] = tempfile.mkdtemp(dir=folder)
    recipe = load_recipe(Path(__file__).resolve().parents[2] / "training" / "recipes" / "waters_oh2021.toml")
    if isinstance(recipe, WatersRecipe):
        plan = plan_waters(recipe, 1, 60)
        _made["case"] = next(case for case in plan if case.label == "right" and case.age > 20)


def _write_film(projections: Projections) -> None:
    film = draw_film(projections, _made["rng"], "clean", size_px=1024)
    pixels = np.rint(film.pixels * 4095).astype(np.uint16)
    stored = StoredFilm(
        pixels, 12, False, Orientation.NORMAL, film.pixel_mm, False, False, "Waters", 75, 16, 60, 1200, 1085
    )
    write_radiograph(Path(_made["folder"]) / "film.dcm", stored, SUBJECT, "k")


def film_from_projections(_number: int) -> float:
    _write_film(_made["projections"])
    return peak_mib()


def film_of_new_position(_number: int) -> float:
    tilt = float(_made["rng"].normal(37, 3))
    _write_film(acquire(_made["head"], film_geometry(_made["head"], Positioning(orbitomeatal_deg=tilt), 512)))
    return peak_mib()


def films_of_new_patient(_number: int) -> float:
    """What ``sinustrainer simulate`` does for one patient of a test set: a new head, four finished films of it."""
    rng, section = _made["rng"], FilmSection(store_projections=False)
    first = replace(_made["case"], seed=int(rng.integers(2**62)), geometry_seed=int(rng.integers(2**62)))
    positioned = position_head(first, section, _made["anatomy"])
    for film in range(FILMS):
        case = replace(first, seed=first.seed + film)
        film_of(case, positioned, section, _made["anatomy"], Path(_made["folder"]))
    return peak_mib()


def film_of_new_patient(_number: int) -> float:
    """The same with one film."""
    case = replace(_made["case"], seed=int(_made["rng"].integers(2**62)), geometry_seed=None)
    make_waters_case(case, FilmSection(store_projections=False), _made["anatomy"], Path(_made["folder"]))
    return peak_mib()


def ct_volume(_number: int) -> float:
    rng = _made["rng"]
    head = _made["anatomy"].draw_head(rng, 40.0, "F", "train")
    protocol = CtProtocol("SOMATOM Force", matrix=256, lower_mm=30, upper_mm=41, bone_kernel=bool(rng.random() < 0.5))
    diseases, _ = patterns.draw_crs(rng, patterns.Endotype.ECRS)
    hu, opacified = paint(head, diseases, [float(v) for v in gravity_in_head(head, protocol)], rng)
    write_ct(Path(_made["folder"]) / "ct", scan(head, hu, opacified, protocol, rng), SUBJECT, "k")
    return peak_mib()


# Name, work, how often, results of each, the aim a second. One case takes 0.2, 0.7, 2, 3 and 3 s of one core.
WORK: tuple[tuple[str, Callable[[int], float], int, int, float | None], ...] = (
    ("films from stored projections, 1024 px", film_from_projections, 40, 1, 3.0),
    ("films of a new position, 1024 px", film_of_new_position, 20, 1, None),
    ("films of new patients, one each, 1024 px", film_of_new_patient, 10, 1, None),
    (f"films of new patients, {FILMS} each, 1024 px", films_of_new_patient, 10, FILMS, 3.0),
    ("CT volumes of new patients, 256 x 256 x 120", ct_volume, 12, 1, 0.3),
)
TRAINING_FILMS = 100
WORKERS = 2


def run() -> Iterator[dict[str, Any]]:
    """Every kind of case in two workers, then a training film in this process."""
    with tempfile.TemporaryDirectory() as folder:
        peak = 0.0
        context = get_context("spawn")
        with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_start, initargs=(folder,)) as pool:
            list(pool.map(film_from_projections, range(2 * WORKERS)))  # both are up
            for name, work, n, each, aim in WORK:
                start = time.perf_counter()
                peak = max(peak, *pool.map(work, range(n)))
                yield _row(name, n * each / (time.perf_counter() - start), "/s", n, "aim of the issue", aim)
        yield _row("peak memory of both workers", WORKERS * peak, "MiB", WORKERS, "limit of 3072 MiB", 3072)
        _start(folder)
        yield _training_film()


def _training_film() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    for _ in range(TRAINING_FILMS):
        draw_film(_made["projections"], rng, "mixed", size_px=256)
    taken = []
    for _ in range(TRAINING_FILMS):
        start = time.perf_counter()
        draw_film(_made["projections"], rng, "mixed", size_px=256)
        taken.append((time.perf_counter() - start) * 1000)
    return _row("training film, 256 px, mean", float(np.mean(taken)), "ms", TRAINING_FILMS, "6 ms of the pilot", 6.0)


def _row(name: str, value: float, unit: str, n: int, against: str, other: float | None) -> dict[str, Any]:
    return {"name": name, "value": round(value, 4), "unit": unit, "n": n, "compared_with": against if other else None,
            "ratio": round(value / other, 4) if other else None}  # fmt: skip


if __name__ == "__main__":
    for line in run():
        sys.stdout.write(f"{line}\n")
