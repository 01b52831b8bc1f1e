"""Looking values up in a DICOM table; free of pydicom, so that the display does not wait for it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sinusviewer.domain.image import LookupTable


def apply_table(values: npt.NDArray[Any], table: LookupTable) -> npt.NDArray[np.uint16]:
    """Look values up; inputs beyond either end take that end's output (PS3.3 C.11.1.1)."""
    index = np.clip(values.astype(np.int64) - table.first_mapped, 0, len(table.values) - 1)
    return np.asarray(table.values[index])
