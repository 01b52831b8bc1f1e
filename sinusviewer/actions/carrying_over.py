"""A corrected patient number: the offer to carry over what was kept under the former one, and doing it once a person said so."""

from dataclasses import dataclass, replace

from sinusviewer.actions.opening import Opening
from sinusviewer.actions.pending_writes import PendingWrites
from sinusviewer.actions.reporting import Reporting
from sinusviewer.actions.restoring import DECISION
from sinusviewer.domain.study import Study
from sinusviewer.errors import StorageError
from sinusviewer.records.findings import FindingStore
from sinusviewer.records.former_owner import FormerOwner, FormerOwners
from sinusviewer.records.study_keys import SEPARATOR, RecordsKey
from sinusviewer.session import Session


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked of the reader: whether the patient on screen is the one of the former number."""

    study_instance_uid: str
    former_number: str
    number: str
    signed: bool


class CarryingOver:
    """The verbs of a corrected number over one session; call only from the GUI thread."""

    def __init__(
        self, session: Session, opening: Opening, findings: FindingStore, owners: FormerOwners, pending: PendingWrites,
        reporting: Reporting,
    ) -> None:  # fmt: skip
        self._session, self._opening, self._findings, self._owners = session, opening, findings, owners
        self._pending, self._reporting = pending, reporting

    def offered(self) -> Offer | None:
        """What to ask of the current study; None where nothing of it was kept under another number."""
        study, former = self._former()
        if study is None or former is None:
            return None
        try:
            signed = bool(self._findings.signed_reports(former.key))
        except StorageError:
            return None
        return Offer(study.study_instance_uid, former.patient_id, study.identity.patient_id, signed)

    def carry_over(self) -> None:
        """The reader confirms that it is one person: the study comes back with what was kept of it, and the history says so."""
        session = self._session
        self._pending.flush(quietly=True)
        self._reporting.write_drafts()
        if (
            self._pending.waits or self._reporting.drafts_wait
        ):  # it would be written later to a key that is nobody's by then
            session.say(
                "Not carried over: work on this study could not be written yet.", "error",
                "Make space on the disk, then try again.",
            )  # fmt: skip
            return
        study, former = self._former()
        if study is None or former is None:
            session.say(
                "Not carried over: this study was worked on under its present number, or the records cannot be read.",
                "warning",
            )  # fmt: skip
            return
        uid = study.study_instance_uid
        here, who = self._findings.key_of(uid), study.identity
        try:
            with self._findings.together():  # both or neither: a record alone would make one person of two numbers
                self._record(former.key, "number_corrected", former, who.patient_id)
                self._owners.hand_over(uid, former, who)
        except StorageError as error:
            session.say(f"Not carried over. {error.message}", "error", error.hint)
            return
        plain, beside = _without_mark(study, here), self._shown_beside(study)
        self._opening.put_away(uid)
        session.add_studies((self._opening.owned(plain),))
        self._opening.show_study(uid)
        if beside is not None:
            self._opening.compare_study(beside)
        session.say(f"Carried over from number {former.patient_id}: readings, boxes, masks, reports.")

    def _shown_beside(self, study: Study) -> str | None:
        """UID of another study that is on screen with this one."""
        session = self._session
        shown = (session.study_of(session.views[view].series_key) for view in session.shown_views)
        return next((s.study_instance_uid for s in shown if s is not None and s is not study), None)

    def keep_apart(self) -> None:
        """The reader says that these are two people: recorded, and not asked again."""
        study, former = self._former()
        if study is None or former is None:
            return
        try:
            here = self._findings.key_of(study.study_instance_uid)
            self._record(here, "kept_apart", former, study.identity.patient_id)
        except StorageError as error:
            self._session.say(error.message, "error", error.hint)
            return
        self._session.say("Kept apart: what is kept under the two numbers is never joined.")

    def _record(self, key: RecordsKey, action: str, former: FormerOwner, number: str) -> None:
        content = {"former_patient_id": former.patient_id, "patient_id": number}
        self._findings.record(key, "", "", f"{DECISION}{action}", action, content)

    def _former(self) -> tuple[Study | None, FormerOwner | None]:
        study = self._session.study
        if study is None:
            return None, None
        try:
            return study, self._owners.of(study.study_instance_uid, study.identity)
        except StorageError:
            return study, None


def _without_mark(study: Study, key: RecordsKey) -> Study:
    """The study as it was scanned: its series under their own keys."""
    end = f"{SEPARATOR}{key.mark}"
    return replace(study, series=tuple(replace(s, key=s.key.removesuffix(end)) for s in study.series))
