"""The contract of a model's weights: what goes in, what comes out, at which threshold, trained on what, known limits.

One ``card.json`` lies beside each ``model.onnx``. Training writes it, reading validates it; nothing about a model is known
from anywhere else, so training and reading cannot drift apart.
"""

import hashlib
import math
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sinusviewer.domain.finding import ModelReference
from sinusviewer.errors import ModelFileError
from sinusviewer.inference.patient_model import PatientModel

CARD_FILE = "card.json"
MODEL_FILE = "model.onnx"


class ModelTask(StrEnum):
    """What a model is for; the pipelines choose by it."""

    WATERS_PATCH = "waters_patch"
    WATERS_SINUSITIS = "waters_sinusitis"
    SINUS_SEGMENTATION = "sinus_segmentation"
    ECRS = "ecrs"
    RECURRENCE = "recurrence"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Frozen):
    """The one input of the ONNX graph.

    Attributes
    ----------
    shape
        Fixed sizes; ``None`` where any size goes (the batch).
    spacing_mm
        (z, y, x) or (y, x) of the grid the network reads; None for radiographs, which have no reliable spacing.
    preprocessing
        ``{"name": ..., parameters}`` of :mod:`sinusviewer.imaging.preprocess`.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: Literal["float32"] = "float32"
    spacing_mm: tuple[float, ...] | None = None
    preprocessing: dict[str, Any] = Field(default_factory=dict)


class OutputSpec(_Frozen):
    """One output of the ONNX graph, by name, and what it means."""

    name: str
    meaning: str
    shape: tuple[int | None, ...]


class Calibration(_Frozen):
    """Makes a probability of a score: ``sigmoid(logit(score) / temperature + bias)``."""

    method: Literal["temperature", "platt"] = "temperature"
    temperature: float = Field(default=1.0, gt=0)
    bias: float = 0.0
    fitted_on: str = ""

    def apply(self, score: float) -> float:
        """Calibrated probability of a score in [0, 1]."""
        clipped = min(max(score, 1e-6), 1 - 1e-6)
        logit = math.log(clipped / (1 - clipped)) / self.temperature + self.bias
        return 0.5 * (1 + math.tanh(0.5 * logit))

    def undo(self, probability: float) -> float:
        """The score that :meth:`apply` makes this probability of."""
        clipped = min(max(probability, 1e-6), 1 - 1e-6)
        logit = (math.log(clipped / (1 - clipped)) - self.bias) * self.temperature
        return 0.5 * (1 + math.tanh(0.5 * logit))


class ModelCard(_Frozen):
    """What is known of a model, as written in ``card.json``."""

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    task: ModelTask
    file: str = MODEL_FILE
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    input: InputSpec
    outputs: tuple[OutputSpec, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    threshold: float = Field(ge=0, le=1)
    calibration: Calibration | None = None
    patient_model: PatientModel | None = None
    """ECRS, recurrence: joins the network's score with the measured extent; without it, the result is the network's alone."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    trained_on: str = Field(min_length=1)
    limits: tuple[str, ...] = ()
    licence: str = "Apache-2.0"

    @model_validator(mode="after")
    def _file_stays_in_the_folder(self) -> "ModelCard":
        if Path(self.file).name != self.file:
            raise ValueError("file must be a plain file name beside the card")
        return self

    @property
    def result_threshold(self) -> float:
        """Threshold of the result that is shown: the patient model's where there is one, else the network's."""
        return self.threshold if self.patient_model is None else self.patient_model.threshold

    @property
    def reference(self) -> ModelReference:
        """What a result keeps of the model that made it."""
        return ModelReference(self.name, self.version, self.sha256, self.trained_on)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_card(folder: Path) -> ModelCard:
    """Read and validate ``folder/card.json``.

    Raises
    ------
    ModelFileError
        Where it is missing, no JSON, or not what a card must hold; the first fault is named.
    """
    path = folder / CARD_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(
            f"The model card of “{folder.name}” cannot be read.", "Install the model again."
        ) from error
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "card"
        raise ModelFileError(
            f"The model card of “{folder.name}” is not valid: {place}: {first['msg']}.", "Install the model again."
        ) from error


def save_card(card: ModelCard, folder: Path) -> Path:
    """Write ``folder/card.json`` whole or not at all, and return its path."""
    path = folder / CARD_FILE
    temporary = folder / f".{CARD_FILE}.part"
    temporary.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def verify_weights(card: ModelCard, folder: Path) -> Path:
    """Path of the weights, once their checksum has been found equal to the card's.

    Raises
    ------
    ModelFileError
        Where the file is missing or its SHA-256 differs.
    """
    path = folder / card.file
    if not path.is_file():
        raise ModelFileError(f"The weights of “{card.name}” are missing.", "Install the model again.")
    if sha256_of(path) != card.sha256:
        raise ModelFileError(
            f"The weights of “{card.name}” were changed: their checksum differs from the card's.",
            "Install the model again from a source you trust.",
        )
    return path
