"""Recurrence after surgery: how it depends on what the CT shows and on the clinical factors.

What the CT shows is one number, the image score: ethmoid against maxillary disease (Meng 2019), extent, and endotype. Its
weight is set so that this score, read without error, reaches an AUC of about 0.80; with the clinical factors of He 2023
(asthma, allergic rhinitis, eosinophils, as different between the outcomes as in Table 1) about 0.88.

Given the outcome, image and clinical factors are independent, as in the cohorts' margins. So the odds multiply:
``odds(recurrence) = prior odds x ratio(image score) x ratio(clinical factors)``.
"""

from dataclasses import dataclass

import numpy as np

from sinustrainer.simulate.disease.patterns import (
    CrsParameters,
    Endotype,
    diseases_of,
    draw_parameters,
    log_likelihood_ratio,
)
from sinustrainer.simulate.head import SinusDisease
from sinusviewer.domain.clinical import ClinicalData

ECRS_SHARE = 343 / 878
"""Hua 2022."""
_SLOPE = 1.36
_OFFSET = -0.39
"""Of the log odds on the image score: AUC 0.80 and, by the offset, He 2023's 85 recurrences in 200 (test: Monte Carlo)."""
_SCORE_MEAN, _SCORE_SD = -0.25, 1.45
"""Of the unscaled score over patients with Hua 2022's share of ECRS."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A clinical factor's distribution in patients with and without recurrence (He 2023, Table 1, training cohort)."""

    recurrence: tuple[float, float]
    """Share and 0, or mean and SD of the logarithm."""
    no_recurrence: tuple[float, float]


def _log_normal(mean: float, deviation: float) -> tuple[float, float]:
    variance = float(np.log(1 + (deviation / mean) ** 2))
    return float(np.log(mean)) - variance / 2, variance**0.5


ASTHMA = Factor((32 / 85, 0), (6 / 115, 0))
ALLERGIC_RHINITIS = Factor((29 / 85, 0), (14 / 115, 0))
LOG_EOSINOPHILS = Factor(_log_normal(390.9, 277.73), _log_normal(257.02, 192.12))


def image_score(parameters: CrsParameters) -> float:
    """What a perfect reader of the CT knows about recurrence; mean 0 and SD 1 over patients with CRS."""
    ratio = parameters.ethmoid - parameters.maxillary
    extent = (parameters.ethmoid + parameters.maxillary + parameters.cleft) / 3
    raw = 0.4 * ratio + 0.6 * extent + 0.25 * log_likelihood_ratio(parameters)
    return (raw - _SCORE_MEAN) / _SCORE_SD


def recurrence_probability(score: float, clinical: ClinicalData | None = None) -> float:
    """Probability of recurrence from the image score and the clinical factors; a missing factor tells nothing."""
    log_odds = _OFFSET + _SLOPE * score + (clinical_log_odds(clinical) if clinical is not None else 0.0)
    return float(1 / (1 + np.exp(-log_odds)))


def clinical_log_odds(clinical: ClinicalData) -> float:
    """Log of the likelihood ratio of recurrence that asthma, allergic rhinitis and eosinophils carry."""
    total = 0.0
    for present, factor in ((clinical.asthma, ASTHMA), (clinical.allergic_rhinitis, ALLERGIC_RHINITIS)):
        if present is None:
            continue
        with_it, without = factor.recurrence[0], factor.no_recurrence[0]
        total += float(np.log(with_it / without) if present else np.log((1 - with_it) / (1 - without)))
    if clinical.eosinophils_per_ul is not None:
        value = float(np.log(max(clinical.eosinophils_per_ul, 1.0)))
        for (mean, deviation), sign in ((LOG_EOSINOPHILS.recurrence, 1.0), (LOG_EOSINOPHILS.no_recurrence, -1.0)):
            total += sign * float(-(((value - mean) / deviation) ** 2) / 2 - np.log(deviation))
    return total


def draw_crs_of_outcome(
    rng: np.random.Generator, *, recurrence: bool
) -> tuple[tuple[SinusDisease, ...], CrsParameters, Endotype]:
    """A patient's disease given the outcome: drawn from all patients, kept with the outcome's probability."""
    while True:
        endotype = Endotype.ECRS if rng.random() < ECRS_SHARE else Endotype.NECRS
        parameters = draw_parameters(rng, endotype)
        if (rng.random() < recurrence_probability(image_score(parameters))) == recurrence:
            return diseases_of(parameters, rng), parameters, endotype
