"""Prior studies that the index knows: which one to offer beside the present study, and opening it there in one step."""

from collections.abc import Callable
from pathlib import Path

from sinusviewer.actions.opening import Opening
from sinusviewer.domain.image import Identity
from sinusviewer.domain.prior import Prior, same_name, same_patient, same_person_renumbered
from sinusviewer.domain.study import Study
from sinusviewer.errors import StorageError
from sinusviewer.records.former_owner import FormerOwners
from sinusviewer.records.study_index import IndexedStudy, StudyIndex
from sinusviewer.records.study_keys import SEPARATOR
from sinusviewer.session import Session


class Priors:
    """Asks the index; call only from the GUI thread."""

    def __init__(
        self, session: Session, opening: Opening, index: StudyIndex, owners: FormerOwners,
        there: Callable[[str], bool | None],
    ) -> None:  # fmt: skip
        self._session, self._opening, self._index, self._owners = session, opening, index, owners
        self._there = there
        self._dismissed: set[str] = set()
        opening.one_person = self.one_person

    def one_person(self, one: Identity, other: Identity) -> bool:
        """One number, or one that a reader said was corrected to the other; then names and birth dates must be equal as well."""
        if same_patient(one, other):
            return True
        if not same_person_renumbered(one, other):
            return False
        try:
            return other.patient_id in self._owners.former_numbers(one.patient_id) or (
                one.patient_id in self._owners.former_numbers(other.patient_id)
            )
        except (StorageError, ValueError):
            return False

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
            found += self._under_former_numbers(study)
        except (StorageError, ValueError):
            return None  # said aloud by whoever writes
        known = [
            one for one in found
            if same_name(one.patient_name, study.identity.patient_name)
            and (even_dismissed or one.study_instance_uid not in self._dismissed)
            and (one.study_instance_uid in session.studies or self._there(one.source))
        ]  # fmt: skip
        if not known:
            return None
        best = min(known, key=lambda one: _rank(one, study))
        earlier = bool(best.study_date) and best.study_date < study.identity.study_date
        return Prior(
            best.study_instance_uid, best.study_date, best.modalities, best.description, best.source, earlier, len(known) - 1,
            best.patient_id if best.patient_id != study.identity.patient_id else "",
        )  # fmt: skip

    def _under_former_numbers(self, study: Study) -> tuple[IndexedStudy, ...]:
        who = study.identity
        if not who.patient_name or not who.birth_date:
            return ()
        numbers = self._owners.former_numbers(who.patient_id)
        found = self._index.studies_under(numbers, who.birth_date, study.study_instance_uid)
        return tuple(one for one in found if one.patient_name)

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
