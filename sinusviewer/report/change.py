"""What changed between two CTs of a patient, in sober sentences."""

from sinusviewer.domain.reading import SeriesReading
from sinusviewer.report.wording import SINUS_WORDS, date_words

NOTICED_CHANGE = 10
"""Percentage points of opacified share; less may be the measurement's own error."""


def change_sentences(now: SeriesReading, prior: SeriesReading, prior_date: str) -> tuple[str, ...]:
    """What changed against an earlier CT of the same patient: the score, then every sinus that changed by much."""
    new, old = (r.lund_mackay.total if r.lund_mackay is not None else None for r in (now, prior))
    scores = "Lund-Mackay totals cannot be compared"
    if new is not None and old is not None:
        scores = f"Lund-Mackay {_was_now(str(old), str(new), new - old)}"
    said = [f"Compared with the CT of {date_words(prior_date)}: {scores}."]
    before = {(s.sinus, s.side): s.opacified_fraction for s in prior.sinuses}
    changed, missing = [], []
    for sinus in now.sinuses:
        name = f"{sinus.side.value} {SINUS_WORDS[sinus.sinus]}"
        then = before.get((sinus.sinus, sinus.side))
        if sinus.opacified_fraction is None or then is None:
            missing.append(name)
            continue
        points = round(100 * (sinus.opacified_fraction - then))
        if abs(points) >= NOTICED_CHANGE:
            old_share, new_share = (f"{100 * share:.0f} %" for share in (then, sinus.opacified_fraction))
            changed.append(f"{name} {_was_now(old_share, new_share, points)}")
    by = f"by {NOTICED_CHANGE} percentage points or more"
    if changed:
        said.append(f"Opacified share changed {by}: {'; '.join(changed)}.")
    elif len(missing) < len(now.sinuses):
        said.append(f"No opacified share {'that was measured twice ' if missing else ''}changed {by}.")
    if levels := _levels(now, prior):
        said.append(levels)
    if missing:
        said.append(f"Not compared, because not measured on both CTs: {', '.join(missing)}.")
    models = [r.segmentation_model for r in (now, prior)]
    if None not in models and models[0] != models[1]:
        names = " and ".join(f"{m.name} {m.version}" for m in models if m is not None)
        said.append(f"The two CTs were read by different models ({names}): part of a change may be theirs.")
    return tuple(said)


def _levels(now: SeriesReading, prior: SeriesReading) -> str:
    """Air-fluid levels that have come, gone or stayed; nothing of a sinus that was not looked at on both CTs."""
    before = {(s.sinus, s.side): s.air_fluid_level for s in prior.sinuses}
    words = {(True, False): "new", (True, True): "as before", (False, True): "no longer"}
    parts = [
        f"{sinus.side.value} {SINUS_WORDS[sinus.sinus]} {words[sinus.air_fluid_level, then]}"
        for sinus in now.sinuses
        for then in (before.get((sinus.sinus, sinus.side)),)
        if sinus.air_fluid_level is not None and then is not None and (sinus.air_fluid_level or then)
    ]
    return f"Air-fluid level (proposed): {', '.join(parts)}." if parts else ""


def _was_now(old: str, new: str, change: int) -> str:
    """Old before new, and both called so: "12, then 15" could be read either way."""
    if not change:
        return f"{new} as before"
    return f"was {old}, now {new} ({change:+d})".replace("-", "−")
