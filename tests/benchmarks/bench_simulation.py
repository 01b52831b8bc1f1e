"""How fast virtual patients are made, and how far their scans are from real ones.

Speed is with templates and heads in memory, two worker processes, one thread each. With the shared data absent, heads are
parametric and realism is left out.
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
from scipy import ndimage
from shared_data import shared_dir

from sinustrainer.simulate.cohort.anatomist import SimulatedAnatomy, load_anatomist
from sinustrainer.simulate.cohort.recipe import AnatomySection
from sinustrainer.simulate.ct.scan import gravity_in_head, scan
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinustrainer.simulate.dicom.ct import write_ct
from sinustrainer.simulate.dicom.header import Subject, uid_of
from sinustrainer.simulate.dicom.radiograph import Orientation, StoredFilm, write_radiograph
from sinustrainer.simulate.disease import patterns
from sinustrainer.simulate.disease.paint import paint
from sinustrainer.simulate.head import Head
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


def film_of_new_patient(_number: int) -> int:
    head = _made["anatomy"].draw_head(_made["rng"], 40.0, "F", "train")
    _write_film(acquire(head, film_geometry(head, Positioning(), 512)))
    return _peak_mib()


def ct_volume(_number: int) -> int:
    head, rng = _made["head"], _made["rng"]
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
        for name, work, n, aim in (
            ("films from stored projections, 1024 px", film_from_projections, 24, 3.0),
            ("films of a new position, 1024 px", film_of_new_position, 12, 3.0),
            ("films of a new patient, 1024 px", film_of_new_patient, 6, None),
            ("CT volumes, 256 x 256 x 120", ct_volume, 6, 0.3),
        ):
            start = time.perf_counter()
            peak = max(peak, *pool.map(work, range(n)))
            value = n / (time.perf_counter() - start)
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
    rows += _realism()
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


# --- realism -------------------------------------------------------------------------------------------------------------


def _patches(hu: np.ndarray, spacing: tuple[float, float, float], rng: np.random.Generator, n: int = 150) -> np.ndarray:
    """Features of random 32 mm axial patches at 1 mm inside the head: shares of tissue, spread, and spectrum of its edges."""
    zoom = (1.0, spacing[1], spacing[2])
    features = []
    sections = rng.permutation(np.arange(int(0.15 * len(hu)), int(0.85 * len(hu))))[:25]
    for k in sections:
        plane = ndimage.zoom(hu[k].astype(np.float32), zoom[1:], order=1, mode="nearest", grid_mode=True)
        inside = ndimage.uniform_filter((plane > -300).astype(np.float32), 32)
        rows, columns = np.nonzero(inside[16:-16, 16:-16] > 0.7)
        if rows.size == 0:
            continue
        for i in rng.integers(rows.size, size=n // 25):
            features.append(_features(plane[rows[i] : rows[i] + 32, columns[i] : columns[i] + 32]))
    return np.array(features)


def _features(patch: np.ndarray) -> np.ndarray:
    shares = np.histogram(patch, [-2000, -800, -300, -50, 0, 30, 60, 120, 300, 700, 1300, 4000])[0] / patch.size
    spectrum = np.abs(np.fft.rfft2((patch - patch.mean()) * np.outer(np.hanning(32), np.hanning(32)))) ** 2
    fy, fx = np.meshgrid(np.fft.fftfreq(32), np.fft.rfftfreq(32), indexing="ij")
    ring = np.digitize(np.hypot(fy, fx), [0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
    energy = [np.log1p(spectrum[ring == r].mean()) for r in range(7)]
    soft = patch[(patch > -50) & (patch < 120)]
    return np.array([*shares, *energy, soft.std() if soft.size > 20 else 0.0])


def _realism() -> list[dict[str, Any]]:
    """How well scans of simulated patients are told from the real scans they are not made from."""
    shared = shared_dir()
    if shared is None:
        return []
    real = _real_scans(shared / "data")
    rng = np.random.default_rng(1)
    anatomy = _anatomy()
    simulated = {
        "warped templates": [anatomy.draw_head(rng, 45.0, s, "train") for s in "FM"],
        "parametric heads": [replace(anatomy, templates={}).draw_head(rng, 45.0, s, "train") for s in "FM"],
    }
    rows = []
    real_features = {name: _patches(*volume, rng) for name, volume in real.items()}
    for kind, heads in simulated.items():
        scans = [
            _scanned(head, scanner, rng)
            for head, scanner in zip(heads, ("SOMATOM Force", "Revolution CT"), strict=True)
        ]
        features = [_patches(*volume, rng) for volume in scans]
        rows.append(_told_apart(kind, real_features, features))
        rows += _distances(kind, real_features, features)
    return rows


def _real_scans(folder: Path) -> dict[str, tuple[np.ndarray, tuple[float, float, float]]]:
    import pydicom
    import SimpleITK as sitk

    scans = {}
    for name in ("head_ct_cranium", "head_ct_visible_human"):
        image = sitk.ReadImage(str(folder / name / "head.nii.gz"))
        x, y, z = image.GetSpacing()
        scans[name] = (sitk.GetArrayFromImage(image), (z, y, x))
    slices = [pydicom.dcmread(p) for p in sorted((folder / "head_ct_ge_tilt").glob("*.dcm"))]
    hu = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
    row, column = (float(v) for v in slices[0].PixelSpacing)
    scans["head_ct_ge_tilt"] = (hu, (4.0, row, column))
    return scans


def _scanned(head: Head, scanner: str, rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float]]:
    protocol = CtProtocol(scanner, slice_mm=1.5, interval_mm=1.5, matrix=256, field_mm=230, upper_mm=85)
    done = scan(head, head.hu, np.zeros(head.hu.shape, bool), protocol, rng)
    pixel = protocol.field_mm / protocol.matrix
    return done.voxels, (1.5, pixel, pixel)


def _told_apart(kind: str, real: dict[str, np.ndarray], simulated: list[np.ndarray]) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    areas = []
    for held_out, test_real in real.items():
        train_real = np.concatenate([f for name, f in real.items() if name != held_out])
        x = np.concatenate([train_real, simulated[0]])
        y = np.repeat([0, 1], [len(train_real), len(simulated[0])])
        forest = RandomForestClassifier(200, class_weight="balanced", random_state=0).fit(x, y)
        test = np.concatenate([test_real, simulated[1]])
        truth = np.repeat([0, 1], [len(test_real), len(simulated[1])])
        areas.append(roc_auc_score(truth, forest.predict_proba(test)[:, 1]))
    return {
        "name": f"real or simulated CT patch ({kind})", "value": float(np.mean(areas)), "unit": "AUC (0.5 is perfect)",
        "n": len(real), "compared_with": None, "ratio": None,
    }  # fmt: skip


def _distances(kind: str, real: dict[str, np.ndarray], simulated: list[np.ndarray]) -> list[dict[str, Any]]:
    """Simulated against real, beside the distance of the real scans from each other."""
    means = [f.mean(axis=0) for f in real.values()]
    ours = np.mean([f.mean(axis=0) for f in simulated], axis=0)
    rows = []
    for name, part in (("shares of tissue (HU histogram)", slice(0, 11)), ("log edge spectrum", slice(11, 18))):
        between = np.mean([np.abs(a[part] - b[part]).mean() for i, a in enumerate(means) for b in means[:i]])
        distance = float(np.mean([np.abs(ours[part] - m[part]).mean() for m in means]))
        rows.append(
            {"name": f"{name}, {kind}", "value": distance, "unit": "mean difference from real scans", "n": len(real),
             "compared_with": "real scans among themselves", "ratio": float(distance / between)}
        )  # fmt: skip
    return rows
