"""What a decision curve says of a nomogram: at which thresholds acting on it does good, and whether at its own cut-off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_RUNS = 3
"""Ranges named one by one; a curve of few patients crosses the others many times."""


@dataclass(frozen=True, slots=True)
class DecisionHint:
    """The sentence, and whether acting at the nomogram's own cut-off does harm."""

    text: str
    harmful: bool = False


_Row = tuple[float, float, float]


def decision_hint(evaluation: Mapping[str, Any] | None, cutoff: float | None) -> DecisionHint:
    """Read a decision curve, that of the test patients if there is one; an empty text without one.

    Only thresholds at which the net benefit is above that of treating all and of treating none count as good: ranges are named as
    they are, never from the lowest to the highest.
    """
    curves = evaluation.get("decision_curve") if evaluation is not None else None
    for split in ("test", "train"):
        rows = _rows(curves.get(split) if isinstance(curves, Mapping) else None)
        if rows:
            return _hint(split, rows, cutoff)
    return DecisionHint("")


def _rows(curve: Any) -> list[_Row]:
    """Threshold, the nomogram's net benefit, the better of treating all and none; nothing where the file is not as it should be."""
    if not isinstance(curve, Mapping):
        return []
    columns = [curve.get(name) for name in ("thresholds", "nomogram", "treat_all", "treat_none")]
    if not all(isinstance(column, list) for column in columns):
        return []
    rows = zip(*columns, strict=False)
    return [(t, m, max(a, n)) for t, m, a, n in rows if all(isinstance(v, int | float) for v in (t, m, a, n))]


def _hint(split: str, rows: list[_Row], cutoff: float | None) -> DecisionHint:
    good = "acting on this nomogram does more good than treating all or none"
    runs = _runs(rows)
    if runs:
        named = sorted(sorted(runs, key=lambda run: run[0] - run[1])[:_MOST_RUNS])
        words = [f"{a:.2f}" if a == b else f"{a:.2f} to {b:.2f}" for a, b in named]
        listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
        more = " and at some others" if len(runs) > len(named) else ""
        text = f"Decision curve ({split}): at thresholds {listed}{more} {good}."
    else:
        text = f"Decision curve ({split}): at no threshold {good}."
    if cutoff is None:
        return DecisionHint(text)
    _, model, other = min(rows, key=lambda row: abs(row[0] - cutoff))
    harmful = model <= other
    verdict = "it does not" if harmful else "it does"
    figures = f"net benefit {model:.2f} against {other + 0.0:.2f}".replace("-", "−")
    return DecisionHint(f"{text} At the cut-off {cutoff:.3g} {verdict}: {figures}.", harmful)


def _runs(rows: list[_Row]) -> list[tuple[float, float]]:
    """First and last threshold of every unbroken stretch in which the nomogram is the best."""
    runs: list[tuple[float, float]] = []
    good = [model > other for _, model, other in rows]
    for (row, better), before in zip(zip(rows, good, strict=True), [False, *good], strict=False):
        if better:
            runs = [*runs[:-1], (runs[-1][0], row[0])] if before else [*runs, (row[0], row[0])]
    return runs
