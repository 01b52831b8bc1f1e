"""Boxes on their way out: as training data for the trainer."""

from pathlib import Path

from sinusviewer.actions.desk import Continuation, JobDesk
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
    marks = session.marks.get(session.image_key(view), ImageMarks())
    try:
        film_labels(reading.waters, marks.detections, _lowest_threshold(session, view))
    except SinusViewerError as error:
        return error
    return None


def export_training_film(session: Session, desk: JobDesk, view: str, folder: Path) -> Job | None:
    """Write the film of a view without identity and its boxes, as a reader left them, as one case of a data folder."""
    film, reading = session.film(view), session.reading(view)
    if film is None or reading is None or reading.waters is None:
        return None
    marks = session.marks.get(session.image_key(view), ImageMarks())
    labels = film_labels(reading.waters, marks.detections, _lowest_threshold(session, view))

    def work(_progress: Progress, _token: CancelToken) -> Path:
        from sinusviewer.exchange.bare_film import bare_film

        case_id, patient_id = film_names(film)
        return write_film_case(folder, film, reading, labels, bare_film(film, patient_id, case_id))

    def written(path: Path) -> None:
        session.say(f"Saved as training data: {path}", "warning", BURNED_IN_CAUTION)

    return desk.submit("io", "Writing training data", work, Continuation(written))


def _lowest_threshold(session: Session, view: str) -> float:
    """A box must be judged if the result shows it, or if it was shown for looking."""
    reading = session.reading(view)
    own = reading.waters.threshold if reading is not None and reading.waters is not None else 0.0
    return min(own, session.waters_threshold(view))
