"""How far simulated scans are from real ones: HU histogram and edge spectrum by tissue, and how well a forest tells patches.

``python tests/benchmarks/bench_realism.py SHEET.png`` also writes a contact sheet of mixed slices and which differences count.
Each real scan is left out in turn, with simulated heads that the forest has not seen either, so that it cannot know a head by
heart. The warped heads stem from two of the three real scans: these are hints, not proof.
"""

import itertools
import os
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from film_contrast import film_contrast
from scipy import ndimage
from shared_data import shared_dir
from tissue_features import TISSUES, TissueFeatures, edge_distance, hu_distance, tissue_features

from sinustrainer.simulate.anatomy.parametric.head import parametric_head
from sinustrainer.simulate.cohort.anatomist import SimulatedAnatomy, load_anatomist
from sinustrainer.simulate.cohort.recipe import AnatomySection
from sinustrainer.simulate.ct.scan import scan
from sinustrainer.simulate.ct.scanners import CtProtocol
from sinustrainer.simulate.head import Head

Scan = tuple[np.ndarray, tuple[float, float, float]]
"""HU ``[z, y, x]`` and spacing in mm."""
SCANNERS = ("SOMATOM Force", "Revolution CT", "Brilliance iCT")
HEADS, DRAWS = 4, 8
"""Simulated heads of a kind, and parts of them that the forest is trained and judged on in turn."""
BINS = (-2000, -800, -300, -50, 0, 30, 60, 120, 300, 700, 1300, 4000)
NAMES = (
    *(f"share {a} to {b} HU" for a, b in itertools.pairwise(BINS)), *(f"log spectrum, ring {r}" for r in range(7)),
    "noise in soft tissue", "its grain across", "its grain along", "soft tissue, mean", "soft tissue, coarse texture",
    "edge, 90th percentile", "edge, 99th percentile", "bone, mean", "bone, spread",
)  # fmt: skip
HISTOGRAM, SPECTRUM = slice(0, 11), slice(11, 18)


def run() -> list[dict[str, Any]]:
    shared = shared_dir()
    if shared is None:
        return []
    scans_of_people = list(real_scans(shared / "data").values())
    real = [features_of(s, np.random.default_rng(1)) for s in scans_of_people]
    tissues = [tissue_features(*s, np.random.default_rng(2)) for s in scans_of_people]
    rows = []
    for kind, scans in simulated_scans(shared / "data").items():
        features = [features_of(s, np.random.default_rng(4)) for s in scans]
        areas, _ = told_apart(real, features)
        for name, value in (("mean", areas.mean()), ("least of its draws", areas.mean(axis=1).min()),
                            ("most of its draws", areas.mean(axis=1).max()), ("worst fold", areas.max())):  # fmt: skip
            rows.append(
                {"name": f"real or simulated CT patch ({kind}), {name}", "value": float(value),
                 "unit": "AUC (0.5 is perfect)", "n": len(scans), "compared_with": None, "ratio": None}
            )  # fmt: skip
        rows += _distances(kind, real, features)
        rows += _tissue_rows(kind, tissues, [tissue_features(*s, np.random.default_rng(3)) for s in scans])
    return rows + _film_contrasts(shared / "data")


def _film_contrasts(folder: Path) -> list[dict[str, Any]]:
    """Healthy antra on noiseless films: how much brighter their surround is, in -ln of the signal."""
    real = [film_contrast(head).surround for head in _anatomy(folder).templates.values()]
    drawn = [film_contrast(parametric_head(np.random.default_rng(s), 40, "FM"[s % 2], 2.0)).surround for s in (1, 2, 7)]
    return [
        {"name": "surround of a healthy antrum over its core, parametric films", "value": float(np.mean(drawn)),
         "unit": "-ln signal", "n": len(drawn), "compared_with": "films of the real heads",
         "ratio": float(np.mean(drawn) / np.mean(real))}
    ]  # fmt: skip


def features_of(volume: Scan, rng: np.random.Generator, n: int = 150) -> np.ndarray:
    """Features of random 32 mm axial patches at 1 mm inside the head, ``[n, len(NAMES)]``."""
    hu, spacing = volume
    features = []
    for k in rng.permutation(np.arange(int(0.15 * len(hu)), int(0.85 * len(hu))))[:25]:
        plane = ndimage.zoom(hu[k].astype(np.float32), spacing[1:], order=1, mode="nearest", grid_mode=True)
        inside = ndimage.uniform_filter((plane > -300).astype(np.float32), 32)
        rows, columns = np.nonzero(inside[16:-16, 16:-16] > 0.7)
        if rows.size:
            for i in rng.integers(rows.size, size=n // 25):
                features.append(_features(plane[rows[i] : rows[i] + 32, columns[i] : columns[i] + 32]))
    return np.array(features)


def _features(patch: np.ndarray) -> np.ndarray:
    shares = np.histogram(patch, BINS)[0] / patch.size
    spectrum = np.abs(np.fft.rfft2((patch - patch.mean()) * np.outer(np.hanning(32), np.hanning(32)))) ** 2
    fy, fx = np.meshgrid(np.fft.fftfreq(32), np.fft.rfftfreq(32), indexing="ij")
    ring = np.digitize(np.hypot(fy, fx), [0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
    energy = [np.log1p(spectrum[ring == r].mean()) for r in range(7)]
    soft = ndimage.binary_erosion((patch > -20) & (patch < 110), iterations=2)
    smooth = ndimage.gaussian_filter(patch, 1.5)
    fine = (patch - smooth) * soft
    variance = float((fine[soft] ** 2).mean()) if soft.sum() > 30 else 1e-3
    across, along = (
        float((fine * np.roll(fine, 1, axis))[soft & np.roll(soft, 1, axis)].mean()) / (variance + 1e-3)
        if soft.sum() > 60
        else 0.0
        for axis in (1, 0)
    )
    mean, texture = (float(smooth[soft].mean()), float(smooth[soft].std())) if soft.sum() > 30 else (0.0, 0.0)
    edges = np.percentile(np.hypot(*np.gradient(patch)), [90, 99])
    bone = patch[patch > 300]
    solid = (float(bone.mean()), float(bone.std())) if bone.size > 20 else (0.0, 0.0)
    return np.array([*shares, *energy, np.sqrt(variance), across, along, mean, texture, *edges, *solid])


def real_scans(folder: Path) -> dict[str, Scan]:
    import pydicom
    import SimpleITK as sitk

    scans: dict[str, Scan] = {}
    for name in ("head_ct_cranium", "head_ct_visible_human"):
        image = sitk.ReadImage(str(folder / name / "head.nii.gz"))
        x, y, z = image.GetSpacing()
        scans[name] = (sitk.GetArrayFromImage(image), (z, y, x))
    slices = [pydicom.dcmread(p) for p in sorted((folder / "head_ct_ge_tilt").glob("*.dcm"))]
    hu = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
    row, column = (float(v) for v in slices[0].PixelSpacing)
    scans["head_ct_ge_tilt"] = (hu, (4.0, row, column))
    return scans


def simulated_scans(folder: Path) -> dict[str, list[Scan]]:
    """Scans of warped templates and of parametric heads, each head from a seed of its own: the same in every run.

    A change elsewhere then moves no other head, and the warped heads stem from each template as often.
    """
    import SimpleITK

    torch.set_num_threads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    anatomy = _anatomy(folder)
    one_each = [replace(anatomy, templates={name: head}) for name, head in anatomy.templates.items()]
    kinds = {"warped templates": one_each, "parametric heads": [replace(anatomy, templates={})]}
    scans: dict[str, list[Scan]] = {kind: [] for kind in kinds}
    for number in range(HEADS):
        for kind, sources in kinds.items():
            rng = np.random.default_rng([2026, number])
            head = sources[number % len(sources)].draw_head(rng, 45.0, "FM"[number // 2 % 2], "train")
            scans[kind].append(scanned(head, SCANNERS[number % len(SCANNERS)], rng))
    return scans


@lru_cache(maxsize=1)
def _anatomy(folder: Path) -> SimulatedAnatomy:
    return load_anatomist(AnatomySection(parametric_share=0.0), Path(), folder)


def scanned(head: Head, scanner: str, rng: np.random.Generator) -> Scan:
    protocol = CtProtocol(scanner, slice_mm=1.5, interval_mm=2.25, matrix=256, field_mm=230, upper_mm=85)
    done = scan(head, head.hu, np.zeros(head.hu.shape, bool), protocol, rng)
    pixel = protocol.field_mm / protocol.matrix
    return done.voxels, (2.25, pixel, pixel)


def told_apart(real: list[np.ndarray], simulated: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How well a forest tells heads it has not seen: AUC ``[draw, real scan left out]``, and how much each feature helped.

    A draw is a part of the simulated heads, as many as there are real ones; each real scan is left out with one of them. Three
    heads a forest would have learnt by heart what they happen to be: one draw says little, their mean and range say more.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    draws = np.random.default_rng(5)
    parts = [draws.permutation(len(simulated))[: len(real)] for _ in range(DRAWS)]
    areas, importance = np.zeros((DRAWS, len(real))), np.zeros(len(NAMES))
    for draw, part in enumerate(parts):
        for fold in range(len(real)):
            seen = [real[k] for k in range(len(real)) if k != fold]
            made = [simulated[part[k]] for k in range(len(real)) if k != fold]
            unseen = simulated[part[fold]]
            forest = RandomForestClassifier(40, class_weight="balanced", min_samples_leaf=3, random_state=0)
            forest.fit(np.concatenate([*seen, *made]), np.repeat([0, 1], [sum(map(len, seen)), sum(map(len, made))]))
            score = forest.predict_proba(np.concatenate([real[fold], unseen]))[:, 1]
            areas[draw, fold] = roc_auc_score(np.repeat([0, 1], [len(real[fold]), len(unseen)]), score)
            importance += forest.feature_importances_ / areas.size
    return areas, importance


def _distances(kind: str, real: list[np.ndarray], simulated: list[np.ndarray]) -> list[dict[str, Any]]:
    """Simulated against real, beside the distance of the real scans from each other."""
    means = [f.mean(axis=0) for f in real]
    ours = np.mean([f.mean(axis=0) for f in simulated], axis=0)
    rows = []
    for name, part in (("shares of tissue (HU histogram)", HISTOGRAM), ("log edge spectrum", SPECTRUM)):
        between = np.mean([np.abs(a[part] - b[part]).mean() for i, a in enumerate(means) for b in means[:i]])
        distance = float(np.mean([np.abs(ours[part] - m[part]).mean() for m in means]))
        rows.append(
            {"name": f"{name}, {kind}", "value": distance, "unit": "mean difference from real scans", "n": len(real),
             "compared_with": "real scans among themselves", "ratio": float(distance / between)}
        )  # fmt: skip
    return rows


def tissue_distances(
    real: list[dict[str, TissueFeatures]], simulated: list[dict[str, TissueFeatures]]
) -> dict[str, dict[str, tuple[float, float]]]:
    """By tissue, of HU histogram and edge spectrum: simulated from real scans, and real scans from each other."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for tissue in TISSUES:
        ours = [s[tissue] for s in simulated if tissue in s]
        theirs = [r[tissue] for r in real if tissue in r]
        if ours and len(theirs) > 1:
            found[tissue] = {
                name: (
                    float(np.mean([distance(a, b) for a in ours for b in theirs])),
                    float(np.mean([distance(a, b) for a, b in itertools.combinations(theirs, 2)])),
                )
                for name, distance in (("HU histogram", hu_distance), ("edge spectrum", edge_distance))
            }
    return found


def _tissue_rows(
    kind: str, real: list[dict[str, TissueFeatures]], simulated: list[dict[str, TissueFeatures]]
) -> list[dict[str, Any]]:
    return [
        {"name": f"{name} of {tissue}, {kind}", "value": ours,
         "unit": "HU" if name.startswith("HU") else "mean difference of log power", "n": len(real),
         "compared_with": "real scans among themselves", "ratio": ours / between}
        for tissue, both in tissue_distances(real, simulated).items()
        for name, (ours, between) in both.items()
    ]  # fmt: skip


def write_sheet(scans: list[Scan], path: Path, rng: np.random.Generator, columns: int = 6) -> list[int]:
    """Two slices of each scan in random order, 200 mm wide at 1 mm; returns whose they are, from the top left on."""
    from PIL import Image

    tiles = []
    for number, (hu, spacing) in enumerate(scans):
        for share in (0.3, 0.45):
            plane = ndimage.zoom(hu[int(share * len(hu))].astype(np.float32), spacing[1:], order=1, mode="nearest")
            grey = np.clip((plane + 160) / 400, 0, 1) * 255
            centred = np.zeros((260, 230), np.uint8)
            rows, width = min(260, grey.shape[0]), min(230, grey.shape[1])
            top, left = (grey.shape[0] - rows) // 2, (grey.shape[1] - width) // 2
            centred[:rows, :width] = grey[top : top + rows, left : left + width]
            tiles.append((number, centred))
    order = rng.permutation(len(tiles))
    rows_of = [np.hstack([tiles[i][1] for i in order[k : k + columns]]) for k in range(0, len(order), columns)]
    widest = max(r.shape[1] for r in rows_of)
    Image.fromarray(np.vstack([np.pad(r, ((0, 0), (0, widest - r.shape[1]))) for r in rows_of])).save(path)
    return [tiles[i][0] for i in order]


def _means(found: dict[str, TissueFeatures]) -> str:
    return ", ".join(
        f"{tissue} {f.hu.mean():.0f}±{f.hu.std():.0f} HU, edge {' '.join(f'{e:.1f}' for e in f.spectrum)}"
        for tissue, f in found.items()
    )


def main() -> int:
    shared = shared_dir()
    if shared is None:
        sys.stderr.write("The shared data are not here.\n")
        return 1
    rng = np.random.default_rng(1)
    real = real_scans(shared / "data")
    simulated = simulated_scans(shared / "data")
    features = [features_of(s, np.random.default_rng(1)) for s in real.values()]
    tissues = [tissue_features(*s, np.random.default_rng(2)) for s in real.values()]
    for name, found in zip(real, tissues, strict=True):
        sys.stdout.write(f"{name}: {_means(found)}\n")
    for kind, scans in simulated.items():
        simulated_tissues = [tissue_features(*s, np.random.default_rng(3)) for s in scans]
        for found in simulated_tissues:
            sys.stdout.write(f"{kind}: {_means(found)}\n")
        for tissue, both in tissue_distances(tissues, simulated_tissues).items():
            shown = "; ".join(f"{name} {ours:.3g} (real {between:.3g})" for name, (ours, between) in both.items())
            sys.stdout.write(f"  {tissue}: {shown}\n")
        ours = [features_of(s, np.random.default_rng(4)) for s in scans]
        areas, importance = told_apart(features, ours)
        each = ", ".join(f"{name} left out {area:.2f}" for name, area in zip(real, areas.mean(axis=0), strict=True))
        of_draws = areas.mean(axis=1)
        sys.stdout.write(
            f"{kind}: AUC {areas.mean():.3f}, draws {of_draws.min():.2f} to {of_draws.max():.2f} ({each})\n"
        )
        for i in np.argsort(-importance)[:10]:
            values = " ".join(f"{f[:, i].mean():.3g}" for f in features)
            own = " ".join(f"{f[:, i].mean():.3g}" for f in ours)
            sys.stdout.write(f"  {NAMES[i]}: importance {importance[i]:.3f}; real {values}; simulated {own}\n")
    if len(sys.argv) > 1:
        everyone = [*real.values(), *(s for scans in simulated.values() for s in scans)]
        names = [*real, *(kind for kind, scans in simulated.items() for _ in scans)]
        order = write_sheet(everyone, Path(sys.argv[1]), rng)
        sys.stdout.write(f"sheet: {', '.join(names[i] for i in order)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
