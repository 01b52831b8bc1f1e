"""SNOMED CT codes of the sinuses, and what only this program can say in codes of its own."""

from pydicom.sr.coding import Code

from sinusviewer.domain.anatomy import SINUS_CODES, AnySide, Side, Sinus, Structure

SCHEME = "99SINUSVIEWER"

SINUS_CODE: dict[Sinus, Code] = {
    Sinus.MAXILLARY: Code("15924003", "SCT", "Maxillary sinus"),
    Sinus.ANTERIOR_ETHMOID: Code("54215007", "SCT", "Ethmoid sinus"),
    Sinus.POSTERIOR_ETHMOID: Code("54215007", "SCT", "Ethmoid sinus"),
    Sinus.FRONTAL: Code("55060009", "SCT", "Frontal sinus"),
    Sinus.SPHENOID: Code("24999009", "SCT", "Sphenoid sinus"),
}
"""No code tells the anterior from the posterior ethmoid; the label of the segment does."""
NASAL_CAVITY = Code("279549004", "SCT", "Nasal cavity")
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
LATERALITY: dict[Side, Code] = {Side.RIGHT: Code("24028007", "SCT", "Right"), Side.LEFT: Code("7771000", "SCT", "Left")}

VOLUME = Code("118565006", "SCT", "Volume")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
MEAN = Code("373098007", "SCT", "Mean")
OPACIFIED_PART = Code("OPACIFIED_PART", SCHEME, "Opacified part of a sinus")
OPACIFIED = Code("OPACIFIED", SCHEME, "Opacified fraction of a sinus")
LUND_MACKAY = Code("LUND_MACKAY", SCHEME, "Lund-Mackay score")
LUND_MACKAY_SIDE = Code("LUND_MACKAY_SIDE", SCHEME, "Lund-Mackay score of a side")
LUND_MACKAY_TOTAL = Code("LUND_MACKAY_TOTAL", SCHEME, "Lund-Mackay score, total")
SINUSITIS_SCORE = Code("SINUSITIS_SCORE", SCHEME, "Score of sinusitis on a Waters' view")
ECRS_PROBABILITY = Code("ECRS_PROBABILITY", SCHEME, "Probability of eosinophilic chronic rhinosinusitis")
STANDING = Code("STANDING", SCHEME, "What may be made of a computed probability")
STANDING_WORDS = {
    "given": Code("GIVEN", SCHEME, "Given"),
    "doubtful": Code("DOUBTFUL", SCHEME, "Doubtful"),
    "withheld": Code("WITHHELD", SCHEME, "Withheld: the images do not suffice"),
}
AIR_FLUID_LEVEL = Code("112104", "DCM", "Air-fluid level")
PRESENCE = {True: Code("52101004", "SCT", "Present"), False: Code("272519000", "SCT", "Absent")}
DLR_SCORE = Code("DLR_SCORE", SCHEME, "Radiomic score of recurrence")
RECURRENCE_RISK = Code("RECURRENCE_RISK", SCHEME, "Risk of recurrence after surgery")
READER_STATUS = Code("READER_STATUS", SCHEME, "What the reader said of the finding")
READER_WORDS = {
    "proposed": Code("PROPOSED", SCHEME, "Proposed by software, not reviewed"),
    "accepted": Code("ACCEPTED", SCHEME, "Accepted by the reader"),
    "edited": Code("EDITED", SCHEME, "Edited by the reader"),
    "rejected": Code("REJECTED", SCHEME, "Rejected by the reader"),
}
ABNORMALITY = Code("49755003", "SCT", "Morphologically Abnormal Structure")

PLACE_OF: dict[Structure, tuple[Sinus, Side]] = {code: place for place, code in SINUS_CODES.items()}


def structure_label(structure: Structure, *, verified: bool) -> str:
    """A segment's label; image-left and image-right where nothing proves the patient's sides."""
    words = structure.name.replace("_", " ").lower()
    if not verified and structure in PLACE_OF:
        side = PLACE_OF[structure][1]
        words = f"image-{'left' if side is Side.RIGHT else 'right'} {words.partition(' ')[2]}"
    return words.capitalize()


def laterality(side: AnySide) -> Code | None:
    return LATERALITY.get(side) if isinstance(side, Side) else None
