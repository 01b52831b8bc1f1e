"""Studies that share a series UID: pixels, boxes and results are named by it, so two of them are never open together."""

from collections.abc import Iterable

from sinusviewer.domain.study import Study
from sinusviewer.session import Session


def apart(session: Session, studies: Iterable[Study]) -> tuple[Study, ...]:
    """Those that share no series UID with one another or with a study that is open; the others are said and left out."""
    owners = {series.key: uid for uid, study in session.studies.items() for series in study.series}
    kept: list[Study] = []
    left_out = 0
    for study in studies:
        uid = study.study_instance_uid
        if any(owners.get(series.key, uid) != uid for series in study.series):
            left_out += 1
            continue
        owners.update(dict.fromkeys((series.key for series in study.series), uid))
        kept.append(study)
    if left_out:
        what = "1 study" if left_out == 1 else f"{left_out} studies"
        session.say(
            f"Not opened: {what} with a series UID that another study has too.", "error",
            "Close the other and open it alone, or have the sender give each series a UID of its own.",
        )  # fmt: skip
    return tuple(kept)
