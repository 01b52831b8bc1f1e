"""Scores: how a network's is written, and Lund-Mackay totals after a reader has scored an ostiomeatal complex."""

from dataclasses import replace

from sinusviewer.domain.anatomy import Side
from sinusviewer.domain.reading import LundMackay, SeriesReading

SINUSES_A_SIDE = 5


def score_text(value: float) -> str:
    """A score or probability 0-1 in two digits that never claim certainty: ">0.99" and "<0.01"; 0 itself is no score at all."""
    if value >= 0.995:
        return ">0.99"
    return "<0.01" if 0 < value < 0.005 else f"{value:.2f}"


def risk_percent(risk: float) -> str:
    """A risk in percent; never 0 or 100, which no model can know."""
    if risk < 0.01:
        return "<1 %"
    return ">99 %" if risk > 0.99 else f"{risk * 100:.0f} %"


def with_ostiomeatal(reading: SeriesReading, side: Side, score: int) -> SeriesReading:
    """The reading with a reader's score (0 or 2) of one complex; the side's total follows where it can be known."""
    totals = reading.lund_mackay
    if totals is None:
        return reading
    right = side is Side.RIGHT
    old = totals.ostiomeatal_right if right else totals.ostiomeatal_left
    total = totals.right if right else totals.left
    if total is None:  # a side without a total has none because only its complex was unknown, or a sinus is
        scores = [s.lund_mackay for s in reading.sinuses if s.side is side]
        known = [s for s in scores if s is not None]
        new = sum(known) + score if len(known) == len(scores) == SINUSES_A_SIDE else None
    else:
        new = total - (old or 0) + score
    changed = (
        replace(totals, right=new, ostiomeatal_right=score)
        if right
        else replace(totals, left=new, ostiomeatal_left=score)
    )
    scored = tuple(s for s in Side if s is side or s in totals.complexes_by_reader)
    return replace(reading, lund_mackay=replace(changed, ostiomeatal_by_reader=True, complexes_by_reader=scored))


def scored_complexes(totals: LundMackay) -> tuple[Side, ...]:
    """The sides whose ostiomeatal complex a reader scored; those of the other sides are proposals."""
    if totals.complexes_by_reader or not totals.ostiomeatal_by_reader:
        return totals.complexes_by_reader
    return tuple(Side)  # kept before it was noted which
