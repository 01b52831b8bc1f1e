"""How fast virtual patients are made: cases of a recipe, from the head to finished files.

Templates in memory, two worker processes, one thread each. With the shared data absent, heads are parametric.
"""

import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
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


def _start() -> None:
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
    _made["folder"] = tempfile.mkdtemp()
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


def film_from_projections(_number: int) -> int:
    _write_film(_made["projections"])
    return _peak_mib()


def film_of_new_position(_number: int) -> int:
    tilt = float(_made["rng"].normal(37, 3))
    _write_film(acquire(_made["head"], film_geometry(_made["head"], Positioning(orbitomeatal_deg=tilt), 512)))
    return _peak_mib()


def films_of_new_patient(_number: int) -> int:
    """What ``sinustrainer simulate`` does for one patient of a test set: a new head, four finished films of it."""
    rng, section = _made["rng"], FilmSection(store_projections=False)
    first = replace(_made["case"], seed=int(rng.integers(2**62)), geometry_seed=int(rng.integers(2**62)))
    positioned = position_head(first, section, _made["anatomy"])
    for film in range(FILMS):
        case = replace(first, seed=first.seed + film)
        film_of(case, positioned, section, _made["anatomy"], Path(_made["folder"]))
    return _peak_mib()


def film_of_new_patient(_number: int) -> int:
    """The same with one film."""
    case = replace(_made["case"], seed=int(_made["rng"].integers(2**62)), geometry_seed=None)
    make_waters_case(case, FilmSection(store_projections=False), _made["anatomy"], Path(_made["folder"]))
    return _peak_mib()


def ct_volume(_number: int) -> int:
    rng = _made["rng"]
    head = _made["anatomy"].draw_head(rng, 40.0, "F", "train")
    protocol = CtProtocol("SOMATOM Force", matrix=256, lower_mm=30, upper_mm=41, bone_kernel=bool(rng.random() < 0.5))
    diseases, _ = patterns.draw_crs(rng, patterns.Endotype.ECRS)
    hu, opacified = paint(head, diseases, [float(v) for v in gravity_in_head(head, protocol)], rng)
    write_ct(Path(_made["folder"]) / "ct", scan(head, hu, opacified, protocol, rng), SUBJECT, "k")
    return _peak_mib()


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    peak = 0
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_start) as pool:
        list(pool.map(film_from_projections, range(4)))
        for name, work, n, each, aim in (
            ("films from stored projections, 1024 px", film_from_projections, 24, 1, 3.0),
            ("films of a new position, 1024 px", film_of_new_position, 12, 1, None),
            ("films of new patients, one each, 1024 px", film_of_new_patient, 8, 1, None),
            (f"films of new patients, {FILMS} each, 1024 px", films_of_new_patient, 6, FILMS, 3.0),
            ("CT volumes of new patients, 256 x 256 x 120", ct_volume, 6, 1, 0.3),
        ):
            start = time.perf_counter()
            peak = max(peak, *pool.map(work, range(n)))
            value = n * each / (time.perf_counter() - start)
            rows.append(
                {"name": name, "value": value, "unit": "/s", "n": n, "compared_with": "aim of the issue" if aim else None,
                 "ratio": value / aim if aim else None}
            )  # fmt: skip
    rows.append(
        {
            "name": "peak memory of a worker",
            "value": peak,
            "unit": "MiB",
            "n": 2,
            "compared_with": "3072 MiB for both",
            "ratio": 2 * peak / 3072,
        }
    )
    rows.append(_training_film())
    return rows


def _training_film() -> dict[str, Any]:
    torch.set_num_threads(1)
    _start()
    rng, n = np.random.default_rng(0), 100
    for _ in range(150):
        draw_film(_made["projections"], rng, "mixed", size_px=256)
    start = time.perf_counter()
    for _ in range(n):
        draw_film(_made["projections"], rng, "mixed", size_px=256)
    value = (time.perf_counter() - start) / n * 1000
    return {
        "name": "training film, 256 px",
        "value": value,
        "unit": "ms",
        "n": n,
        "compared_with": "6 ms of the pilot",
        "ratio": value / 6,
    }
