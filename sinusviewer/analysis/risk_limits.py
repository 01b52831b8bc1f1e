"""What must be weighed beside a nomogram's risk: how its risks held in other patients, and whose scores it was fitted on."""

import math

from sinusviewer.domain.finding import ModelReference
from sinusviewer.domain.scoring import risk_percent
from sinusviewer.nomogram import Nomogram

SAME_NETWORK = "Only scores of the same network fit its axis."
UNKNOWN_NETWORK = f"This nomogram does not say which network its radiomic scores came from. {SAME_NETWORK}"
"""Said of a site's own nomogram: the score of another network may mean another risk."""

_NOTICED = 0.05
"""Risks that differ by less, after all that is uncertain about them, are not worth a sentence."""


def network_sentence(nomogram: Nomogram, model: ModelReference | None, *, own: bool) -> str:
    """Why a CT's score may not be what the nomogram's axis means; empty where the same network made the scores it was fitted on.

    ``model`` made the CT's score; ``own`` is a site's own nomogram, of which nobody knows more than it says.
    """
    fitted = nomogram.score_model
    if fitted is None:
        return UNKNOWN_NETWORK if own else ""
    here = "a network without a card" if model is None else f"{model.name} {model.version}"
    there = f"{fitted.name} {fitted.version}"
    if here == there and model is not None:
        if not fitted.sha256 or not model.sha256 or fitted.sha256 == model.sha256:
            return ""
        here += " with other weights"
    return f"This nomogram was fitted on radiomic scores of {there}, and this CT's is of {here}. {SAME_NETWORK}"


def calibration_sentence(nomogram: Nomogram, risks: tuple[float, ...]) -> str:
    """What predicted risks came to in the test patients, on their calibration line; empty where they held, or nobody knows.

    ``risks`` are one risk, or the ends of an interval.
    """
    test = nomogram.test_cohort
    if test is None or test.calibration_intercept is None or test.calibration_slope is None:
        return ""
    there = tuple(_on_line(risk, test.calibration_intercept, test.calibration_slope) for risk in risks)
    shifts = [new - old for new, old in zip(there, risks, strict=True)]
    if max(abs(shift) for shift in shifts) < _NOTICED:
        return ""
    lower, higher = min(shifts) <= -_NOTICED, max(shifts) >= _NOTICED
    way = "less extreme" if lower and higher else "lower" if lower else "higher"
    return (
        f"In the {test.n} test patients such risks came out {way}: on their calibration line {_percents(risks)} "
        f"predicted corresponds to {_percents(there)}."
    )


def _on_line(risk: float, intercept: float, slope: float) -> float:
    inside = min(max(risk, 1e-9), 1.0 - 1e-9)
    return 1.0 / (1.0 + math.exp(-(intercept + slope * math.log(inside / (1.0 - inside)))))


def _percents(risks: tuple[float, ...]) -> str:
    ends = tuple(dict.fromkeys(risk_percent(risk) for risk in sorted(risks)))
    return ends[0] if len(ends) == 1 else f"{ends[0].removesuffix(' %')} to {ends[-1]}"
