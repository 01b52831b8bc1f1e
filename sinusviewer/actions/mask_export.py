"""Masks on their way out: as training data for the trainer."""

from pathlib import Path

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.mask_confirming import masks_confirmed
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import MASKS_ALONE
from sinusviewer.errors import SinusViewerError
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.report.training_data import MasksState, masks_state, why_no_case
from sinusviewer.session import Session


def why_no_training_case(session: Session, view: str) -> SinusViewerError | None:
    """What is missing before the CT of a view can teach anything; None where nothing is."""
    reading, volume = session.reading(view), session.volume(view)
    if volume is not None and any(w.code == MASKS_ALONE for w in volume.warnings):
        return SinusViewerError("These are masks alone: there is no image to learn from.", "Open their CT.")
    return why_no_case(reading, confirmed=_confirmed(session, view, reading))


def export_training_case(session: Session, desk: JobDesk, view: str, folder: Path) -> Job | None:
    """Write the CT of a view without identity and its masks as one case of a data folder."""
    volume, reading = session.volume(view), session.reading(view)
    if volume is None or reading is None:
        return None
    confirmed = _confirmed(session, view, reading)
    parts_only = masks_state(reading, confirmed=confirmed) is MasksState.EDITED

    def work(_progress: Progress, _token: CancelToken) -> Path:
        from sinusviewer.report.training_data import write_ct_case

        return write_ct_case(folder, volume, reading, confirmed=confirmed)

    def written(path: Path) -> None:
        said = "Marked as edited; confirm the masks (Shift+Enter) to vouch for all of them. " if parts_only else ""
        session.say(
            f"Saved as training data: {path}", "warning", f"{said}A head CT can be rendered to a face: keep it safe."
        )

    return desk.submit("io", "Writing training data", work, Continuation(written))


def _confirmed(session: Session, view: str, reading: SeriesReading | None) -> bool:
    return masks_confirmed(session.marks.get(session.image_key(view)), reading)
