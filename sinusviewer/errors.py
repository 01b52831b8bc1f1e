"""Errors a person can act on: a sentence that says what went wrong and a hint that says what to do."""


class SinusViewerError(Exception):
    """A failure with a sentence for the user and a hint.

    Parameters
    ----------
    message
        One sentence, without patient names or identifiers.
    hint
        What the user can do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(SinusViewerError):
    """A file, table or argument from outside does not hold what it must."""


class DicomReadError(InputError):
    """A DICOM file cannot be read or decoded."""


class GeometryError(SinusViewerError):
    """Slices do not form a volume, or an image has no usable geometry."""


class ModelFileError(SinusViewerError):
    """A model, its card or its checksum is missing, changed or invalid."""


class InferenceError(SinusViewerError):
    """A network could not be run."""


class OutOfMemoryError(InferenceError):
    """A network did not fit into memory, even after falling back."""


class StorageError(SinusViewerError):
    """A file or database could not be written or is damaged."""


class CancelledError(SinusViewerError):
    """The work was cancelled; nothing is wrong."""

    def __init__(self, message: str = "Cancelled.", hint: str = "") -> None:
        super().__init__(message, hint)
