"""The one place where pydicom's and Pillow's remarks are silenced, and where it is said what it raises on damaged files.

Every fault that matters to a reader becomes an ``ImageWarning`` or a ``DicomReadError``; the remarks would only reach a
log, sometimes with a patient's name in them. ``warnings.catch_warnings`` is not safe with threads, so a filter by module
is set instead.
"""

import logging
import warnings
import zlib
from struct import error as struct_error

import pydicom.config
from pydicom.errors import BytesLengthException, InvalidDicomError

PYDICOM_ERRORS = (
    InvalidDicomError, BytesLengthException, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, ArithmeticError, MemoryError, LookupError, AssertionError, struct_error,
    zlib.error,
)  # fmt: skip
"""What pydicom and its decoders raise on files that break the standard (RecursionError is a RuntimeError)."""

_MODULES = r"(pydicom|pylibjpeg|openjpeg|rle|jpeg_ls|highdicom|PIL)(\..*)?"


def quiet_readers() -> None:
    """Silence the readers' warnings; cheap, and safe to call from any thread before any use of it."""
    first = warnings.filters[0] if warnings.filters else None
    if first is None or first[0] != "ignore" or getattr(first[3], "pattern", None) != _MODULES:
        warnings.filterwarnings("ignore", module=_MODULES)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
