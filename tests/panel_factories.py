"""Readings and nomograms for tests of the panels: small, complete, changeable by keyword."""

from dataclasses import replace
from typing import Any

from sinusviewer.domain.anatomy import ImageSide, Side, Sinus
from sinusviewer.domain.finding import Author, Detection, FindingStatus, ModelReference
from sinusviewer.domain.reading import (
    EndotypeReading,
    LundMackay,
    Provenance,
    SeriesReading,
    SeriesStatus,
    SideScore,
    SinusMeasurement,
    SliceProbability,
    WatersLabel,
    WatersReading,
)
from sinusviewer.nomogram import CohortSummary, FitSummary, Nomogram, Predictor

SIMULATED = "Trained on simulated patients only (no clinical images)."
MODEL = ModelReference("waters_sinusitis", "0.3.0", "ab12cd34ef567890", SIMULATED)
PROVENANCE = Provenance("2026-11-21T22:00:03", "0.1.0", "CPU (no CUDA)", {"patch": 0.1, "sinusitis": 0.2})


def waters_series(right: float = 0.82, left: float = 0.22, *, verified: bool = True, **changes: Any) -> SeriesReading:
    """A Waters' view with a score per side at threshold 0.43."""
    first, second = (Side.RIGHT, Side.LEFT) if verified else (ImageSide.IMAGE_LEFT, ImageSide.IMAGE_RIGHT)
    sides = (
        SideScore(first, right, right >= 0.43, "air_fluid" if right >= 0.43 else "", 1 - right),
        SideScore(second, left, left >= 0.43, "cyst" if left >= 0.43 else "", 1 - left),
    )
    waters = WatersReading(
        WatersLabel.RIGHT, sides, (0, 0, 100, 100), (), 0.43, MODEL, calibrated_on="300 held-out simulated films"
    )
    return replace(SeriesReading("1.2.3", "DX", SeriesStatus.READ, waters=waters, provenance=PROVENANCE), **changes)


def refused(reason: str, modality: str = "DX") -> SeriesReading:
    return SeriesReading("1.2.3", modality, SeriesStatus.REFUSED, reason)


def boxes() -> tuple[Detection, ...]:
    """An AI's box on each side, one of them rejected, and a reader's."""
    return (
        Detection((10, 20, 110, 140), 0.82, Side.RIGHT, identifier="ai-1"),
        Detection((210, 20, 310, 140), 0.5, Side.LEFT, identifier="ai-2", status=FindingStatus.REJECTED),
        Detection(
            (210, 20, 310, 140), 1.0, Side.LEFT, author=Author.READER, identifier="own", status=FindingStatus.ACCEPTED
        ),
    )


def ct_series(fraction: float = 0.5, *, incomplete: bool = False, **changes: Any) -> SeriesReading:
    """A CT with every sinus opacified by the same fraction; ``incomplete`` cuts the left maxillary off."""
    sinuses = [
        SinusMeasurement(sinus, side, 10.0, fraction, -500 + 540 * fraction, 1, True)
        for sinus in Sinus
        for side in (Side.RIGHT, Side.LEFT)
    ]
    if incomplete:
        sinuses[1] = SinusMeasurement(
            Sinus.MAXILLARY, Side.LEFT, None, None, None, None, False, "cut off at the lower edge of the scan"
        )
    lund = LundMackay(5, None if incomplete else 7, 0, 2)
    endotype = EndotypeReading(
        0.61,
        tuple(SliceProbability(f"1.{i}", i / 10, i + 5) for i in range(10)),
        (MODEL,),
        0.5,
        0.7,
        0.05,
        0.8,
        "simulated",
    )
    return replace(
        SeriesReading(
            "1.2.4", "CT", SeriesStatus.READ, sinuses=tuple(sinuses), lund_mackay=lund, endotype=endotype,
            segmentation_model=MODEL, provenance=PROVENANCE,
        ),
        **changes,
    )  # fmt: skip


def nomogram(**changes: Any) -> Nomogram:
    """Asthma, allergic rhinitis, eosinophils and the DLR score, with coefficients of the kind that He 2023 implies."""
    fields: dict[str, Any] = {
        "outcome": "recurrence",
        "intercept": -4.6,
        "predictors": (
            Predictor("asthma", "Asthma", "", (2.64,), (0.0, 1.0), (0.0, 1.0)),
            Predictor("ar", "Allergic rhinitis", "", (1.03,), (0.0, 1.0), (0.0, 1.0)),
            Predictor(
                "eos",
                "Eosinophils",
                "cells/µL",
                (0.0055,),
                tuple(float(v) for v in range(0, 1601, 200)),
                (41.0, 1511.0),
            ),
            Predictor("dlr", "DLR score", "", (4.2,), tuple(v / 10 for v in range(10)), (0.08, 0.85)),
        ),
        "linear_predictor_range": (-4.2, 6.9),
        "trained_on": "Fitted on simulated patients only.",
        "cohort": CohortSummary("simulated training cohort", 200, 85, 0.87, (0.82, 0.92), 0.147, 0.0, 1.0),
        "fit": FitSummary("ml", True),
        "test_cohort": CohortSummary("simulated test cohort", 65, 31, 0.842, (0.74, 0.94), 0.16, -0.1, 0.9),
        "cutoff": 0.435,
    }
    return Nomogram(**(fields | changes))


PATIENT: dict[str, float | None] = {"asthma": 1.0, "ar": 0.0, "eos": 350.0, "dlr": 0.52}
