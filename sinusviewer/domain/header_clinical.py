"""Age and sex as an image's header says them, for the clinical data that a reader has not given."""

from dataclasses import dataclass, field, replace

from sinusviewer.domain.clinical import ClinicalData
from sinusviewer.domain.image import Identity

_YEARS_A_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_SEXES = {"M": False, "F": True}
_OLDEST = 120.0
_MAY_DIFFER_YEARS = 1.0
"""Between the age written and the one that follows from the birth date: some write the age of the next birthday."""


@dataclass(frozen=True, slots=True)
class HeaderClinical:
    """What a header says of the patient, and what is wrong with it (a sentence; empty where nothing is)."""

    data: ClinicalData = field(default_factory=ClinicalData)
    problem: str = ""


def header_clinical(identity: Identity) -> HeaderClinical:
    """Age (0010,1010), else from birth date and study date, and sex (0010,0040); unknown where they contradict each other."""
    female = _SEXES.get(identity.sex.strip().upper())
    written, reckoned = _written_age(identity.age), _age_between(identity.birth_date, identity.study_date)
    if written is not None and reckoned is not None and abs(written - reckoned) > _MAY_DIFFER_YEARS:
        problem = (
            f"The header's age ({written:.0f} years) and its birth date ({reckoned:.0f} years at the study) contradict "
            "each other: neither is taken."
        )
        return HeaderClinical(ClinicalData(female=female), problem)
    age = written if written is not None else reckoned
    return HeaderClinical(ClinicalData(age=age, female=female))


def with_header(given: ClinicalData, identity: Identity) -> ClinicalData:
    """What a reader gave, with age and sex from the header where the reader gave none."""
    header = header_clinical(identity).data
    return replace(
        given,
        age=header.age if given.age is None else given.age,
        female=header.female if given.female is None else given.female,
    )


def from_header(given: ClinicalData, identity: Identity) -> tuple[str, ...]:
    """The names of those values of ``with_header`` that are the header's."""
    header = header_clinical(identity).data
    return tuple(n for n in ("age", "female") if getattr(given, n) is None and getattr(header, n) is not None)


def _written_age(dicom_age: str) -> float | None:
    """Years of an age string (PS3.5 Table 6.2-1, AS); None for what is none."""
    number, unit = dicom_age.strip()[:-1], dicom_age.strip()[-1:].upper()
    if unit not in _YEARS_A_UNIT or not number.isdecimal():
        return None
    years = int(number) * _YEARS_A_UNIT[unit]
    return round(years, 2) if years <= _OLDEST else None


def _age_between(birth_date: str, study_date: str) -> float | None:
    """Whole years between two DICOM dates; None where one is missing or the other way round."""
    if not all(len(d) == 8 and d.isdecimal() for d in (birth_date, study_date)):
        return None
    years = (int(study_date) - int(birth_date)) // 10000
    return float(years) if 0 <= years <= _OLDEST else None
