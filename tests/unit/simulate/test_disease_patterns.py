import numpy as np
import pytest

from sinustrainer.simulate.disease.patterns import (
    Endotype,
    draw_antral_disease,
    draw_bystanders,
    draw_crs,
    draw_parameters,
    log_likelihood_ratio,
    severity_of,
    share_of_lining,
)
from sinustrainer.simulate.disease.recurrence import (
    ALLERGIC_RHINITIS,
    ASTHMA,
    ECRS_SHARE,
    LOG_EOSINOPHILS,
    Factor,
    clinical_log_odds,
    draw_crs_of_outcome,
    image_score,
    recurrence_probability,
)
from sinustrainer.simulate.head import DiseaseForm
from sinusviewer.domain.anatomy import Side, Sinus, Structure
from sinusviewer.domain.clinical import ClinicalData


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    ranks = np.empty(score.size)
    ranks[np.argsort(score, kind="stable")] = np.arange(1, score.size + 1)
    n = np.count_nonzero(positive)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (score.size - n)))


def test_the_best_possible_endotype_classifier_reaches_about_093() -> None:
    rng = np.random.default_rng(0)
    ecrs = rng.random(8000) < ECRS_SHARE
    score = np.array([log_likelihood_ratio(draw_parameters(rng, Endotype.ECRS if e else Endotype.NECRS)) for e in ecrs])
    assert auc(ecrs, score) == pytest.approx(0.93, abs=0.01)


def test_ecrs_is_ethmoidal_and_dense_and_necrs_maxillary_and_one_sided() -> None:
    rng = np.random.default_rng(1)

    def means(endotype: Endotype) -> dict[str, float]:
        rows = []
        for _ in range(800):
            diseases, parameters = draw_crs(rng, endotype)
            antra = [severity_of(parameters, Sinus.MAXILLARY, side) for side in Side]
            ethmoids = [severity_of(parameters, Sinus.ANTERIOR_ETHMOID, side) for side in Side]
            rows.append(
                (
                    np.mean(ethmoids) - np.mean(antra),
                    np.mean([d.hyperdense for d in diseases] or [0.0]),
                    abs(antra[0] - antra[1]),
                    any(d.form is DiseaseForm.AIR_FLUID for d in diseases),
                    max((d.severity for d in diseases if d.structure is Structure.NASAL_CAVITY), default=0.0),
                )
            )
        names = ("ethmoid_over_maxillary", "dense", "unlike_sides", "fluid", "cleft")
        return dict(zip(names, np.mean(rows, axis=0), strict=True))

    ecrs, necrs = means(Endotype.ECRS), means(Endotype.NECRS)
    for more_in_ecrs in ("ethmoid_over_maxillary", "dense", "cleft"):
        assert ecrs[more_in_ecrs] > necrs[more_in_ecrs], more_in_ecrs
    for more_in_necrs in ("unlike_sides", "fluid"):
        assert necrs[more_in_necrs] > ecrs[more_in_necrs], more_in_necrs


def of_outcome(factor: Factor, recurrence: bool) -> tuple[float, float]:
    return factor.recurrence if recurrence else factor.no_recurrence


def draw_clinical(rng: np.random.Generator, recurrence: bool) -> ClinicalData:
    mean, deviation = of_outcome(LOG_EOSINOPHILS, recurrence)
    return ClinicalData(
        asthma=bool(rng.random() < of_outcome(ASTHMA, recurrence)[0]),
        allergic_rhinitis=bool(rng.random() < of_outcome(ALLERGIC_RHINITIS, recurrence)[0]),
        eosinophils_per_ul=float(np.exp(mean + deviation * rng.standard_normal())),
    )


def test_ceilings_of_recurrence_are_080_for_the_image_and_088_combined() -> None:
    rng = np.random.default_rng(2)
    n = 8000
    drawn = [draw_parameters(rng, Endotype.ECRS if rng.random() < ECRS_SHARE else Endotype.NECRS) for _ in range(n)]
    score = np.array([image_score(p) for p in drawn])
    assert score.mean() == pytest.approx(0, abs=0.06)
    assert score.std() == pytest.approx(1, abs=0.06)
    recurrence = np.array([rng.random() < recurrence_probability(float(s)) for s in score])
    assert recurrence.mean() == pytest.approx(85 / 200, abs=0.03)
    clinical = [draw_clinical(rng, bool(y)) for y in recurrence]
    combined = np.array([recurrence_probability(float(s), c) for s, c in zip(score, clinical, strict=True)])
    alone = np.array([clinical_log_odds(c) for c in clinical])
    assert auc(recurrence, score) == pytest.approx(0.80, abs=0.015)
    assert auc(recurrence, combined) == pytest.approx(0.88, abs=0.015)
    assert 0.74 < auc(recurrence, alone) < 0.83
    # The probabilities are calibrated: the rule that made the outcomes is the one that is written down.
    assert combined.mean() == pytest.approx(recurrence.mean(), abs=0.02)


def test_disease_drawn_for_an_outcome_has_that_outcomes_score() -> None:
    rng = np.random.default_rng(3)
    scores = {y: [image_score(draw_crs_of_outcome(rng, recurrence=y)[1]) for _ in range(600)] for y in (True, False)}
    outcome = np.repeat([True, False], 600)
    assert auc(outcome, np.array(scores[True] + scores[False])) == pytest.approx(0.80, abs=0.03)


def test_a_missing_clinical_factor_tells_nothing() -> None:
    assert recurrence_probability(0.3, ClinicalData()) == pytest.approx(recurrence_probability(0.3))
    assert recurrence_probability(0.3, ClinicalData(asthma=True)) > recurrence_probability(0.3)


@pytest.mark.parametrize("subclass", ["mucosal_thickening", "cyst", "air_fluid", "full_opacification"])
def test_antral_disease_has_its_subclass_and_side(subclass: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        disease = draw_antral_disease(rng, Side.LEFT, DiseaseForm(subclass), 12.0)
        assert disease.structure is Structure.LEFT_MAXILLARY
        assert disease.form.value in {subclass, "polypoid_thickening"}
        assert 0 < disease.severity <= 1
        assert 5 <= disease.hu <= 55
    assert draw_antral_disease(rng, Side.RIGHT, DiseaseForm.FULL_OPACIFICATION).severity == 1


def test_half_of_the_linings_are_thin_whatever_the_antrums_size() -> None:
    rng = np.random.default_rng(5)
    for volume in (5.0, 13.0, 22.0):
        five_millimetres = min(share_of_lining(5.0, volume), 0.9)
        drawn = [
            draw_antral_disease(rng, Side.LEFT, DiseaseForm.MUCOSAL_THICKENING, volume).severity for _ in range(400)
        ]
        assert np.mean(np.array(drawn) <= five_millimetres) > 0.42


def test_bystanders_are_never_antra_and_are_mild() -> None:
    rng = np.random.default_rng(6)
    for _ in range(100):
        for disease in draw_bystanders(rng, frozenset({Side.LEFT})):
            assert disease.structure not in (Structure.LEFT_MAXILLARY, Structure.RIGHT_MAXILLARY)
            assert disease.severity <= 0.5
