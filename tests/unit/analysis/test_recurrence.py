import math
from dataclasses import replace

import pytest

from sinusviewer.analysis import recurrence
from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.image import Identity
from sinusviewer.nomogram import CohortSummary, FitSummary, Nomogram, Predictor
from sinusviewer.report.wording import recurrence_sentences

EOS = tuple(float(v) for v in range(0, 1601, 200))


def nomogram(names: tuple[str, str, str, str] = ("asthma", "ar", "eos", "dlr")) -> Nomogram:
    asthma, rhinitis, eos, dlr = names
    return Nomogram(
        "recurrence",
        -4.0,
        (
            Predictor(asthma, "Asthma", "", (1.5,), (0.0, 1.0), (0.0, 1.0)),
            Predictor(rhinitis, "Allergic rhinitis", "", (0.8,), (0.0, 1.0), (0.0, 1.0)),
            Predictor(eos, "Eosinophils", "cells/µL", (0.003,), EOS, (41.0, 1511.0)),
            Predictor(dlr, "DLR score", "", (3.0,), tuple(v / 10 for v in range(11)), (0.0, 1.0)),
        ),
        (-4.0, 6.0),
        "Fitted on simulated patients only.",
        CohortSummary("simulated", 200, 85),
        FitSummary("ml", True),
    )


KNOWN = ClinicalData(asthma=True, allergic_rhinitis=False, eosinophils_per_ul=400)


@pytest.mark.parametrize(
    "names",
    [("asthma", "ar", "eos", "dlr"), ("asthma", "allergic_rhinitis", "eosinophils_per_ul", "dlr_score")],
)
def test_risk_is_the_logistic_model_whatever_the_table_called_its_columns(names: tuple[str, str, str, str]) -> None:
    read = recurrence.assess(0.4, KNOWN, nomogram(names), None)
    expected = 1 / (1 + math.exp(-(-4.0 + 1.5 + 0.003 * 400 + 3.0 * 0.4)))
    assert read.risk == pytest.approx(expected)
    assert read.risk_interval == pytest.approx((expected, expected))
    assert set(read.points) == {"asthma", "allergic_rhinitis", "eosinophils_per_ul", "dlr_score"}
    assert read.total_points == pytest.approx(sum(read.points.values()))
    assert "simulated" in read.nomogram_cohort


def test_a_missing_input_gives_an_interval_that_holds_every_value_it_may_have() -> None:
    read = recurrence.assess(0.4, ClinicalData(asthma=True, eosinophils_per_ul=400), nomogram(), None)
    assert read.risk is None
    assert read.total_points is None
    assert read.missing == ("allergic_rhinitis",)
    low, high = read.risk_interval
    for rhinitis in (False, True):
        known = ClinicalData(asthma=True, allergic_rhinitis=rhinitis, eosinophils_per_ul=400)
        risk = recurrence.assess(0.4, known, nomogram(), None).risk
        assert risk is not None
        assert low - 1e-9 <= risk <= high + 1e-9


def test_a_readers_own_score_rules_and_the_networks_is_kept() -> None:
    overruled = recurrence.assess(0.4, ClinicalData(overruled_dlr_score=0.9), nomogram(), None)
    assert overruled.dlr_score == 0.4
    assert overruled.overruled_dlr_score == 0.9
    assert overruled.points["dlr_score"] == pytest.approx(nomogram().points("dlr", 0.9))


def test_without_a_nomogram_there_is_a_score_and_no_risk() -> None:
    read = recurrence.assess(0.4, KNOWN, None, None)
    assert (read.dlr_score, read.risk, read.risk_interval) == (0.4, None, (0.0, 1.0))


def test_an_age_that_only_the_header_knows_is_used_and_named_so() -> None:
    made = nomogram()
    aged = replace(
        made, predictors=(*made.predictors, Predictor("age", "Age", "years", (0.02,), (20.0, 80.0), (20.0, 80.0)))
    )
    read = recurrence.assess(0.4, KNOWN, aged, None, Identity(age="044Y", sex="F"))
    assert read.risk is not None
    assert read.points["age"] == pytest.approx(aged.points("age", 44.0))
    assert read.from_header == ("age",)  # sex is no predictor of this one
    given = recurrence.assess(0.4, replace(KNOWN, age=60.0), aged, None, Identity(age="044Y"))
    assert given.points["age"] == pytest.approx(aged.points("age", 60.0))
    assert given.from_header == ()


def test_a_reading_carries_what_must_be_weighed_beside_its_risk() -> None:
    off = replace(nomogram(), test_cohort=CohortSummary("test", 65, 14, 0.8, (0.68, 0.93), 0.21, -1.57, 0.49))
    held = recurrence.assess(0.4, KNOWN, off, None, own=True)
    assert any("In the 65 test patients such risks came out lower" in said for said in held.doubts)
    assert any("which network" in said for said in held.doubts)
    said = " ".join(recurrence_sentences(held))
    assert all(doubt in said for doubt in held.doubts)
    overruled = recurrence.assess(0.4, replace(KNOWN, overruled_dlr_score=0.3), off, None, own=True)
    assert not any("which network" in said for said in overruled.doubts)


SCORER = ModelReference("recurrence", "1.1.0", "a" * 64, "Simulated patients.")


@pytest.mark.parametrize(
    ("fitted", "here", "own", "said"),
    [
        (SCORER, SCORER, True, ""),
        (SCORER, replace(SCORER, sha256=""), True, ""),
        (
            SCORER,
            replace(SCORER, version="1.2.0"),
            False,
            "scores of recurrence 1.1.0, and this CT's is of recurrence 1.2.0.",
        ),
        (SCORER, replace(SCORER, name="ours"), True, "this CT's is of ours 1.1.0."),
        (SCORER, replace(SCORER, sha256="b" * 64), True, "this CT's is of recurrence 1.1.0 with other weights."),
        (SCORER, None, True, "this CT's is of a network without a card."),
        (None, SCORER, True, "does not say which network"),
        (None, SCORER, False, ""),
    ],
)
def test_a_score_of_another_network_than_the_nomogram_was_fitted_on_is_doubted(
    fitted: ModelReference | None, here: ModelReference | None, own: bool, said: str
) -> None:
    one = replace(nomogram(), score_model=fitted)
    doubts = recurrence.assess(0.4, KNOWN, one, here, own=own).doubts
    assert [said in doubt for doubt in doubts] == ([True] if said else [])
    overruled = recurrence.assess(0.4, replace(KNOWN, overruled_dlr_score=0.3), one, here, own=own)
    assert overruled.doubts == ()
    without = replace(one, predictors=one.predictors[:3])
    assert recurrence.assess(0.4, KNOWN, without, here, own=own).doubts == ()
