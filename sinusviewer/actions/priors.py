"""Prior studies that the index knows: which one to offer beside the present study, and opening it there in one step."""

from pathlib import Path

from sinusviewer.actions.opening import Opening
from sinusviewer.domain.prior import Prior, same_name
from sinusviewer.domain.study import Study
from sinusviewer.errors import StorageError
from sinusviewer.records.study_index import IndexedStudy, StudyIndex
from sinusviewer.records.study_keys import SEPARATOR
from sinusviewer.session import Session


class Priors:
    """Asks the index; call only from the GUI thread."""

    def __init__(self, session: Session, opening: Opening, index: StudyIndex) -> None:
        self._session, self._opening, self._index = session, opening, index
        self._dismissed: set[str] = set()

    def offered(self, *, even_dismissed: bool = False) -> Prior | None:
        """The study to offer: of the same kind before others, earlier before later, nearest in time first."""
        session = self._session
        study = session.study
        if study is None or not study.identity.patient_id:
            return None
        beside = {session.study_of(session.views[v].series_key) for v in session.shown_views} - {None, study}
        if beside:  # another one stands there already
            return None
        try:
            found = self._index.prior_studies(study.identity.patient_id, study.study_instance_uid)
        except StorageError:
            return None  # said aloud by whoever writes
        known = [
            one for one in found
            if same_name(one.patient_name, study.identity.patient_name)
            and (even_dismissed or one.study_instance_uid not in self._dismissed)
            and (one.study_instance_uid in session.studies or one.is_available)
        ]  # fmt: skip
        if not known:
            return None
        best = min(known, key=lambda one: _rank(one, study))
        earlier = bool(best.study_date) and best.study_date < study.identity.study_date
        return Prior(
            best.study_instance_uid, best.study_date, best.modalities, best.description, best.source, earlier, len(known) - 1
        )  # fmt: skip

    def open_beside(self, prior: Prior) -> None:
        """Show it beside the present study; its files are looked through first where it is not open."""
        if prior.study_instance_uid in self._session.studies:
            self._opening.compare_study(prior.study_instance_uid)
        else:
            uid = prior.study_instance_uid.partition(SEPARATOR)[0]
            self._opening.open_beside(Path(prior.source), uid)

    def dismiss(self, study_instance_uid: str) -> None:
        """Offer a study no more until the next start."""
        self._dismissed.add(study_instance_uid)


def _rank(one: IndexedStudy, study: Study) -> tuple[bool, bool, int]:
    kinds = {s.identity.modality for s in study.series}
    film = {"CR", "DX"}
    theirs = set(one.modalities.split("/"))
    alike = bool(kinds & theirs) or bool(kinds & film and theirs & film)
    date, here = one.study_date, study.identity.study_date
    days = -int(date) if date.isdigit() and date < here else int(date) if date.isdigit() else 0
    return not alike, not (date and date < here), days
