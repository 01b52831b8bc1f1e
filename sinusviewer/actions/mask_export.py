"""Masks on their way out: as training data for the trainer."""

from pathlib import Path

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.domain.image import Volume
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.report.training_data import made_by_reader
from sinusviewer.session import Session


def export_training_case(session: Session, desk: JobDesk, volume: Volume, reading: SeriesReading, folder: Path) -> Job:
    """Write a CT without identity and its masks as one case of a data folder."""
    edited = made_by_reader(reading)

    def work(_progress: Progress, _token: CancelToken) -> Path:
        from sinusviewer.report.training_data import write_ct_case

        return write_ct_case(folder, volume, reading)

    def written(path: Path) -> None:
        said = "" if edited else "No reader changed these masks, and they are marked so. "
        session.say(
            f"Saved as training data: {path}", "warning", f"{said}A head CT can be rendered to a face: keep it safe."
        )

    return desk.submit("io", "Writing training data", work, Continuation(written))
