"""The verbs: open, look, read, accept, confirm, export. They submit jobs and change the session; they know no Qt."""

from dataclasses import dataclass

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.keeping import Trace, no_traces
from sinusviewer.actions.marking import MarkActions
from sinusviewer.actions.mask_editing import MaskEditing
from sinusviewer.actions.opening import Load, Opening, Preview, Scan
from sinusviewer.actions.reading import Read, ReadingActions
from sinusviewer.actions.shelf import Shelf
from sinusviewer.actions.stored_masks import StoredMaskActions
from sinusviewer.domain.study import Series, Study
from sinusviewer.errors import SinusViewerError
from sinusviewer.jobs.runner import JobRunner
from sinusviewer.session import Session

__all__ = ["Actions", "Continuation", "Engines", "JobDesk", "study_title"]


def no_preview(series: Series) -> bytes:
    """For scripts and tests that show no thumbnails."""
    raise SinusViewerError(f"No thumbnail of {series.kind.value}.")


@dataclass(frozen=True, slots=True)
class Engines:
    """The pieces of background work, as plain functions; ``app`` puts the real ones in, tests their own."""

    scan: Scan
    load: Load
    read: Read
    preview: Preview = no_preview


class Actions:
    """All verbs over one session and one runner, in six groups. Call only from the GUI thread."""

    def __init__(self, session: Session, runner: JobRunner, engines: Engines, trace: Trace = no_traces) -> None:
        self.session = session
        self.desk = JobDesk(session, runner)
        shelf = Shelf(session, self.desk)
        self.opening = Opening(session, self.desk, engines.scan, engines.load, engines.preview, shelf.tidy)
        self.reading = ReadingActions(session, self.desk, engines.read, engines.load, shelf.tidy, trace)
        self.marks = MarkActions(session)
        self.masks = MaskEditing(session, self.desk)
        self.stored_masks = StoredMaskActions(session, self.desk)
        self.opening.masks_taken = self.stored_masks.take


def study_title(study: Study | None) -> str:
    """Patient and date for the title bar."""
    if study is None:
        return ""
    who = study.identity
    return " · ".join(p for p in (who.patient_name.replace("^", " ").strip(), who.patient_id, who.study_date) if p)
