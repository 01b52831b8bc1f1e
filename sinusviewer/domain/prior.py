"""Another study of the same patient that may be shown beside the present one, and who counts as the same patient."""

from dataclasses import dataclass

from sinusviewer.domain.image import Identity


@dataclass(frozen=True, slots=True)
class Prior:
    """A study that is offered; ``others`` counts those of the patient that could be offered after it."""

    study_instance_uid: str
    study_date: str
    modalities: str
    description: str
    source: str
    is_earlier: bool
    others: int = 0
    former_number: str = ""
    """The number that the study bears, where the patient's was corrected since."""


def same_name(one: str, other: str) -> bool:
    """Whether two DICOM names can be one person's: equal but for case and marks, or not both given."""
    first, second = (" ".join(n.split("=")[0].replace("^", " ").casefold().split()) for n in (one, other))
    return first == second or not first or not second


def same_patient(one: Identity, other: Identity) -> bool:
    """Equal numbers, and no birth dates that differ: two hospitals may have given one number to two people."""
    if not one.patient_id or one.patient_id != other.patient_id:
        return False
    return one.birth_date == other.birth_date or not one.birth_date or not other.birth_date


def same_person_renumbered(one: Identity, other: Identity) -> bool:
    """Equal names and birth dates, all given: what must hold beside a corrected number before two studies are of one person."""
    given = one.patient_name and other.patient_name and one.birth_date
    return bool(given) and same_name(one.patient_name, other.patient_name) and one.birth_date == other.birth_date


def may_be_two_people(one: Identity, other: Identity) -> bool:
    """Numbers or birth dates that are both given and differ."""
    pairs = ((one.patient_id, other.patient_id), (one.birth_date, other.birth_date))
    return any(a and b and a != b for a, b in pairs)
