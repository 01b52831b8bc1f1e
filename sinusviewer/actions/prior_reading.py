"""The reading of an earlier CT that a CT is compared with."""

from sinusviewer.domain.prior import may_be_two_people, same_name, same_patient
from sinusviewer.domain.reading import SeriesReading
from sinusviewer.domain.study import Study
from sinusviewer.session import Session


def prior_reading(session: Session, study: Study | None) -> tuple[SeriesReading, str] | None:
    """The newest reading with sinuses of an earlier study that is open, and its date; None where there is none.

    Only of the same patient beyond doubt (number, birth date and name), and only where both dates are known.
    """
    if study is None or not study.identity.study_date:
        return None
    here, found = study.identity, []
    for key, reading in session.readings.items():
        other = session.study_of(key.partition("/")[0])
        if other is None or other is study or not reading.sinuses:
            continue
        who = other.identity
        one = same_patient(who, here) and same_name(who.patient_name, here.patient_name)
        if one and not may_be_two_people(who, here) and "" < who.study_date < here.study_date:
            found.append((who.study_date, reading))
    if not found:
        return None
    date, reading = max(found, key=lambda pair: pair[0])
    return reading, date
