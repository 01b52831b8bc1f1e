"""Clinical data that the recurrence nomogram reads; None is missing."""

from dataclasses import dataclass, fields

import numpy as np

INPUT_WORDS = {
    "asthma": "asthma",
    "allergic_rhinitis": "allergic rhinitis",
    "ar": "allergic rhinitis",
    "eosinophils_per_ul": "eosinophils (cells/µL)",
    "eos": "eosinophils (cells/µL)",
    "dlr": "DLR score",
    "dlr_score": "DLR score",
    "age": "age",
    "female": "female",
    "smoking": "smoking",
    "drinking": "drinking",
    "hypertension": "hypertension",
    "diabetes": "diabetes",
}
"""Inputs of a nomogram as people call them, by the contract's names and by short ones."""


@dataclass(frozen=True, slots=True)
class ClinicalData:
    """One patient's clinical data (He 2023, Table 1)."""

    age: float | None = None
    female: bool | None = None
    asthma: bool | None = None
    allergic_rhinitis: bool | None = None
    eosinophils_per_ul: float | None = None
    smoking: bool | None = None
    drinking: bool | None = None
    hypertension: bool | None = None
    diabetes: bool | None = None
    overruled_dlr_score: float | None = None
    """A reader's own radiomic score (0-1) in the place of the one read from the CT."""

    def values(self) -> dict[str, float | None]:
        """All fields as numbers (booleans 0 or 1), None where missing."""
        result: dict[str, float | None] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            result[f.name] = None if value is None or (isinstance(value, float) and np.isnan(value)) else float(value)
        return result


def input_words(name: str) -> str:
    """A nomogram's input in words, without its unit."""
    return INPUT_WORDS.get(name, name.replace("_", " ")).partition(" (")[0]
