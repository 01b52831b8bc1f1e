"""A patient's probability from what the network says and what was measured: a logistic regression on the card.

Hua 2022 took the mean over a patient's slices, He 2023 the network's softmax. These are kept and shown; where a card holds a
patient model, the probability is this one's.
"""

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sinusviewer.errors import ModelFileError

SLICES, NETWORK = "slices", "network"
"""Log odds, uncalibrated: of the mean of the slices, of the recurrence network's score. The other inputs are measured."""
_NEAREST = 1e-4


class PatientTerm(BaseModel):
    """One input: ``weight * (value - center)`` is what it adds to the log odds; a value that is not known adds nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    weight: float
    center: float


class PatientModel(BaseModel):
    """The regression, and on whom it was fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float
    terms: tuple[PatientTerm, ...] = Field(min_length=1)
    fitted_on: str = Field(min_length=1)
    threshold: float = Field(ge=0, le=1)
    """Of this model's probability; the card's own threshold stays that of the network's score."""

    @model_validator(mode="after")
    def _each_once(self) -> "PatientModel":
        if len({t.name for t in self.terms}) != len(self.terms):
            raise ValueError("an input is named twice")
        return self

    def log_odds(self, values: Mapping[str, float | None]) -> float:
        """Log odds of the disease for ``values`` by input name."""
        return self.intercept + sum(self.contributions(values).values())

    def contributions(self, values: Mapping[str, float | None]) -> dict[str, float]:
        """What each input adds to the log odds, beside a usual patient's.

        Raises
        ------
        ModelFileError
            Where the model reads what ``values`` does not name: it was fitted on other measurements.
        """
        unknown = [t.name for t in self.terms if t.name not in values]
        if unknown:
            raise ModelFileError(
                f"The patient model reads “{unknown[0]}”, which is not measured.",
                "Fit it again with this version: sinustrainer fit-patient-model.",
            )
        return {
            t.name: 0.0 if (value := values.get(t.name)) is None else t.weight * (value - t.center) for t in self.terms
        }

    def probability(self, values: Mapping[str, float | None]) -> float:
        """Probability of the disease, 0-1."""
        return 0.5 * (1 + math.tanh(0.5 * self.log_odds(values)))


def log_odds(probability: float) -> float:
    """Log odds of a probability, held away from 0 and 1."""
    clipped = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(clipped / (1 - clipped))
