"""Boxes on their way out: as training data for the trainer."""

from pathlib import Path
from typing import Any

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.marking import lowest_threshold
from sinusviewer.domain.reading import WatersReading
from sinusviewer.errors import SinusViewerError
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.report.training_films import BURNED_IN_CAUTION, film_labels, film_names, write_film_case
from sinusviewer.session import ImageMarks, Session


def why_no_training_film(session: Session, view: str) -> SinusViewerError | None:
    """What is missing before the film of a view can teach anything; None where nothing is."""
    reading = session.reading(view)
    if session.film(view) is None or reading is None or reading.waters is None:
        return SinusViewerError(
            "This film is not read yet: the facial patch is not known.", "Read it first (Ctrl+R), then judge its boxes."
        )
    film = session.film(view)
    if film is not None and film.upright_turns:
        return SinusViewerError(
            "This film was turned upright by hand, against its file.", "Store it the right way up, then judge it again."
        )
    try:
        _labels(session, view, reading.waters)
    except SinusViewerError as error:
        return error
    return None


def export_training_film(session: Session, desk: JobDesk, view: str, folder: Path) -> Job | None:
    """Write the film of a view without identity and its boxes, as a reader left them, as one case of a data folder."""
    film, reading = session.film(view), session.reading(view)
    if film is None or reading is None or reading.waters is None:
        return None
    labels = _labels(session, view, reading.waters)

    def work(_progress: Progress, _token: CancelToken) -> Path:
        from sinusviewer.exchange.bare_film import bare_film

        case_id, patient_id = film_names(film)
        return write_film_case(folder, film, reading, labels, bare_film(film, patient_id, case_id))

    def written(path: Path) -> None:
        session.say(f"Saved as training data: {path}", "warning", BURNED_IN_CAUTION)

    return desk.submit("io", "Writing training data", work, Continuation(written))


def _labels(session: Session, view: str, waters: WatersReading) -> dict[str, Any]:
    marks = session.marks.get(session.image_key(view), ImageMarks())
    return film_labels(waters, marks.detections, lowest_threshold(session, view), confirmed=marks.film_confirmed)
