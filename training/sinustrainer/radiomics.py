"""A radiomics baseline: few first-order and shape features of our own, and logistic regression.

The definitions are written here and nowhere else; they are not PyRadiomics's, and their values should not be compared with
those. The region is nose and sinuses; "tissue" is what in it holds no air.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sinustrainer.data.ct_cases import CtCases
from sinusviewer.errors import InputError
from sinusviewer.jobs.runner import CancelToken, Progress

FloatArray = npt.NDArray[np.float64]

_AIR_HU = -400
_DENSE_HU = 45
_BIN_HU = 25
PERCENTILES = (10, 25, 50, 75, 90)
FIRST_ORDER = (
    "mean", "deviation", "skewness", "kurtosis", *(f"percentile_{p}" for p in PERCENTILES), "entropy", "energy",
)  # fmt: skip
SHAPE = ("volume_ml", "surface_to_volume", "sphericity", "elongation", "flatness")
DISTRIBUTION = ("filled", "dense", "asymmetry", "height", "depth", "spread")
NAMES = (
    *(f"region_{name}" for name in FIRST_ORDER),
    *(f"tissue_{name}" for name in FIRST_ORDER),
    *(f"region_{name}" for name in SHAPE),
    *(f"tissue_{name}" for name in SHAPE),
    *(f"tissue_{name}" for name in DISTRIBUTION),
)


def features(hu: npt.NDArray[np.int16], region: npt.NDArray[np.bool_], spacing_mm: float) -> FloatArray:
    """Features of one CT, in the order of ``NAMES``.

    Parameters
    ----------
    hu, region
        ``[z, y, x]`` on one grid of cubes, x to the patient's left.

    Raises
    ------
    InputError
        Where the region is empty.
    """
    if not region.any():
        raise InputError("The sinus region is empty; there is nothing to measure.")
    inner = ndimage.binary_erosion(region) if ndimage.binary_erosion(region).any() else region
    tissue = inner & (hu > _AIR_HU)
    parts = [first_order(hu[inner]), first_order(hu[tissue]), shape(region, spacing_mm), shape(tissue, spacing_mm)]
    return np.concatenate([*parts, _distribution(hu, inner, tissue)])


def first_order(values: npt.NDArray[np.int16]) -> FloatArray:
    """Moments (HU; skewness and excess kurtosis without bias correction), percentiles, entropy (bits, bins of 25 HU), energy."""
    if values.size == 0:
        return np.zeros(len(FIRST_ORDER))
    v = values.astype(np.float64)
    mean, deviation = float(v.mean()), float(v.std())
    z = (v - mean) / max(deviation, 1e-6)
    counts = np.bincount(((v - v.min()) // _BIN_HU).astype(np.intp))
    share = counts[counts > 0] / v.size
    entropy = float(-(share * np.log2(share)).sum())
    moments = (mean, deviation, float((z**3).mean()), float((z**4).mean() - 3))
    return np.array([*moments, *np.percentile(v, PERCENTILES), entropy, float(np.log10(1 + (v**2).mean()))])


def shape(mask: npt.NDArray[np.bool_], spacing_mm: float) -> FloatArray:
    """Volume, voxel-face surface over volume (1/mm), sphericity from them, and ratios of the axes of inertia."""
    count = int(mask.sum())
    if count < 2:
        return np.zeros(len(SHAPE))
    padded = np.pad(mask, 1)
    faces = sum(int(np.count_nonzero(np.diff(padded.astype(np.int8), axis=axis))) for axis in range(3))
    volume, surface = count * spacing_mm**3, faces * spacing_mm**2
    places = np.argwhere(mask) * spacing_mm
    lengths = np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(places.T)), 0, None))
    longest = max(float(lengths[2]), 1e-6)
    sphericity = float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface)
    return np.array([volume / 1000, surface / volume, sphericity, lengths[1] / longest, lengths[0] / longest])


def _distribution(hu: npt.NDArray[np.int16], inner: npt.NDArray[np.bool_], tissue: npt.NDArray[np.bool_]) -> FloatArray:
    """Share filled and dense; how unlike the halves are filled; where the tissue lies in the region's own box (0-1)."""
    filled = float(tissue.sum() / inner.sum())
    dense = float((tissue & (hu > _DENSE_HU)).sum() / max(1, int(tissue.sum())))
    where = np.argwhere(inner)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    middle = int((low[2] + high[2]) // 2)
    halves = [
        tissue[..., part].sum() / max(1, int(inner[..., part].sum())) for part in (np.s_[:middle], np.s_[middle:])
    ]
    if not tissue.any():
        return np.array([filled, dense, 0.0, 0.5, 0.5, 0.0])
    place = (np.argwhere(tissue) - low) / (high - low)
    return np.array([filled, dense, abs(halves[0] - halves[1]), place[:, 0].mean(), place[:, 1].mean(), place.std()])


def cohort_features(cases: CtCases, spacing_mm: float, progress: Progress, token: CancelToken) -> FloatArray:
    """``[case, feature]`` of prepared boxes, by the masks people drew."""
    rows: list[FloatArray] = []
    for index in range(len(cases)):
        token.raise_if_cancelled()
        progress("Measuring radiomic features", index / len(cases))
        prepared = cases.box(index)
        rows.append(features(np.asarray(prepared.hu), np.asarray(prepared.labels) > 0, spacing_mm))
    return np.array(rows).reshape(len(rows), len(NAMES))


def fit_and_predict(train: FloatArray, y: Sequence[int], others: FloatArray) -> FloatArray:
    """Probability of recurrence of ``others`` by a ridge logistic regression whose strength inner cross-validation sets."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fewest = int(min(np.bincount(np.asarray(y), minlength=2)))
    if fewest < 2:
        raise InputError("The radiomics baseline needs two patients of each outcome at least.")
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        {"logisticregression__C": np.logspace(-4, 1, 6)},
        cv=StratifiedKFold(min(5, fewest), shuffle=True, random_state=0),
        scoring="neg_log_loss",
    )
    search.fit(train, y)
    return np.asarray(search.predict_proba(others)[:, 1], dtype=np.float64)
